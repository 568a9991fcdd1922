"""Whether the journal's files are still the ones that were opened.

A database that is deleted, or replaced, under a hub goes on without an error: SQLite writes into
files that have no name any more, and all of it is gone with the process. So each commit looks
afterwards, and one that nobody would find again does not count.
"""

import os
from pathlib import Path

from hub.errors import StorageFailed
from hub.telemetry import logger


class Presence:
    """The files of one database, as they were when it was opened."""

    def __init__(self, path: Path) -> None:
        """Remember them: the database, and its write-ahead log, in which the last commits lie."""
        files = (path, path.with_name(f"{path.name}-wal"))
        self._files = {file: found for file in files if (found := _identity(file))}

    def check(self) -> None:
        """Raise StorageFailed where one of them is gone, or another one took its place."""
        for file, opened in self._files.items():
            if _identity(file) != opened:
                logger().error("database deleted or replaced under the hub")
                raise StorageFailed(
                    "the file was deleted or replaced while the hub works with it",
                    where=str(file),
                    fix="Put the same file back; or copy both, database and -wal, out of "
                    f"/proc/{os.getpid()}/fd while the hub lives, stop it, and put them there",
                )


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
