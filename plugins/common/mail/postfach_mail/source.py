"""Where messages wait: what a folder and a server have in common."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Away(Exception):
    """The messages cannot be had now; the text says why, and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that waits: its name there, its size in bytes, and when it came."""

    name: str
    size: int
    at: datetime


class Box(Protocol):
    """Open, for as long as one call needs it. Everything raises Away."""

    def waiting(self) -> Iterator[Waiting]:
        """Give what waits, the oldest first."""
        ...

    def read(self, message: Waiting) -> bytes:
        """Return a message's bytes; LookupError where another reader has taken it."""
        ...

    def take(self, message: Waiting) -> None:
        """Mark a message as taken: it waits no more, and is not deleted."""
        ...

    def set_aside(self, message: Waiting, why: str) -> None:
        """Mark a message as one that cannot be taken."""
        ...

    def refused(self) -> int:
        """Return how many were set aside and lie there still."""
        ...


class Source(Protocol):
    """What can be opened."""

    def open(self) -> AbstractContextManager[Box]:
        """Open it. Raises Away."""
        ...
