"""What a plugin's process may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a plugin's process and of all that it starts; None: none.

    memory: bytes of address space for each process, and of memory for all together
    file_size: bytes of the largest file it may write
    processes: how many it may start beside its own
    """

    memory: int | None = 1024**3
    file_size: int | None = 2 * 1024**3
    processes: int | None = 16
