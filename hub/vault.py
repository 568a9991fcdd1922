"""Where payload lies: encrypted, one append-only segment per batch, erased by destroying keys.

The hub copies documents into a `Segment`, and keeps in the journal where each lies (`Extent`) and
its notice's key, wrapped. A mailbox's child gets the open segment, an extent and the key. Erasing a
notice is forgetting its wrapped key; the file goes when its last notice went.

    <vault>/<first hex digit of the id>/<id>.seg         see hub.segment
    <vault>/.journal     id of the journal that names them: a vault without it is no one's
    id      = 32 lower-case hex digits, random, never used twice
    wrapped = id of the master key (8 bytes) || blob of the key (32 bytes) under the master key,
              context "wrap" || 0x00 || owner                 blob: see postfach_mailbox.cipher
    id of a master key = first 8 bytes of HMAC-SHA256(master key, "postfach master key id")

Security: the owner of a wrapped key and the context of a blob are authenticated, so that rows put
in each other's place do not open.
Crash safety: a crash leaves whole segments that no journal row names; `Vault.segments` finds them.
"""

import errno
import fcntl
import hmac
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from hub.durable import Disk, open_folder, write_new
from hub.errors import ConfigError, JournalInvalid, NoPermission
from hub.segment import FOLDERS, MAGIC, SEGMENT_ID, UNNAMED, Extent, Segment, TooLong, cannot
from postfach_mailbox.cipher import KEY_BYTES, Damaged, Reader, seal, unseal

__all__ = ["Damaged", "Extent", "Segment", "TooLong", "Vault", "load_master_key", "new_key"]

KEY_ID_BYTES = 8
OWNER = ".journal"
# A link, a folder, a pipe, or a file in a folder's place: something else than the hub put it there.
NO_SEGMENT = (errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENXIO)
NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def new_key() -> bytes:
    """Return a new notice's key: 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


class Vault:
    """The payload store of one hub."""

    def __init__(self, path: Path, master_key: bytes, disk: Disk) -> None:
        """Open the vault, and make its folder if it is not there.

        master_key: 32 bytes (`load_master_key`)
        Raises StorageFailed, NotAvailable or NoPermission when the folder is not to be had.
        """
        if len(master_key) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self.path = path
        self._master_key, self._disk = master_key, disk
        digest = hmac.digest(master_key, b"postfach master key id", "sha256")
        self.key_id = digest[:KEY_ID_BYTES]
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise cannot("make the vault's folder", error) from error
        self._root_fd = open_folder(path)

    def close(self) -> None:
        """Give back the descriptor of the folder."""
        os.close(self._root_fd)

    def wrap(self, key: bytes, owner: bytes) -> bytes:
        """Return the key as the journal keeps it; `owner`: whose it is, needed to unwrap."""
        return self.key_id + seal(self._master_key, b"wrap\0" + owner, key)

    def unwrap(self, wrapped: bytes, owner: bytes) -> bytes:
        """Return a wrapped key. Raises Damaged: altered, another's, or by another master key."""
        key_id, blob = wrapped[:KEY_ID_BYTES], wrapped[KEY_ID_BYTES:]
        if key_id != self.key_id:
            raise Damaged(f"wrapped by master key {key_id.hex()}, this is {self.key_id.hex()}")
        return unseal(self._master_key, b"wrap\0" + owner, blob)

    def keep_answer(self, data: bytes, owner: bytes) -> bytes:
        """Return a mailbox's own answer encrypted under the master key, for the journal.

        It is proof, so it outlives the notice's key. owner: the attempt it belongs to
        """
        return seal(self._master_key, b"answer\0" + owner, data)

    def segment(self) -> Segment:
        """Return a new segment, to be used in a `with` block."""
        return Segment(self._root_fd, self._disk)

    def open(self, segment_id: str) -> int:
        """Return a descriptor of a segment, read-only, for the caller to close.

        Raises Damaged when the file is gone or no segment, StorageFailed when the disk fails.
        """
        try:
            fd = os.open(_file(segment_id), READ, dir_fd=self._root_fd)
        except FileNotFoundError:
            raise Damaged(f"segment {segment_id} is gone") from None
        except OSError as error:
            raise _wrong(self._root_fd, segment_id, "open a segment", error) from error
        try:
            begins_well = os.pread(fd, len(MAGIC), 0) == MAGIC
        except OSError as error:
            os.close(fd)
            raise _wrong(self._root_fd, segment_id, "read a segment", error) from error
        if not begins_well:
            os.close(fd)
            raise Damaged(f"segment {segment_id} does not begin as one")
        return fd

    def read(self, extent: Extent, key: bytes, context: bytes) -> BinaryIO:
        """Return a seekable stream of a document's plain bytes, for the caller to close.

        Raises Damaged, at once or while reading, when they are not the bytes that were added.
        """
        fd = self.open(extent.segment)
        try:
            reader = Reader(
                fd, extent.offset, extent.length, key=key, context=context, close_fd=True
            )
        except BaseException:
            os.close(fd)
            raise
        # RawIOBase is BinaryIO in all that is used of it; typeshed does not say so.
        return cast("BinaryIO", reader)

    def remove(self, segment_id: str) -> None:
        """Remove a segment that no notice needs; one already gone is no error.

        Not durable by itself: after a power cut it may be there again, as one no row names.
        """
        try:
            os.unlink(_file(segment_id), dir_fd=self._root_fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise cannot("remove a segment", error) from error

    def segments(self) -> Iterator[str]:
        """Yield the ids of all segments that no process is writing.

        Look into the journal only after an id came out of here: its writer's commit, if there was
        one, is then visible, and a segment that no row names is certainly left over. Removes what
        those left who died while making one. Raises StorageFailed.
        """
        try:
            for folder in FOLDERS:
                for name in self._names(folder):
                    if name.endswith(UNNAMED) and self._at_rest(f"{folder}/{name}"):
                        # Should one be just making it, its batch fails here and is worked again.
                        with suppress(FileNotFoundError):
                            os.unlink(f"{folder}/{name}", dir_fd=self._root_fd)
                    segment_id = name.removesuffix(".seg")
                    if SEGMENT_ID.fullmatch(segment_id) and self._at_rest(f"{folder}/{name}"):
                        yield segment_id
        except OSError as error:
            raise cannot("be looked through", error) from error

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(path.name for path in (self.path / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _at_rest(self, name: str) -> bool:
        """Say whether nobody holds the lock of a file; what is gone, or is no file, is not."""
        try:
            fd = os.open(name, READ | os.O_NONBLOCK, dir_fd=self._root_fd)
        except OSError as error:
            if error.errno in (errno.ENOENT, *NO_SEGMENT):
                return False
            raise
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True


def owner(path: Path) -> str | None:
    """Return the id of the journal that a vault belongs to; None for a new vault.

    Raises StorageFailed.
    """
    try:
        return (path / OWNER).read_text("ascii", "replace").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot("tell whose it is", error) from error


def belong(path: Path, log_id: str, disk: Disk) -> None:
    """Tie a vault to a journal, the first that comes; so no other one is begun in its place.

    Raises JournalInvalid where it belongs to another, StorageFailed.
    """
    if (found := owner(path)) is None:
        folder = open_folder(path)
        aside = f"{OWNER}.{secrets.token_hex(8)}"
        try:
            fd = write_new(folder, aside, f"{log_id}\n".encode("ascii"))
            try:
                disk.sync([fd])
            finally:
                os.close(fd)
            os.replace(aside, OWNER, src_dir_fd=folder, dst_dir_fd=folder)
            disk.sync_folder(folder)
        except OSError as error:
            raise cannot("note whose it is", error) from error
        finally:
            os.close(folder)
    elif found != log_id:
        raise JournalInvalid(
            "the vault belongs to another database than this one",
            where=str(path),
            fix="Put its database back, or a backup of it. To begin anew, and forget all that the "
            "old one knew, move the vault away",
        )


def load_master_key(path: Path) -> bytes:
    """Read the master key: a file of exactly 32 bytes that only its owner may read.

    Raises ConfigError when it is not there or not a key, NoPermission when its rights are wrong.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read(KEY_BYTES + 1)
    except PermissionError as error:
        fix = "Give it to the hub's user"
        raise NoPermission("the master key may not be read", where=where, fix=fix) from error
    except OSError as error:
        raise ConfigError(
            f"the master key cannot be read ({type(error).__name__})",
            where=where,
            fix="See vault.master_key in hub.toml; never make a new one for a vault in use",
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        fix = f"Run: chmod 600 {where}"
        raise NoPermission("others may read the master key", where=where, fix=fix)
    if len(data) != KEY_BYTES:
        raise ConfigError(
            f"the master key must be {KEY_BYTES} bytes long",
            where=where,
            fix="Put the right file back; the old notices can be read with the old key alone",
        )
    return data


def _wrong(root_fd: int, segment_id: str, act: str, error: OSError) -> Exception:
    """Return what a failure says: this one segment is damaged, or nothing can be read now.

    A notice whose segment is damaged waits for a person; one that cannot be read now does not.
    """
    damaged = Damaged(f"segment {segment_id} is no file that can be read")
    if error.errno in NO_SEGMENT:
        return damaged
    if error.errno in NO_MORE:
        return cannot(act, error)
    try:
        os.close(os.open(OWNER, READ, dir_fd=root_fd))
    except FileNotFoundError:  # the vault can be looked into
        return damaged
    except OSError:
        return cannot(act, error)
    return damaged


def _file(segment_id: str) -> str:
    """Return a segment's path within the vault; ids from elsewhere are not trusted as names."""
    if not SEGMENT_ID.fullmatch(segment_id):
        raise Damaged("no id of a segment")
    return f"{segment_id[:1]}/{segment_id}.seg"
