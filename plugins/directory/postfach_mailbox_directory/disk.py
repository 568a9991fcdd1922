"""Barriers: what was written before is on the disk after.

On ext4, xfs and btrfs, with Linux 5.8 or newer, one `syncfs` is the barrier for all files written
before it, and reports the write errors since its descriptor was opened. Elsewhere every file is
synced by itself. A failed barrier is never asked again: the second one would report success.
"""

import ctypes
import os

SYNCFS_RELIABLE = frozenset({0xEF53, 0x58465342, 0x9123683E})  # ext4, xfs, btrfs: linux/magic.h
SYNCFS_REPORTS_ERRORS = (5, 8)
_LIBC = ctypes.CDLL(None, use_errno=True)


def one_for_all(fd: int) -> bool:
    """Whether one barrier for the whole file system of `fd` can be relied on."""
    release = os.uname().release.split(".")
    version = tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in release[:2])
    if version < SYNCFS_REPORTS_ERRORS:
        return False
    # struct statfs begins with f_type, a long on every 64-bit Linux.
    buffer = (ctypes.c_long * 32)()
    return _LIBC.fstatfs(fd, buffer) == 0 and buffer[0] in SYNCFS_RELIABLE


def syncfs(fd: int) -> None:
    """Wait until all that was written to the file system of `fd` is on the disk; OSError if not."""
    if _LIBC.syncfs(fd) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
