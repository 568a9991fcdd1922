"""Files that survive a power cut: write new ones, move them without replacing, sync in batches.

The order is always: write new files, one barrier (`Disk.sync`) over all of them, rename them into
place, `Disk.sync_folder`. Only then is anything acknowledged.

Crash safety: a barrier is `syncfs` where file system and kernel make that a promise (ext4, xfs,
btrfs; Linux 5.8, from which on it reports failed writes), once per file system touched, however
many files; elsewhere fsync of each file and folder. A failed sync is never repeated on the same
file, since the kernel reports a lost write once and then says success: StorageFailed means that
these files are to be left and written again under new names.
Security: folders are held by descriptor and names are single names within them, so nobody who may
write above can lead a write elsewhere; new files are made with O_EXCL, links are never followed.
Source: syncfs(2), fsync(2), renameat2(2); Rebello et al., "Can Applications Recover from fsync
Failures?", USENIX ATC 2020.
"""

import ctypes
import errno
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hub.errors import CannotCreate, NoPermission, NotAvailable, StorageFailed

# statfs(2), linux/magic.h; ext2, ext3 and ext4 have one number and, today, one driver.
SYNCFS_TYPES = {0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs"}
SYNCFS_KERNEL = (5, 8)
RENAME_NOREPLACE = 1
# What renameat2 answers where a file system or an old kernel does not know the flag.
NO_RENAMEAT2 = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
# What link answers where the file system has no hard links or may not link this file: a folder,
# a file of another owner under fs.protected_hardlinks.
NO_LINK = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})

_libc = ctypes.CDLL(None, use_errno=True)


class Barriers:
    """Counts how often the disk was waited for, by kind."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.syncfs = 0
        self.fsync = 0

    @property
    def total(self) -> int:
        """All barriers so far."""
        return self.syncfs + self.fsync


class Disk:
    """Makes what was written durable, in the cheapest way each file system allows.

    For one thread at a time per set of files; the count may then be a little off, nothing else.
    """

    def __init__(self, barriers: Barriers | None = None, *, use_syncfs: bool = True) -> None:
        """Start with the given counter; `use_syncfs` False: fsync per file everywhere."""
        self.barriers = barriers if barriers is not None else Barriers()
        self._use_syncfs = use_syncfs and _kernel(os.uname().release) >= SYNCFS_KERNEL
        self._kinds: dict[int, str | None] = {}

    def name(self, path: Path) -> str:
        """Return the barrier used for `path`, to show: `syncfs (ext4)` or `fsync per file`.

        Raises NotAvailable or NoPermission when there is no such folder to look at.
        """
        fd = open_folder(path)
        try:
            kind = self._kind(fd)
        finally:
            os.close(fd)
        return f"syncfs ({kind})" if kind else "fsync per file"

    def sync(self, files: Sequence[int], folders: Sequence[int] = ()) -> None:
        """Make files, and the entries of folders, durable: one barrier for all where possible.

        files: descriptors in the order they were opened, each opened before it was written: the
            first one of a file system then reports every write that failed since
        folders: descriptors of the folders whose entries (new names) shall last too
        Raises StorageFailed when any of it may be lost; nothing of it may then be relied on.
        """
        done: set[int] = set()
        for fd in (*files, *folders):
            if not self._kind(fd):
                self._fsync(fd)
            elif (device := os.fstat(fd).st_dev) not in done:
                self._syncfs(fd)
                done.add(device)

    def sync_folder(self, fd: int) -> None:
        """Make the entries of one folder durable, after renames in it. Raises StorageFailed."""
        self._fsync(fd)

    def _kind(self, fd: int) -> str | None:
        """Return the name of the file system if syncfs is a barrier there; asked once for each."""
        if not self._use_syncfs:
            return None
        device = os.fstat(fd).st_dev
        if device not in self._kinds:
            self._kinds[device] = SYNCFS_TYPES.get(_file_system(fd))
        return self._kinds[device]

    def _syncfs(self, fd: int) -> None:
        self.barriers.syncfs += 1
        if _libc.syncfs(fd) != 0:
            raise _failed("syncfs", OSError(ctypes.get_errno(), "syncfs"))

    def _fsync(self, fd: int) -> None:
        self.barriers.fsync += 1
        try:
            os.fsync(fd)
        except OSError as error:
            raise _failed("fsync", error) from error


def open_folder(path: Path | str, *, dir_fd: int | None = None) -> int:
    """Return a descriptor of a folder, for the caller to close; the last part may be no link.

    Raises NotAvailable when there is no such folder, NoPermission when it may not be opened.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, dir_fd=dir_fd)
    except PermissionError as error:
        raise NoPermission(
            "the folder may not be opened", where=str(path), fix="Give the hub's user the right"
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotAvailable(
            "there is no such folder", where=str(path), fix="Make it; it may not be a link"
        ) from error
    except OSError as error:
        raise _failed("open", error) from error


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data` at the descriptor's position: one write may take less, without error.

    Raises StorageFailed when the disk is full or fails; part of `data` may then be written.
    """
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        raise _failed("write", error) from error


def write_new(dir_fd: int, name: str, data: bytes, *, mode: int = 0o600) -> int:
    """Write a file that was not there; return its open descriptor, for the barrier, to close.

    mode: permissions, exactly: the umask does not touch them
    Raises FileExistsError when the name is taken by anything, a broken link too; CannotCreate,
    StorageFailed otherwise, and then no file is left.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, 0o600, dir_fd=dir_fd)
    except FileExistsError:
        raise
    except OSError as error:
        raise CannotCreate(
            f"a new file cannot be made ({_symbol(error)})",
            where=_folder_name(dir_fd),
            fix="See that there is room and that the hub's user may write there",
        ) from error
    try:
        write_all(fd, data)
        if mode != 0o600:
            os.fchmod(fd, mode)
    except BaseException:  # an interrupt too may leave no half file behind
        os.close(fd)
        with suppress(OSError):
            os.unlink(name, dir_fd=dir_fd)
        raise
    return fd


def rename_new(dir_fd: int, old: str, new: str) -> None:
    """Rename within a folder, never replacing. Raises as `move` does."""
    move(dir_fd, old, dir_fd, new)


def move(src_fd: int, old: str, dst_fd: int, new: str) -> None:
    """Rename from folder to folder, never replacing; durable after a sync of both folders.

    Raises FileExistsError when `new` is taken, FileNotFoundError when `old` is gone, any other
    OSError as the system gives it: for the caller these are answers.
    """
    try:
        _renameat2(src_fd, old, dst_fd, new)
    except OSError as error:
        if error.errno not in NO_RENAMEAT2:
            raise
        _move_by_link(src_fd, old, dst_fd, new)


def _move_by_link(src_fd: int, old: str, dst_fd: int, new: str) -> None:
    """Rename without replacing where renameat2 cannot: a crash between may leave both names."""
    try:
        os.link(old, new, src_dir_fd=src_fd, dst_dir_fd=dst_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        # What cannot be linked is looked for and renamed: two who choose the same new name at the
        # same moment are not told apart. The names that the hub gives are unique.
        if _is_there(dst_fd, new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new) from error
        os.rename(old, new, src_dir_fd=src_fd, dst_dir_fd=dst_fd)
    else:
        os.unlink(old, dir_fd=src_fd)


def _is_there(dir_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _renameat2(src_fd: int, old: str, dst_fd: int, new: str) -> None:
    if "\0" in old + new:
        raise ValueError("embedded null byte")  # C would end the name there
    names = os.fsencode(old), os.fsencode(new)
    if _libc.renameat2(src_fd, names[0], dst_fd, names[1], RENAME_NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), old, None, new)


def _file_system(fd: int) -> int:
    """Return the magic number of the file system `fd` lies on; 0 when it cannot be told."""
    buffer = ctypes.create_string_buffer(256)  # struct statfs takes 120; f_type is its first field
    if _libc.fstatfs(fd, buffer) != 0:
        return 0
    return ctypes.c_ulong.from_buffer(buffer).value & 0xFFFFFFFF


def _kernel(release: str) -> tuple[int, int]:
    """Return major and minor of a kernel's release, `5.10.0-28-amd64`; (0, 0) if unreadable."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _failed(call: str, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{call} failed ({_symbol(error)})",
        where="storage",
        fix="See to the disk; what was not confirmed is worked again",
    )


def _symbol(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "unknown")


def _folder_name(fd: int) -> str:
    """Return where a folder lies, for a message to the operator."""
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink())
    except OSError:
        return "storage"
