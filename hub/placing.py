"""Puts the files of a backup where a hub looks for them; what lies there is never replaced.

Crash safety: each file is written aside, synced, and then gets its name; the database is the last.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hub import manifest
from hub.durable import Disk, open_folder, rename_new, write_all, write_new
from hub.errors import CannotCreate, StorageFailed
from hub.manifest import Manifest

Told = Callable[[str, int, int], None]
"""Is told what is done, how much of it, and how much there is."""


def put_segments(folder: Path, kept: Manifest, vault: Path, told: Told) -> None:
    """Copy the segments of a backup into a vault. Raises CannotCreate, StorageFailed."""
    segments = list(kept.segments)
    disk = Disk(use_syncfs=False)
    try:
        vault.mkdir(mode=0o700, parents=True, exist_ok=True)
        for n, (segment, one) in enumerate(segments):
            place = vault / manifest.segment_path(segment)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            _put_file(folder / one.path, place, disk)
            told("vault", n + 1, len(segments))
        inside = {(vault / manifest.segment_path(segment)).parent for segment, _ in segments}
        for path in (*sorted(inside), vault, vault.parent):
            sync_folder(path, disk)
    except OSError as error:
        raise StorageFailed(
            f"the vault cannot be written ({error.strerror})",
            where=str(error.filename or vault),
            fix="See to room and rights there, and run it again",
        ) from error


def _put_file(source: Path, place: Path, disk: Disk) -> None:
    """Copy a file aside, sync it, give it its name; the same bytes may lie there already."""
    folder = open_folder(place.parent)
    aside = f"{place.name}.{secrets.token_hex(4)}.restoring"
    try:
        with source.open("rb") as file:
            fd = write_new(folder, aside, b"")
            try:
                while piece := file.read(manifest.PIECE):
                    write_all(fd, piece)
                disk.sync([fd])
            finally:
                os.close(fd)
        try:
            rename_new(folder, aside, place.name)
        except FileExistsError:
            _stays(source, place, disk)
    finally:
        with suppress(OSError):  # gone if all went well
            os.unlink(aside, dir_fd=folder)
        os.close(folder)


def _stays(source: Path, place: Path, disk: Disk) -> None:
    """Keep the file that has the name, and make it durable. Raises CannotCreate: other bytes."""
    if place.read_bytes() != source.read_bytes():
        raise CannotCreate(
            "a file with other bytes has this name",
            where=str(place),
            fix="Move the vault away; what it holds belongs to another journal",
        )
    fd = os.open(place, manifest.READ)
    try:
        disk.sync([fd])
    finally:
        os.close(fd)


@contextmanager
def beside(source: Path, place: Path) -> Iterator[Path]:
    """Give a copy of the database beside its place; it is removed unless it was put there."""
    copy = place.with_name(f".{place.name}.{secrets.token_hex(4)}.restoring")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _put_file(source, copy, Disk(use_syncfs=False))
        yield copy
    except OSError as error:
        raise StorageFailed(
            f"the database cannot be written ({error.strerror})",
            where=str(error.filename or place),
            fix="See to room and rights there, and run it again",
        ) from error
    finally:
        for more in ("", "-wal", "-shm"):
            copy.with_name(copy.name + more).unlink(missing_ok=True)


def put(copy: Path, place: Path) -> None:
    """Give a database its place; it replaces nothing. Raises CannotCreate, StorageFailed."""
    disk, folder = Disk(use_syncfs=False), open_folder(place.parent)
    try:
        fd = os.open(copy, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            disk.sync([fd])
        finally:
            os.close(fd)
        try:
            rename_new(folder, copy.name, place.name)
        except FileExistsError as error:
            fix = "Stop what made it, move it away, and run this again"
            raise CannotCreate(
                "a database was made meanwhile", where=str(place), fix=fix
            ) from error
        disk.sync_folder(folder)
    finally:
        os.close(folder)


def sync_folder(path: Path, disk: Disk) -> None:
    """Make the entries of a folder durable. Raises StorageFailed."""
    fd = open_folder(path)
    try:
        disk.sync_folder(fd)
    finally:
        os.close(fd)
