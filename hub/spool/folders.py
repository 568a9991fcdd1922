"""The folders of one procedure, held by descriptor, so that nobody leads the hub elsewhere.

<tenant>/<procedure>/      the parent is the hub's
  in/  out/  rejected/     shared with the procedure
  .claimed/<worker>/       the hub's own, 0700, same file system
  .postfach                the id of this spool: it tells a folder from one that took its place
"""

import os
import pwd
import re
import secrets
import stat
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hub.durable import Disk, open_folder, rename_new, write_new
from hub.errors import CannotCreate, ConfigError, HubError, NoPermission

MARKER = ".postfach"
CLAIMED = ".claimed"
WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MARK = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which folder `out/` is: another device, inode or marker means that it is another one."""

    device: int
    inode: int
    marker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Descriptors of a procedure's folders, for `close` to give back.

    home: `<tenant>/<procedure>/`; claimed: `.claimed/`; own: `.claimed/<worker>/`
    """

    path: Path
    home: int
    incoming: int
    out: int
    rejected: int
    claimed: int
    own: int

    @classmethod
    def open(cls, path: Path, worker: str, disk: Disk) -> Self:
        """Open the folders of a procedure, and make what is the hub's own there.

        Raises NotAvailable when one is missing, NoPermission when the rights of one are wrong,
        ConfigError when they lie on several file systems, CannotCreate, StorageFailed.
        """
        if not WORKER.fullmatch(worker):
            raise ValueError("a worker's id is a plain name")
        opened: list[int] = []
        try:
            for place in (path, path / "in", path / "out", path / "rejected"):
                opened.append(open_folder(place))  # noqa: PERF401 - what is open is closed on error
            opened.append(_own_folder(opened[0], CLAIMED, path / CLAIMED, disk))
            opened.append(_own_folder(opened[4], worker, path / CLAIMED / worker, disk))
            _check_one_file_system(path, opened)
            _make_marker(opened[2], disk)
        except BaseException:
            for fd in opened:
                os.close(fd)
            raise
        home, incoming, out, rejected, claimed, own = opened
        return cls(
            path=path,
            home=home,
            incoming=incoming,
            out=out,
            rejected=rejected,
            claimed=claimed,
            own=own,
        )

    def barrier(self) -> tuple[int, int]:
        """Return the folders whose entries a claim changes: they belong to a take's barrier."""
        return self.incoming, self.own

    def identity(self) -> Identity | None:
        """Return which folder the path of `out/` leads to now; None if it leads nowhere."""
        try:
            fd = open_folder(self.path / "out")
        except HubError:
            return None
        try:
            found, marker = os.fstat(fd), _marker(fd)
        finally:
            os.close(fd)
        if marker is None:
            return None
        return Identity(device=found.st_dev, inode=found.st_ino, marker=marker)

    def in_place(self) -> bool:
        """Whether the path of `out/` still leads to the folder that is held open."""
        found, held = self.identity(), os.fstat(self.out)
        return found is not None and (found.device, found.inode) == (held.st_dev, held.st_ino)

    def workers(self) -> list[str]:
        """Return the other workers that have a folder of claims here, alive or dead."""
        own = os.fstat(self.own).st_ino
        with os.scandir(self.claimed) as entries:
            return sorted(
                entry.name
                for entry in entries
                if WORKER.fullmatch(entry.name)
                and entry.inode() != own
                and entry.is_dir(follow_symlinks=False)
            )

    def close(self) -> None:
        """Give all descriptors back; the worker's folder goes if nothing waits in it."""
        own = os.fstat(self.own).st_ino
        with suppress(OSError), os.scandir(self.claimed) as entries:
            for entry in entries:
                if entry.inode() == own:
                    os.rmdir(entry.name, dir_fd=self.claimed)
        for fd in (self.own, self.claimed, self.rejected, self.out, self.incoming, self.home):
            os.close(fd)


def names(fd: int) -> list[str]:
    """Return the names in a folder; bytes that are no UTF-8 stand as os.fsdecode gives them."""
    return os.listdir(fd)


def owners(fd: int, owner: str | None) -> frozenset[int]:
    """Return the user ids whose files are taken from `in/`.

    owner: the procedure's own, by name; None: the owner of `in/` or the hub's own user
    Raises ConfigError when this machine has no such user.
    """
    if owner is None:
        return frozenset({os.fstat(fd).st_uid, os.geteuid()})
    try:
        return frozenset({pwd.getpwnam(owner).pw_uid})
    except KeyError:
        raise ConfigError(
            "the procedure's owner is no user of this machine",
            where=f"owner {owner!r}",
            fix="Make the user, or correct `owner` in hub.toml",
        ) from None


def _own_folder(parent: int, name: str, path: Path, disk: Disk) -> int:
    """Return a folder that is the hub's alone, made durable if it was not there."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
        disk.sync_folder(parent)
    except FileExistsError:
        pass
    except OSError as error:
        raise CannotCreate(
            f"the folder cannot be made ({error.strerror})",
            where=str(path),
            fix="Give the hub's user the right to write in the folder above",
        ) from error
    fd = open_folder(name, dir_fd=parent)
    status = os.fstat(fd)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        os.close(fd)
        raise NoPermission(
            "the folder of claims must be the hub's alone",
            where=str(path),
            fix="Make the hub's user its owner, and run: chmod 700 on it",
        )
    return fd


def _check_one_file_system(path: Path, folders: list[int]) -> None:
    """Claiming is renaming, which works within one file system only."""
    if len({os.fstat(fd).st_dev for fd in folders}) != 1:
        raise ConfigError(
            "in, out, rejected and .claimed lie on different file systems",
            where=str(path),
            fix="Put them on one: a drop is taken by renaming it",
        )


def _make_marker(out: int, disk: Disk) -> None:
    """Put the spool's id into `out/`, whole or not at all, unless there is one."""
    if _marker(out):
        return
    name = f"{MARKER}.{secrets.token_hex(8)}"
    fd = write_new(out, name, f"{uuid.uuid4()}\n".encode(), mode=0o640)
    try:
        disk.sync([fd])
        try:
            rename_new(out, name, MARKER)
        except FileExistsError:
            if _marker(out):  # another worker was first
                os.unlink(name, dir_fd=out)
            else:
                os.rename(name, MARKER, src_dir_fd=out, dst_dir_fd=out)
        disk.sync_folder(out)
    except OSError as error:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=out)
        raise CannotCreate(
            f"the folder's marker cannot be made ({error.strerror})",
            where=MARKER,
            fix="Remove what stands in out/ under this name",
        ) from error
    finally:
        os.close(fd)


def _marker(out: int) -> str | None:
    """Return the id in `out/.postfach`, None where there is no plain file with one."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(MARKER, flags, dir_fd=out)
    except OSError:
        return None
    try:
        text = os.read(fd, 200) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    except OSError:
        return None
    finally:
        os.close(fd)
    mark = text.decode("ascii", "replace").strip()
    return mark if _MARK.fullmatch(mark) else None
