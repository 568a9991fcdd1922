"""Take the drops of one procedure.

    claim -> read_envelope -> claim_document, open_document ... -> barrier and commit (the stage's)
          -> finish (remove) or reject (move to `rejected/`)

Crash safety: each step is one rename or unlink within one file system, the documents' before the
envelope's when a drop is settled, and each may be done again: as long as a claimed envelope lies
there, the drop is not settled. The renames of a claim are durable only after the barrier, for
which the journal's commit waits: else a power cut puts the drop back into `in/`, and it is taken
twice.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from hub.clock import Clock
from hub.durable import Disk, open_folder
from hub.errors import NoPermission, StorageFailed
from hub.spool import reading
from hub.spool.claims import GOOD_NAME, Claim, Stuck, good_stem, stand_in
from hub.spool.folders import WORKER, Folders, names, owners
from hub.spool.settling import settle

# These say that nothing can be moved, not that this drop cannot.
DISK_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.EXDEV, errno.ENOMEM}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a file in `in/` looked like: equal twice means that it stood still between."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """The spool of one procedure, as one worker works it. For one thread."""

    tenant: str
    procedure: str
    worker: str
    folders: Folders
    owners: frozenset[int]
    disk: Disk
    clock: Clock

    def scan(self) -> list[bytes]:
        """Return the names in `in/` that may be drops: end in `.xml`, no dotfiles. Looks at none.

        A name that begins with two dots hides nothing, it climbs: it is a drop, badly named.
        Raises StorageFailed.
        """
        try:
            found = names(self.folders.incoming)
        except OSError as error:
            raise _failed(self, "in/ cannot be listed", error) from error
        return sorted(
            os.fsencode(name)
            for name in found
            if name.endswith(".xml") and (name[0] != "." or name.startswith(".."))
        )

    def standing(self, name: str | bytes) -> Signature | None:
        """Return what a name in `in/` looks like now; None if it is not there."""
        try:
            found = os.stat(name, dir_fd=self.folders.incoming, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(self, "in/ cannot be read", error) from error
        return Signature(
            device=found.st_dev,
            inode=found.st_ino,
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            ctime_ns=found.st_ctime_ns,
        )

    def claim(self, name: bytes) -> Claim | Stuck | None:
        """Take a drop by renaming its envelope. None: it is gone, taken by another or withdrawn.

        Stuck: this one cannot be moved. Raises NoPermission or StorageFailed when none can.
        """
        claim = Claim.new(name, self.clock)
        folders = self.folders
        try:
            os.rename(name, claim.file, src_dir_fd=folders.incoming, dst_dir_fd=folders.own)
        except FileNotFoundError:
            _see_own_folder(self)
            return None
        except OSError as error:
            _see_that_others_move(self, error)
            found = self.standing(name)
        else:
            return claim
        if found is None:
            return None
        stem = good_stem(name) or stand_in(name)
        return Stuck(device=found.device, inode=found.inode, ctime_ns=found.ctime_ns, stem=stem)

    def read_envelope(self, claim: Claim, limit: int) -> bytes:
        """Read a claimed envelope, whole.

        limit: the most bytes
        Raises NoticeRefused (SpoolFileRejected 9052, LimitExceeded 9023), StorageFailed.
        """
        try:
            with reading.pieces(self.folders.own, claim.file, limit, self.owners) as found:
                return b"".join(found)
        except FileNotFoundError as error:
            raise _failed(self, "a claimed envelope is gone", error) from error

    def has_document(self, claim: Claim, n: int) -> bool:
        """Return whether document number `n` of a claimed drop was taken already."""
        try:
            os.stat(claim.document(n), dir_fd=self.folders.own, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def claim_document(self, claim: Claim, n: int, reference: str) -> bool:
        """Take the document `reference` of a drop as number `n`; False if it is not in `in/`.

        True also for one that was taken before. reference: well named, not ending in `.xml`
        Raises NoticeRefused when it cannot be moved, NoPermission, StorageFailed when none can.
        """
        if not GOOD_NAME.fullmatch(reference) or reference.endswith(".xml"):
            raise ValueError("the envelope's check lets no such reference pass")
        folders, file = self.folders, claim.document(n)
        with suppress(FileNotFoundError):
            os.stat(file, dir_fd=folders.own, follow_symlinks=False)
            return True
        try:
            os.rename(reference, file, src_dir_fd=folders.incoming, dst_dir_fd=folders.own)
        except FileNotFoundError:
            return False
        except OSError as error:
            _see_that_others_move(self, error)
            raise reading.refused(
                "a document cannot be moved", path=None, fix="Hand in a plain file of your own"
            ) from error
        return True

    def open_document(
        self, claim: Claim, n: int, limit: int, *, path: str | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open a claimed document to be read once: `with ... as pieces:`, to be drawn to the end.

        limit: the most bytes; path: where in the envelope it is referenced, for a refusal
        Raises NoticeRefused (SpoolFileRejected 9052, LimitExceeded 9023) on entering or with the
        last piece at the latest; FileNotFoundError when it was not claimed; StorageFailed.
        """
        return reading.pieces(self.folders.own, claim.document(n), limit, self.owners, path=path)

    def count_try(self, claim: Claim, *, none: bool = False) -> Claim:
        """Count, durably, that a crash has this drop worked alone. Raises StorageFailed.

        none: count no try any more, since the drop was worked and merely waits
        """
        counted, own = claim.untried() if none else claim.tried(), self.folders.own
        try:
            os.rename(claim.file, counted.file, src_dir_fd=own, dst_dir_fd=own)
        except OSError as error:
            raise _failed(self, "a try cannot be counted", error) from error
        self.disk.sync_folder(own)
        return counted

    def adopt(self, dead: str) -> list[Claim]:
        """Take over all claims of a dead worker, whose lock the caller holds; oldest first.

        May be cut anywhere and done again. Raises StorageFailed.
        """
        if not WORKER.fullmatch(dead) or dead == self.worker:
            raise ValueError("no other worker's id")
        if dead not in self.folders.workers():
            return []
        theirs, own = open_folder(dead, dir_fd=self.folders.claimed), self.folders.own
        try:
            found = names(theirs)
            for name in found:
                os.rename(name, name, src_dir_fd=theirs, dst_dir_fd=own)
            self.disk.sync_folder(own)
            self.disk.sync_folder(theirs)
            os.rmdir(dead, dir_fd=self.folders.claimed)
        except OSError as error:
            raise _failed(self, "a dead worker's claims cannot be taken over", error) from error
        finally:
            os.close(theirs)
        claims = (Claim.parse(name) for name in found)
        return sorted((claim for claim in claims if claim), key=lambda claim: claim.id)

    def finish(self, *claims: Claim) -> list[Claim]:
        """Remove the files of drops that the journal has taken; returns the claims settled.

        One that cannot be settled now is logged and left, to be tried again.
        """
        return settle(self.folders, claims, reject=False)

    def reject(self, *claims: Claim) -> list[Claim]:
        """Move refused drops to `rejected/<stem>.<id>.xml`, `.<n>`; returns the claims settled.

        One that cannot be settled now is logged and left, to be tried again.
        """
        return settle(self.folders, claims, reject=True)


Spools = Mapping[tuple[str, str], Spool]  # by tenant and procedure


def open_spool(
    tenant: str,
    procedure: str,
    path: Path,
    *,
    worker: str,
    owner: str | None,
    disk: Disk,
    clock: Clock,
) -> Spool:
    """Open the spool of a procedure for one worker; close it with `.folders.close()`.

    path: the folder `<spool>/<tenant>/<procedure>`, with `in`, `out` and `rejected` in it
    owner: whose files are taken (`owners`)
    Raises NotAvailable, NoPermission, ConfigError, CannotCreate, StorageFailed.
    """
    folders = Folders.open(path, worker, disk)
    try:
        allowed = owners(folders.incoming, owner)
    except BaseException:
        folders.close()
        raise
    return Spool(
        tenant=tenant,
        procedure=procedure,
        worker=worker,
        folders=folders,
        owners=allowed,
        disk=disk,
        clock=clock,
    )


def _see_own_folder(spool: Spool) -> None:
    """Raise StorageFailed when the worker's folder is gone: each name then seems to be gone."""
    if os.fstat(spool.folders.own).st_nlink == 0:
        raise StorageFailed(
            "the worker's folder of claims was removed",
            where=str(spool.folders.path),
            fix="Leave .claimed/ to the hub; start it again",
        )


def _see_that_others_move(spool: Spool, error: OSError) -> None:
    """Raise when a rename failed for a reason that no other drop would escape."""
    if error.errno in DISK_ERRORS:
        raise _failed(spool, "a drop cannot be claimed", error) from error
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=spool.folders.incoming, effective_ids=True):
        raise NoPermission(
            "the hub may not take files out of in/",
            where=str(spool.folders.path / "in"),
            fix="Let the hub's user, or a group of it, write there",
        ) from error


def _failed(spool: Spool, what: str, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{what} ({_symbol(error)})",
        where=str(spool.folders.path),
        fix="See to the disk and the folder's rights; nothing that was confirmed is lost",
    )


def _symbol(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "unknown")
