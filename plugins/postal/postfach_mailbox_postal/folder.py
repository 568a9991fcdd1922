"""The folder that the hub and a print service share.

    <path>/.print-service           marks it; absent: not mounted, the hub tries again
    <path>/jobs/<key>/              a letter: job.xml, 00-cover.pdf, 01.pdf, ...; the print service
                                    takes the whole folder away when it has it
    <path>/results/<name>.xml       what became of letters; the print service writes it aside under
                                    a name with a leading dot, and renames it
    <path>/results/.taken/          results that the hub has stored
    <path>/results/.refused/        files that are no results, each with `<name>.reason.txt`
    <path>/.handed/<key>.json       the first answer for each letter, kept for good: a letter that
                                    the print service took away is not handed over again
    <path>/.making/                 letters on their way
    <path>/.locks/                  who makes them

Crash safety: a letter is written aside and synced; then its answer is linked, which decides that it
is handed over; then it is renamed into `jobs`. Whoever finds the answer without that finishes it.
All of it is done under a lock, one for each first digit of the key, so that two hubs do not make
one letter.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from postfach_mailbox import Deposited, Evidence
from postfach_mailbox.outcomes import EVIDENCE_MAX

MARKER = ".print-service"
JOBS, HANDED, MAKING, LOCKS = "jobs", ".handed", ".making", ".locks"
WAIT = 0.05  # seconds between looks whether a lock is free
FOLDER_MODE, FILE_MODE = 0o750, 0o640
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Decided(Exception):
    """It failed after the answer was written: the letter will be handed over, or has been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Open folders: of letters on their way, of answers, of letters to be taken."""

    making: int
    handed: int
    jobs: int


@contextmanager
def opened(path: Path, key: str, deadline: float) -> Iterator[Places]:
    """Open the folder, alone for this letter. Raises OSError: it is away, or not to be had in time.

    deadline: on CLOCK_BOOTTIME
    """
    with ExitStack() as stack:
        root = _open(stack, path, os.O_RDONLY | os.O_DIRECTORY)
        os.stat(MARKER, dir_fd=root)
        folders = {}
        for name in (MAKING, HANDED, JOBS, LOCKS):
            with suppress(FileExistsError):
                os.mkdir(name, FOLDER_MODE, dir_fd=root)
                os.fsync(root)
            folders[name] = _open(stack, name, FOLDER, root)
        _lock(
            _open(stack, key[0], os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, folders[LOCKS]), deadline
        )
        yield Places(making=folders[MAKING], handed=folders[HANDED], jobs=folders[JOBS])


def _lock(fd: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.clock_gettime(time.CLOCK_BOOTTIME) > deadline:
                raise
            time.sleep(WAIT)
        else:
            return


def earlier(places: Places, key: str) -> Deposited | None:
    """Return the first answer for a letter, once it is handed over; None where there is none.

    Raises Decided, OSError.
    """
    try:
        fd = os.open(f"{key}.json", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=places.handed)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        data = file.read(EVIDENCE_MAX)
    hand_over(places, key)
    return _deposited(data)


@contextmanager
def making(places: Places, key: str) -> Iterator[int]:
    """Give the empty folder in which a letter is made; it is synced at the end. Raises OSError."""
    with suppress(FileNotFoundError):  # what a crash left: no answer was written for it
        shutil.rmtree(key, dir_fd=places.making)
    os.mkdir(key, FOLDER_MODE, dir_fd=places.making)
    with ExitStack() as stack:
        folder = _open(stack, key, FOLDER, places.making)
        yield folder
        os.fsync(folder)
        os.fsync(places.making)


@contextmanager
def new_file(folder: int, name: str) -> Iterator[BinaryIO]:
    """Give a new file, synced at the end. Raises OSError."""
    fd = os.open(name, NEW, FILE_MODE, dir_fd=folder)
    with os.fdopen(fd, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def decide(places: Places, key: str, answer: dict[str, Any]) -> Deposited:
    """Write the answer for a letter that is made, then hand it over. Raises Decided, OSError."""
    data = json.dumps(answer, separators=(",", ":"), sort_keys=True).encode()
    aside = f".{key}.new"
    with suppress(FileNotFoundError):
        os.unlink(aside, dir_fd=places.handed)
    with new_file(places.handed, aside) as file:
        file.write(data)
    os.rename(aside, f"{key}.json", src_dir_fd=places.handed, dst_dir_fd=places.handed)
    hand_over(places, key)
    return _deposited(data)


def hand_over(places: Places, key: str) -> None:
    """Rename a letter, whose answer is written, to where it is taken from. Raises Decided."""
    try:
        os.fsync(places.handed)
        with suppress(FileNotFoundError):  # it was: the print service may have taken it since
            os.rename(key, key, src_dir_fd=places.making, dst_dir_fd=places.jobs)
        os.fsync(places.jobs)
        os.fsync(places.making)
    except OSError as error:
        raise Decided(error.strerror or "not written") from error


def _deposited(data: bytes) -> Deposited:
    """Return an answer that was kept. Raises Decided where it is damaged."""
    try:
        answer = json.loads(data)
        return Deposited(
            reference=answer["key"],
            provided_at=datetime.fromisoformat(answer["handed_at"]),
            source="hub-clock",
            evidence=(
                Evidence(
                    name="handed-over.json",
                    media_type="application/json",
                    data=data,
                    in_receipt=True,
                ),
            ),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise Decided("its answer cannot be read") from error


def now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def _open(stack: ExitStack, path: Path | str, flags: int, inside: int | None = None) -> int:
    fd = os.open(path, flags, FILE_MODE, dir_fd=inside)
    stack.callback(os.close, fd)
    return fd
