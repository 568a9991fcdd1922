"""Stage 4: put receipts where procedures fetch them.

    temporary names in `out/` itself -> one barrier -> renames -> one fsync of each folder -> marks

No reader ever sees a part of a file, and no file is replaced by other bytes. The mark "written"
follows in a commit within a second; what a crash leaves unmarked is written again,
the same bytes under the same name.
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta

from hub import seal
from hub.caution import Caution
from hub.clock import Clock
from hub.durable import Disk, rename_new, write_new
from hub.errors import CannotCreate, HubError, StorageFailed
from hub.journal import Journal, Transaction, handouts
from hub.journal.handouts import Handout
from hub.receipt import Outcome
from hub.spool import Spool, Spools
from hub.spool.claims import GOOD_NAME, temporary_name
from hub.telemetry import logger

BATCH = 100  # files under one barrier: each is an open descriptor
MODE = 0o640  # for the group that hub and procedure share; `out/` is setgid
MARKS_WAIT = 1.0  # seconds that marks gather before their commit
REST_AGE = timedelta(seconds=10)  # after this an unmarked file is no longer just being written
SUFFIXES = frozenset(one.suffix for one in Outcome)
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write(spools: Spools, files: Sequence[Handout], disk: Disk) -> list[int]:
    """Write receipt files so that they survive a power cut; return the ids of those that are there.

    spools: by tenant and procedure; files: any number, of any spools
    One that cannot be written is logged, and left to be written later. Raises StorageFailed when a
    barrier failed: of the files not returned none counts.
    """
    written: list[int] = []
    for start in range(0, len(files), BATCH):
        written += _write_batch(spools, files[start : start + BATCH], disk)
    return written


class Outbound:
    """Writes receipt files and keeps the marks that are to be committed. For one thread."""

    def __init__(
        self,
        journal: Journal,
        spools: Spools,
        disk: Disk,
        clock: Clock,
        caution: Caution,
        *,
        is_sealed: Callable[[Handout], bool] | None = None,
    ) -> None:
        """Serve these spools. is_sealed: whether a file is the receipt that was sealed."""
        self._is_sealed, self._caution = is_sealed or _is_sealed, caution
        self._journal, self._spools, self._disk, self._clock = journal, spools, disk, clock
        self._marks: list[int] = []
        self._since = 0.0

    def write(self, files: Sequence[Handout]) -> list[Handout]:
        """Write files whose commit is made, and keep their marks; return those that are there.

        Raises StorageFailed as `write` does.
        """
        files = [file for file in files if self._is_whole(file)]
        ids = write(self._spools, files, self._disk)
        if ids and not self._marks:
            self._since = self._clock.elapsed()
        self._marks += ids
        there = set(ids)
        return [file for file in files if file.id in there]

    def _is_whole(self, file: Handout) -> bool:
        """Whether a receipt may be handed out: new, or what was sealed; else it is reported."""
        number: object = file.nn  # what is damaged may be of any type
        named = isinstance(number, int) and number > 0 and file.suffix in SUFFIXES
        named = named and GOOD_NAME.fullmatch(file.stem) is not None
        if named and (file.receipt_id is None or self._is_sealed(file)):
            return True
        logger().error(
            "receipt damaged - it is not written",
            tenant=file.tenant,
            procedure=file.procedure,
            stem=file.stem,
            row=file.id,
        )
        return False

    def take_marks(self) -> list[int]:
        """Return the ids to be marked as written, once.

        If their commit fails they are lost, and the files are written again: the same bytes.
        """
        marks, self._marks = self._marks, []
        return marks

    def ride(self, tx: Transaction) -> None:
        """Let the marks ride in this commit."""
        handouts.written(tx, self.take_marks(), self._clock.now())

    def marks_due(self) -> float | None:
        """Return when, on `clock.elapsed()`, marks must be committed; None if there are none."""
        return self._since + MARKS_WAIT if self._marks else None

    def flush(self) -> None:
        """Commit the marks that wait, if any: when they are due, and before exit."""
        if self._marks:
            with self._journal.write() as tx:
                self.ride(tx)

    def sweep(self, *, at_once: bool = False) -> list[Handout]:
        """Write what was to be written and is not marked: a crash's rest, or a reissue.

        at_once: also what was issued in the last seconds; only while nothing else writes here
        Returns the files written. Raises StorageFailed.
        """
        before = self._clock.now() - (timedelta(0) if at_once else REST_AGE)
        done: list[Handout] = []
        after = 0
        while True:
            with self._journal.read() as connection:
                found = handouts.unwritten(connection, before, self._clock.now(), after=after)
            if not found:
                return done
            after = found[-1].id
            waiting = set(self._marks)
            again = [file for file in found if file.id not in waiting]
            self._caution.work(
                "receipt",
                again,
                lambda files: done.extend(self.write(files)),
                name=lambda file: file.id,
            )


def _write_batch(spools: Spools, files: Sequence[Handout], disk: Disk) -> list[int]:
    """Write up to BATCH files with one barrier and one fsync of each folder."""
    with ExitStack() as stack:
        begun: list[tuple[Handout, Spool, str]] = []
        fds: list[int] = []
        for spool, file in _with_spools(spools, files):
            name = temporary_name(file.id)
            try:
                fd = write_new(spool.folders.out, name, file.data, mode=MODE)
            except (CannotCreate, StorageFailed, FileExistsError) as error:
                _report(file, error)
                continue
            stack.callback(os.close, fd)
            stack.callback(_take_off, spool, name)  # gone by then if all went well
            fds.append(fd)
            begun.append((file, spool, name))
        disk.sync(fds)
        there = [(file.id, spool) for file, spool, name in begun if _put(file, spool, name, disk)]
    for fd in {spool.folders.out for _, spool in there}:
        disk.sync_folder(fd)
    return [number for number, _ in there]


def _is_sealed(file: Handout) -> bool:
    """Whether what was read back is the receipt of that id, as it was sealed."""
    own = f"<ReceiptID>{file.receipt_id}</ReceiptID>".encode()
    return own in (file.data or b"") and seal.unbroken(file.data)


def _with_spools(spools: Spools, files: Sequence[Handout]) -> Iterator[tuple[Spool, Handout]]:
    """Yield files with their spools, without those whose folder is not to be had."""
    in_place: dict[tuple[str, str], bool] = {}
    for file in files:
        key = file.tenant, file.procedure
        spool = spools.get(key)
        if spool and key not in in_place:
            in_place[key] = spool.folders.in_place()
        if spool and in_place[key]:
            yield spool, file
        else:
            logger().error(
                "receipt not written - its folder is gone",
                tenant=file.tenant,
                procedure=file.procedure,
                stem=file.stem,
            )


def _put(file: Handout, spool: Spool, name: str, disk: Disk) -> bool:
    """Give a written file its name; False, and logged, when that is taken by other bytes."""
    out = spool.folders.out
    try:
        rename_new(out, name, file.name)
    except FileExistsError as error:
        if _is_there(out, file, disk):
            return True
        _report(file, error)
        return False
    except OSError as error:
        _report(file, error)
        return False
    return True


def _is_there(out: int, file: Handout, disk: Disk) -> bool:
    """Whether the name is taken by the same bytes, which are then made durable."""
    try:
        fd = os.open(file.name, READ, dir_fd=out)
    except OSError:
        return False
    try:
        if os.fstat(fd).st_size != len(file.data):
            return False
        found = b""
        while piece := os.read(fd, len(file.data) + 1 - len(found)):
            found += piece
        if found == file.data:
            disk.sync([fd])
            return True
        return False
    except OSError:  # a folder, a pipe
        return False
    finally:
        os.close(fd)


def _take_off(spool: Spool, name: str) -> None:
    with suppress(OSError):  # what stays is taken off as a left over temporary file
        os.unlink(name, dir_fd=spool.folders.out)


def _report(file: Handout, error: OSError | HubError) -> None:
    cause = error if isinstance(error, OSError) else error.__cause__
    code = errno.errorcode.get(cause.errno or 0) if isinstance(cause, OSError) else None
    logger().error(
        "receipt not written",
        tenant=file.tenant,
        procedure=file.procedure,
        stem=file.stem,
        error=type(error).__name__,
        errno=code,
    )
