"""Writes replies where procedures fetch them: documents first, then the Reply, or nothing.

    temporary names in `out/` -> one barrier -> renames, the Reply's last -> fsync of the folder

What a crash leaves unmarked is written again: the same bytes under the same names.
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from hub.clock import Clock
from hub.durable import Disk, rename_new, write_all, write_new
from hub.errors import HubError
from hub.journal import Journal, Row, returned_files, soundness
from hub.returns.storing import REPLY, XML, context, owner
from hub.segment import Extent
from hub.spool import Spool, Spools
from hub.spool.claims import temporary_name
from hub.telemetry import logger
from hub.vault import Vault
from postfach_mailbox.cipher import CHUNK, Damaged, unseal

AT_ONCE = 20  # replies
MODE = 0o640  # as receipts
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Handing:
    """Hands out replies whose commit is made. For one thread."""

    def __init__(
        self, journal: Journal, vault: Vault, spools: Spools, disk: Disk, clock: Clock
    ) -> None:
        """Serve these spools."""
        self._journal, self._vault, self._spools = journal, vault, spools
        self._disk, self._clock = disk, clock
        self._after = 0

    @property
    def more(self) -> bool:
        """Whether `write` has not been through all that waits."""
        return self._after > 0

    def write(self) -> list[str]:
        """Write the next of what is not written; return `tenant/procedure/out/name` of each Reply.

        Raises StorageFailed. A reply that cannot be written, or whose rows are damaged, is logged,
        and passed over until `write` begins anew.
        """
        with self._journal.read() as connection:
            waiting = returned_files.unwritten(connection, self._after, AT_ONCE)
            damaged = {
                rows[0].returned
                for rows in waiting
                if not _is_complete(rows)
                or soundness.of_reply(connection, rows[0].returned, [row.id for row in rows])
            }
        done = []
        for rows in waiting:
            last = rows[-1]
            if last.returned in damaged:
                _report(last, Damaged.__name__)
                continue
            spool = self._spools.get((last.tenant, last.procedure))
            try:
                if spool is None or not spool.folders.in_place():
                    raise FileNotFoundError
                self._write(spool, rows)
            except (OSError, ValueError, Damaged, HubError) as error:
                _report(last, type(error).__name__)
                continue
            with self._journal.write() as tx:
                numbers = [row.id for row in rows if row.written_at is None]
                returned_files.written(tx, numbers, self._clock.now())
            done.append(f"{last.tenant}/{last.procedure}/out/{returned_files.name(last)}")
        self._after = waiting[-1][0].returned if len(waiting) == AT_ONCE else 0
        return done

    def _write(self, spool: Spool, rows: Sequence[Row]) -> None:
        out = spool.folders.out
        key = self._vault.unwrap(rows[0].key_wrapped, owner(rows[0].mailbox, rows[0].item))
        with ExitStack() as stack:
            begun = []
            for row in rows:
                if row.written_at is not None or _is_there(out, row):
                    continue  # else one that a crash left, or that was fetched already
                name = temporary_name(row.id)
                fd = write_new(out, name, b"", mode=MODE)
                stack.callback(os.close, fd)
                stack.callback(_take_off, out, name)
                self._fill(fd, row, key)
                begun.append((fd, name, row))
            self._disk.sync([fd for fd, _, _ in begun])
            for _, name, row in begun:
                rename_new(out, name, returned_files.name(row))
        self._disk.sync_folder(out)

    def _fill(self, fd: int, row: Row, key: bytes) -> None:
        if row.bytes is not None:
            write_all(fd, unseal(key, XML, row.bytes))
            return
        extent = Extent(
            segment=row.segment,
            offset=row.offset,
            length=row.length,
            size=row.size,
            sha256=row.sha256,
        )
        with self._vault.read(extent, key, context(row.n)) as stream:
            while piece := stream.read(CHUNK):
                write_all(fd, piece)


def _is_complete(rows: Sequence[Row]) -> bool:
    """Whether all files of a reply are there, and the Reply is the last."""
    return [row.n for row in rows] == list(range(len(rows))) and rows[-1].suffix == REPLY


def _is_there(out: int, row: Row) -> bool:
    """Whether the file lies there with the same bytes, which are durable then.

    Raises FileExistsError where others lie under its name.
    """
    try:
        fd = os.open(returned_files.name(row), READ, dir_fd=out)
    except FileNotFoundError:
        return False
    with open(fd, "rb") as file:  # noqa: PTH123  # a descriptor has no path
        if hashlib.file_digest(file, "sha256").hexdigest() != row.sha256:
            raise FileExistsError
        os.fsync(fd)
    return True


def _report(row: Row, error: str) -> None:
    place = {"tenant": row.tenant, "procedure": row.procedure, "stem": row.stem}
    logger().error("reply not written", **place, error=error)


def _take_off(out: int, name: str) -> None:
    with suppress(OSError):  # gone by then if all went well
        os.unlink(name, dir_fd=out)
