"""Whether there is room where the hub writes: intake stops before a disk is full.

What must stay free (`limits.free_space`) is for what was taken already: its seals, results and
receipts. Looking is one statvfs(2) for each file system; it is done for each batch, never kept.

Limits: files that others write between a look and the end of a batch are not foreseen.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.telemetry import logger

LARGE = 8 * 1024**2  # bytes; a drop with a larger document is worked by itself
LEAST_FILES = 1000  # of a batch its claims, segments and receipts, and receipts of what is open


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a file system beyond what must stay free.

    name: what lies there; files: None where the file system does not count them
    """

    name: str
    size: int
    files: int | None

    def enough(self, size: int) -> bool:
        """Whether so many bytes fit, and the files of a batch."""
        return self.size >= size and (self.files is None or self.files >= 0)


@dataclass(slots=True, kw_only=True)  # `short` turns
class Room:
    """The file systems that a worker writes to.

    folders: by what lies there; the vault under VAULT
    least: bytes that must stay free on each
    short: where too little was left at the last look
    """

    folders: Mapping[str, Path]
    least: int
    short: Left | None = None

    def look(self) -> bool:
        """Look whether another batch may begin; each change is logged once.

        Room for a drop that is not large must be left beyond the least; to go on, for two.
        """
        was, needed = self.short, 2 * LARGE if self.short else LARGE
        tight = [left for left in map(self.left, self.folders) if not left.enough(needed)]
        self.short = min(tight, key=lambda one: one.size, default=None)
        if self.short and not was:
            free = max(0, self.short.size + self.least)
            logger().error("intake stops - too little room", code=self.short.name, bytes=free)
        elif was and not self.short:
            logger().info("intake goes on - there is room again", code=was.name)
        return self.short is None

    def left(self, name: str) -> Left:
        """Return what is left where `name` lies; nothing where that cannot be told."""
        try:
            found = os.statvfs(self.folders[name])
        except OSError:  # not there, or out of order: nothing can be written
            return Left(name=name, size=-self.least, files=None)
        files = found.f_favail - LEAST_FILES if found.f_files else None
        return Left(name=name, size=found.f_bavail * found.f_frsize - self.least, files=files)


VAULT = "vault"


def places(vault: Path, database: Path, spools: Mapping[str, Path]) -> dict[str, Path]:
    """Return one folder for each file system that the hub writes to, the vault's first.

    database: its folder; spools: by `tenant/procedure`. All of them are there.
    """
    found: dict[int, tuple[str, Path]] = {}
    for name, folder in {VAULT: vault, "database": database, **spools}.items():
        found.setdefault(folder.stat().st_dev, (name, folder))
    return dict(found.values())
