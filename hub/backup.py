"""`hub backup`: a copy of journal and vault while hubs run.

    database, of one moment -> the segments that it names -> manifest -> barrier -> rename

The order matters: what the database names was made durable before its commit, and a segment is
never changed; so it is there to be copied, unless what lay in it was erased meanwhile. The other
way round, notices taken in between would be without their documents.

Keys are not copied: whoever has a backup and no key reads no payload.
Crash safety: all of it is written aside and synced; the name comes last, and replaces nothing.
Security: folders 0700, files 0600; ids, receipts and addresses lie in the database in clear.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hub import manifest, placing
from hub.clock import Clock
from hub.config import Config
from hub.durable import Disk, open_folder, write_all, write_new
from hub.errors import CannotCreate, NotAvailable, StorageFailed
from hub.journal import Journal, copying
from hub.manifest import File, Manifest
from hub.placing import Told
from hub.vault import NO_SEGMENT

# Of a file that is gone, is none, or lies where the disk does not read: this one file is lost.
LOST = (errno.ENOENT, errno.EIO, *NO_SEGMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that is made: where, what it holds, and how many bytes."""

    folder: Path
    manifest: Manifest
    size: int


@dataclass(slots=True, kw_only=True)  # collects what was written
class _Making:
    folder: Path
    disk: Disk
    files: list[File] = field(default_factory=list)
    erased: int = 0
    missing: list[str] = field(default_factory=list)


def make(config: Config, journal: Journal, target: Path, clock: Clock, told: Told) -> Made:
    """Write a backup into the folder `target`, which is not there, or empty.

    told: is called with progress. What is missing of the vault is told by the manifest, not raised.
    Raises CannotCreate, StorageFailed; then nothing is left.
    """
    target = target.absolute()
    with _aside(target) as part:
        making = _Making(folder=part, disk=Disk(use_syncfs=False))
        made_at = clock.now()
        copied = copying.copy(
            journal.path,
            part / manifest.DATABASE,
            made_at,
            lambda done, whole: told("database", done, whole),
        )
        _keep(making, manifest.DATABASE)
        _copy(making, config.file.resolve(), manifest.CONFIG)  # it may be a link
        (part / manifest.VAULT).mkdir(mode=0o700)
        for n, segment in enumerate(copied.segments):
            _segment(making, config.vault.path, journal, segment)
            told("vault", n + 1, len(copied.segments))
        made = Manifest(
            format=manifest.FORMAT,
            made_at=made_at,
            hub=config.hub.name,
            log_id=copied.log_id,
            head=f"{copied.head.number}:{copied.head.link}" if copied.head else "",
            schema=copied.schema,
            files=tuple(making.files),
            erased=making.erased,
            missing=tuple(making.missing),
        )
        _write_manifest(making, made)
        _put(part, target, making.disk)
    return Made(folder=target, manifest=made, size=sum(one.size for one in made.files))


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Give a new folder beside the target; it is removed unless it got the target's name."""
    fix = "Name a folder that is not there yet, in one that you may write"
    part = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise CannotCreate("there is something already", where=str(target), fix=fix)
        part.mkdir(mode=0o700)
    except OSError as error:
        what = f"the folder cannot be made ({error.strerror})"
        raise CannotCreate(what, where=str(part), fix=fix) from error
    try:
        yield part
    except OSError as error:
        raise StorageFailed(
            f"the backup cannot be written ({error.strerror})",
            where=str(error.filename or target),
            fix="Check room and rights there, and begin it anew",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)  # gone if all went well


def _segment(making: _Making, vault: Path, journal: Journal, segment: str) -> None:
    try:
        inside = manifest.segment_path(segment)
    except ValueError:  # of a damaged row
        making.missing.append(segment)
        return
    with suppress(FileExistsError):
        (making.folder / manifest.VAULT / inside[0]).mkdir(mode=0o700)
    try:
        _copy(making, vault / inside, f"{manifest.VAULT}/{inside}")
    except NotAvailable:  # what lay in it was erased since the database was copied; or it is lost
        (making.folder / manifest.VAULT / inside).unlink(missing_ok=True)
        with journal.read() as connection:
            lost = copying.named(connection, segment)
        if lost:
            making.missing.append(segment)
        else:
            making.erased += 1


def _copy(making: _Making, source: Path, name: str) -> None:
    """Copy a file into the backup. Raises NotAvailable where it cannot be read, OSError."""
    with _reading(source):
        fd = os.open(source, manifest.READ)
        try:
            place = making.folder / name
            folder = open_folder(place.parent)
            try:
                made = write_new(folder, place.name, b"")
            finally:
                os.close(folder)
            try:
                file = manifest.measured(fd, name, partial(write_all, made))
                making.disk.sync([made])
            finally:
                os.close(made)
        finally:
            os.close(fd)
    making.files.append(file)


@contextmanager
def _reading(source: Path) -> Iterator[None]:
    """Tell a file that is lost from a backup that cannot be written: that raises a HubError."""
    try:
        yield
    except OSError as error:
        if error.errno not in LOST:
            raise
        what = f"the file is gone, or cannot be read ({error.strerror})"
        fix = "Put it back from another backup"
        raise NotAvailable(what, where=str(source), fix=fix) from error


def _keep(making: _Making, name: str) -> None:
    """Take up a file that stands in the backup already; make it durable."""
    fd = os.open(making.folder / name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(fd, 0o600)
        making.disk.sync([fd])
        making.files.append(manifest.measured(fd, name, lambda _piece: None))
    finally:
        os.close(fd)


def _write_manifest(making: _Making, made: Manifest) -> None:
    folder = open_folder(making.folder)
    try:
        fd = write_new(folder, manifest.NAME, manifest.write(made))
        try:
            making.disk.sync([fd])
        finally:
            os.close(fd)
    finally:
        os.close(folder)


def _put(part: Path, target: Path, disk: Disk) -> None:
    """Make all folders durable, then give the backup its name: it replaces an empty folder only."""
    folders = [path for path in part.rglob("*") if path.is_dir()]
    for path in (*sorted(folders, reverse=True), part):
        placing.sync_folder(path, disk)
    try:
        part.rename(target)
    except OSError as error:
        raise CannotCreate(
            f"the backup cannot get its name ({error.strerror})",
            where=str(target),
            fix="Name a folder that is not there yet; of a mounted disk, one within it",
        ) from error
    placing.sync_folder(target.parent, disk)
