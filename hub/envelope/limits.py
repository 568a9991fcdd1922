"""How large an envelope, a document and a drop may be."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Most bytes of each; what is larger is refused as LimitExceeded. A drop: all documents."""

    envelope: int = 16 * MIB
    document: int = 1024 * MIB
    drop: int = 2 * 1024 * MIB
