"""Read a file that a stranger left, once, through one descriptor.

    1. look at the name without following it: one regular file, with one name, of an allowed owner
    2. open it without following and without waiting; it must be the file that was looked at
    3. read no more than allowed
    4. it must not have changed meanwhile

What counts is what was read: whoever still holds the file open changes nothing afterwards. Times of
files are as coarse as the kernel's tick (4 ms on most machines): two writes of the same size
within the tick of a look are one to it. A document's digest finds that; an envelope mixed so is one
that its writer could have written.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from hub.errors import NoticeRefused, RefusalClass, StorageFailed

PIECE = 256 * 1024
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
REJECTED_CODE = "9052"
LIMIT_CODE = "9023"


def refused(what: str, *, path: str | None, fix: str) -> NoticeRefused:
    """Return the refusal of a file that is not what the spool takes; 9052 of XTA 2."""
    return NoticeRefused(RefusalClass.SPOOL_FILE_REJECTED, REJECTED_CODE, what, fix=fix, path=path)


@contextmanager
def pieces(
    dir_fd: int, name: str, limit: int, owners: frozenset[int], *, path: str | None = None
) -> Iterator[Iterator[bytes]]:
    """Open a file and give its bytes in pieces; the last step checks that it did not change.

    limit: the most bytes, 0 or more; owners: user ids whose files are taken
    path: where in the envelope the file is referenced, for the refusal's text
    Raises NoticeRefused (SpoolFileRejected 9052, LimitExceeded 9023) on entering or while the
    pieces are drawn, FileNotFoundError when there is no such file, StorageFailed.
    """
    seen = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    _check(seen, owners, path)
    if seen.st_size > limit:
        raise _too_long(limit, path)
    fd = _open(dir_fd, name, path)
    try:
        if _signature(os.fstat(fd)) != _signature(seen):
            raise _changed(path)
        yield _read(fd, seen, limit, path)
    finally:
        os.close(fd)


def _open(dir_fd: int, name: str, path: str | None) -> int:
    try:
        return os.open(name, READ, dir_fd=dir_fd)
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise _unreadable(path) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise _changed(path) from error
        raise _failed(error) from error


def _read(fd: int, seen: os.stat_result, limit: int, path: str | None) -> Iterator[bytes]:
    size = 0
    try:
        while piece := os.read(fd, min(PIECE, limit + 1 - size)):
            size += len(piece)
            if size > limit:
                raise _too_long(limit, path)
            yield piece
        after = os.fstat(fd)
    except OSError as error:
        raise _failed(error) from error
    if size != seen.st_size or _signature(after) != _signature(seen):
        raise _changed(path)


def _check(seen: os.stat_result, owners: frozenset[int], path: str | None) -> None:
    kind = stat.S_IFMT(seen.st_mode)
    plain = "Hand in a plain file of your own"
    if kind != stat.S_IFREG:
        what = KINDS.get(kind, "no file")
        raise refused(f"it is {what}, not a regular file", path=path, fix=plain)
    if seen.st_nlink != 1:
        raise refused("the file has a second name (hard link)", path=path, fix=plain)
    if seen.st_uid not in owners:
        raise refused(
            "the file belongs to a user who may not hand in here",
            path=path,
            fix="Hand in as the procedure's user, or set its `owner` in hub.toml",
        )
    if seen.st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise refused("the file is set-uid or set-gid", path=path, fix="Take that bit off")
    if not seen.st_mode & 0o444:  # root could read it all the same
        raise _unreadable(path)


def _signature(status: os.stat_result) -> tuple[int, ...]:
    """Return what must stay the same while a file is read; its time of access may change."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_mode,
        status.st_nlink,
        status.st_uid,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _changed(path: str | None) -> NoticeRefused:
    return refused(
        "the file changed while it was read",
        path=path,
        fix="Write it wholly under another name, then rename it",
    )


def _unreadable(path: str | None) -> NoticeRefused:
    return refused("the file may not be read", path=path, fix="Make it readable for the hub's user")


def _too_long(limit: int, path: str | None) -> NoticeRefused:
    return NoticeRefused(
        RefusalClass.LIMIT_EXCEEDED,
        LIMIT_CODE,
        f"the file has more than {limit} bytes",
        fix="Send less, or raise the limit in hub.toml",
        path=path,
    )


def _failed(error: OSError) -> StorageFailed:
    return StorageFailed(
        f"a file cannot be read ({errno.errorcode.get(error.errno or 0, 'unknown')})",
        where="spool",
        fix="See to the disk; the drop is tried again",
    )
