"""Which worker of this machine is alive: it holds a lock that ends with its process.

A worker locks `<spool>/.workers/<worker>.lock` before it is known to anyone, and lets go when it
ends, however it ends. A lock that is free, or a file that is gone, means that the worker is dead or
stopped: who gets the lock may take over what it left, and removes the file afterwards.

flock(2) locks belong to the open file: the descriptor is closed at exec, so that no child keeps its
parent alive.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.durable import open_folder
from hub.errors import CannotCreate, StorageFailed
from hub.spool.folders import WORKER
from hub.spool.heartbeat import SIZE, Heartbeat

FOLDER = ".workers"
SUFFIX = ".lock"
OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class WorkerLock:
    """The lock of one worker, held until `release` or the end of the process."""

    def __init__(self, folder: int, fd: int, worker: str) -> None:
        """Take over two open descriptors; `hold` and `take_over` make them."""
        self._folder, self._fd, self.worker = folder, fd, worker

    def __enter__(self) -> Self:
        """Return this lock."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release; after an error the file stays, so that the takeover is begun again."""
        if kind is None:
            self.release()
        else:
            self._let_go()

    @classmethod
    def hold(cls, root: Path, worker: str) -> Self:
        """Lock a new worker's own file. `root`: the spool, above all tenants.

        Raises CannotCreate, StorageFailed. Waits, briefly, only for one who looks at it just now.
        """
        while True:
            folder, fd = _open(root, worker)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _in_place(folder, fd, worker):
                return cls(folder, fd, worker)
            _close(folder, fd)

    @classmethod
    def take_over(cls, root: Path, worker: str) -> Self | None:
        """Lock the file of another worker: None while that one, or who takes it over, is alive.

        Raises CannotCreate, StorageFailed.
        """
        folder, fd = _open(root, worker)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _close(folder, fd)
            return None
        if _in_place(folder, fd, worker):
            return cls(folder, fd, worker)
        _close(folder, fd)
        return None

    def say(self, beat: Heartbeat) -> None:
        """Write down that the worker turns; a disk that does not take it stops no work."""
        with suppress(OSError):
            os.pwrite(self._fd, beat.written(), 0)

    def release(self) -> None:
        """Remove the file and let go. A second call does nothing."""
        if self._fd >= 0:
            # The file first, else another could lock it in between and lose it to us.
            with suppress(OSError):
                os.unlink(self.worker + SUFFIX, dir_fd=self._folder)
        self._let_go()

    def _let_go(self) -> None:
        if self._fd >= 0:
            _close(self._folder, self._fd)
        self._folder = self._fd = -1


def _open(root: Path, worker: str) -> tuple[int, int]:
    """Return descriptors of the folder of locks and of the worker's file there."""
    if not WORKER.fullmatch(worker):
        raise ValueError("a worker's id is a plain name")
    try:
        (root / FOLDER).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CannotCreate(
            f"the folder of the workers' locks cannot be made ({error.strerror})",
            where=str(root / FOLDER),
            fix="Give the hub's user the right to write in the spool",
        ) from error
    folder = open_folder(root / FOLDER)
    try:
        return folder, os.open(worker + SUFFIX, OPEN, 0o600, dir_fd=folder)
    except OSError as error:
        os.close(folder)
        raise StorageFailed(
            f"a worker's lock cannot be opened ({error.strerror})",
            where=str(root / FOLDER),
            fix="See that the hub's user may write there, and that there is room",
        ) from error


def _in_place(folder: int, fd: int, worker: str) -> bool:
    """Whether the locked file is the one that has the name, not one just removed."""
    try:
        named = os.stat(worker + SUFFIX, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    held = os.fstat(fd)
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)


def _close(folder: int, fd: int) -> None:
    os.close(fd)
    os.close(folder)


def alive(root: Path, worker: str) -> bool:
    """Return whether a worker holds its lock; changes nothing, takes nothing over."""
    try:
        fd = os.open(root / FOLDER / (worker + SUFFIX), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # gone, or out of reach
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def heartbeat(root: Path, worker: str) -> Heartbeat | None:
    """Return what a worker said last; None where it said nothing yet, or has ended."""
    try:
        fd = os.open(root / FOLDER / (worker + SUFFIX), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return Heartbeat.read(os.pread(fd, SIZE, 0))
    except OSError:
        return None
    finally:
        os.close(fd)


def workers(root: Path) -> list[str]:
    """Return the workers that have a lock file, alive or dead."""
    try:
        names = [path.name for path in (root / FOLDER).iterdir()]
    except FileNotFoundError:
        return []
    found = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return sorted(worker for worker in found if WORKER.fullmatch(worker))
