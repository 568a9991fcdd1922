"""Messages as files, as a mail server's delivery or a person puts them there.

<folder>/.mail                marks it; absent: not mounted, nothing came back is not said
<folder>/<name>.eml           a message; written aside, without this ending, and renamed
<folder>/taken/<name>.eml     what the hub has stored
<folder>/refused/<name>.eml   what cannot be taken, and `<name>.eml.reason.txt`
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from postfach_mail.source import Away, Box, Waiting

MARKER, TAKEN, REFUSED, ENDING, REASON = ".mail", "taken", "refused", ".eml", ".reason.txt"
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of messages."""

    path: Path

    @contextmanager
    def open(self) -> Iterator[Box]:
        """Open it. Raises Away."""
        with _away():
            (self.path / MARKER).stat()
            yield _Files(path=self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    path: Path

    def waiting(self) -> Iterator[Waiting]:
        found = []
        for name in os.listdir(self.path):  # noqa: PTH208  # names alone, of perhaps very many
            if not name.endswith(ENDING) or name.startswith("."):
                continue
            with suppress(FileNotFoundError):  # another reader took it
                facts = (self.path / name).lstat()
                size = facts.st_size if stat.S_ISREG(facts.st_mode) else 0
                at = datetime.fromtimestamp(facts.st_mtime, UTC)
                found.append(Waiting(name=name, size=size, at=at))
        yield from sorted(found, key=lambda each: (each.at, each.name))

    def read(self, message: Waiting) -> bytes:
        try:
            fd = os.open(self.path / message.name, _FILE)
        except FileNotFoundError as error:
            raise LookupError(message.name) from error
        except OSError as error:
            if error.errno in (40, 6):  # ELOOP, ENXIO: a link, a pipe
                return b""
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return b""
        with os.fdopen(fd, "rb") as file:
            return file.read(message.size + 1)[: message.size]

    def take(self, message: Waiting) -> None:
        self._move(message.name, TAKEN)

    def set_aside(self, message: Waiting, why: str) -> None:
        folder = self.path / REFUSED
        folder.mkdir(exist_ok=True)
        (folder / f"{message.name}{REASON}").write_text(f"{why}\n", "utf-8")
        self._move(message.name, REFUSED)

    def refused(self) -> int:
        with suppress(FileNotFoundError):
            return sum(not each.name.endswith(REASON) for each in (self.path / REFUSED).iterdir())
        return 0

    def _move(self, name: str, into: str) -> None:
        folder = self.path / into
        folder.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # another reader was first
            (self.path / name).rename(folder / name)
        for each in (folder, self.path):
            fd = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Away(f"the folder of messages: {error.strerror or 'cannot be read'}") from error
