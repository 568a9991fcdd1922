"""A segment of the vault: one new file that takes the documents of one batch, encrypted.

Each document is read once, hashed and encrypted on the way, and appended; then one barrier makes
all of them durable.

    segment = magic (16 bytes) || blob || blob || ...         blob: see postfach_mailbox.cipher

Crash safety: nothing counts before `sync`; what a crash leaves is a whole file that no journal row
names. The file is locked (flock) before it gets its name and until the `with` block ends, so that
no one takes a segment being written for such a leftover; so the block holds the journal's commit.
Security: files 0600, folders 0700, made with O_EXCL, links never followed.
"""

import fcntl
import hashlib
import itertools
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from hub.durable import Disk, open_folder, rename_new, write_all, write_new
from hub.errors import StorageFailed
from postfach_mailbox.cipher import encrypt

MAGIC = b"postfach seg 1\n\0"
SEGMENT_ID = re.compile(r"[0-9a-f]{32}")
FOLDERS = tuple("0123456789abcdef")
_opened = itertools.count()
UNNAMED = ".new"  # ends the name of a segment that is not yet locked; holds no document yet


class TooLong(Exception):
    """A source holds more bytes than allowed; nothing of it is kept in the segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where one document lies, and what it is in clear.

    offset, length: place of its blob in the segment's file, bytes
    size: plain bytes; sha256, sha512: of the plain bytes, hex; sha512 only if asked for
    """

    segment: str
    offset: int
    length: int
    size: int
    sha256: str
    sha512: str | None = None


class Segment:
    """One new file of the vault, made by the first `add`: a batch without documents has none.

    Use it in a `with` block that ends after the journal's commit. Left before `sync`, also by an
    error, it is thrown away; an error after `sync` leaves it, since the commit may have happened.
    """

    def __init__(self, root_fd: int, disk: Disk) -> None:
        """Prepare a segment in the vault whose folder `root_fd` holds."""
        self.id = secrets.token_hex(16)
        self._root_fd, self._disk = root_fd, disk
        self._fd = self._folder_fd = -1
        self.opened = -1  # the place of its file among those opened by this process
        self._ended = self._synced = False

    def __enter__(self) -> Self:
        """Return this segment."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it and give up the lock; throw it away unless it was synced."""
        self.close()

    def add(
        self,
        key: bytes,
        context: bytes,
        source: Iterable[bytes],
        limit: int,
        *,
        sha512: bool = False,
    ) -> Extent:
        """Encrypt what `source` gives into the segment; hash the plain bytes on the way.

        key, context: see `postfach_mailbox.cipher`; limit: the most plain bytes, 0 or more
        Raises TooLong past the limit, StorageFailed when the disk fails, and whatever `source`
        raises; then nothing of this document stays, and those before it do.
        """
        if self._ended:
            raise ValueError("the segment takes no more")
        if self._fd < 0:
            self._create()
        count = _Counted(source, limit, sha512=sha512)
        offset = os.lseek(self._fd, 0, os.SEEK_CUR)
        length = 0
        try:
            for piece in encrypt(key, context, count):
                write_all(self._fd, piece)
                length += len(piece)
        except BaseException:  # an interrupt too: what is half written is taken off, then passed on
            self._cut(offset)
            raise
        return Extent(
            segment=self.id,
            offset=offset,
            length=length,
            size=count.size,
            sha256=count.sha256.hexdigest(),
            sha512=count.sha512.hexdigest() if count.sha512 else None,
        )

    def close(self) -> None:
        """End its `with` block, for one whose block was left to outlive the batch."""
        if self._synced:
            self._close()
        else:
            self.discard()

    def sync(self) -> None:
        """Make it all durable, with one barrier; none when nothing was added. Only once.

        Raises StorageFailed: this segment is then lost, its documents are to be read again.
        """
        sync_together(self._disk, [self])

    def ending(self) -> tuple[list[int], list[int]]:
        """End adding; return the file and the folders that a barrier is to make durable."""
        if self._ended:
            raise ValueError("a segment is synced once")
        self._ended = True
        if self._fd < 0:
            return [], []
        # The vault's own folder too: the folder in it may be new, made by another process.
        return [self._fd], [self._folder_fd, self._root_fd]

    def durable(self) -> None:
        """Note that the barrier was passed: from now on the file stays."""
        self._synced = True

    def discard(self) -> None:
        """Throw the segment away; never after its extents may have been committed."""
        self._ended = True
        if self._fd >= 0:
            # What cannot be removed now is found later as a segment that no row names.
            with suppress(OSError):
                os.unlink(f"{self.id}.seg", dir_fd=self._folder_fd)
        self._close()

    def _create(self) -> None:
        folder, name = self.id[:1], f"{self.id}.seg"
        _make_folders(self._root_fd, folder)
        if self._folder_fd < 0:
            self._folder_fd = open_folder(folder, dir_fd=self._root_fd)
        fd = write_new(self._folder_fd, name + UNNAMED, MAGIC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            rename_new(self._folder_fd, name + UNNAMED, name)
        except OSError as error:
            os.close(fd)
            raise cannot("make a segment", error) from error
        self._fd, self.opened = fd, next(_opened)

    def _cut(self, offset: int) -> None:
        """Take off what a failed document left; if that fails too, it only wastes room."""
        with suppress(OSError):
            os.ftruncate(self._fd, offset)
            os.lseek(self._fd, offset, os.SEEK_SET)

    def _close(self) -> None:
        for fd in (self._fd, self._folder_fd):
            if fd >= 0:
                os.close(fd)
        self._fd = self._folder_fd = -1


def sync_together(disk: Disk, segments: Iterable[Segment]) -> None:
    """Make several segments durable with one barrier.

    Raises StorageFailed: all of them are then lost, their documents are to be read again.
    """
    # In the order in which their files were opened, as a barrier wants them: see Disk.sync.
    segments = sorted(segments, key=lambda one: one.opened)
    ending = [one.ending() for one in segments]
    if files := [fd for own, _ in ending for fd in own]:
        disk.sync(files, sorted({fd for _, folders in ending for fd in folders}))
    for one in segments:
        one.durable()


class _Counted:
    """Passes pieces on, and knows how many bytes they were and their digests."""

    def __init__(self, source: Iterable[bytes], limit: int, *, sha512: bool) -> None:
        self._source, self._limit = source, limit
        self.size = 0
        self.sha256 = hashlib.sha256()
        self.sha512 = hashlib.sha512() if sha512 else None

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._source:
            self.size += len(piece)
            if self.size > self._limit:
                raise TooLong(f"more than {self._limit} bytes")
            self.sha256.update(piece)
            if self.sha512:
                self.sha512.update(piece)
            yield piece


def cannot(what: str, error: OSError) -> StorageFailed:
    """Return the error to raise when the vault's files give an OSError."""
    return StorageFailed(
        f"the vault cannot {what} ({type(error).__name__}, {error.errno})",
        where="vault",
        fix="See to its folder and disk; what was not confirmed is worked again",
    )


def _make_folders(root_fd: int, first: str) -> None:
    """Make all folders when the one needed is not there, as in a new vault.

    All at once, so that no later segment has to wait for the disk because of its folder.
    """
    try:
        os.mkdir(first, 0o700, dir_fd=root_fd)
        for folder in FOLDERS:
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700, dir_fd=root_fd)
    except FileExistsError:
        return
    except OSError as error:
        raise cannot("make its folders", error) from error
