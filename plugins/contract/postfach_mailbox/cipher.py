"""Encrypted blobs: how payload lies at rest, and how a mailbox's child reads it.

A blob is one document (or any bytes) encrypted under a key of 32 bytes that belongs to one notice.
The hub writes blobs into its vault; the child of a mailbox gets the open file, a blob's place in
it and the key, and reads through `Reader`, which can seek, so that clear text is never in a file.

Format, version 1 (final):

    blob    = version (1 byte, 0x01) || salt (16 random bytes) || chunk, 1 or more
    key'    = HKDF-SHA256(key, salt, info = "postfach blob 1" || 0x00 || context), 32 bytes
    chunk i = AES-256-GCM(key', nonce i, plain bytes i): cipher text || tag (16 bytes)
    nonce i = i (11 bytes, big endian, from 0) || 0x01 for the last chunk, 0x00 for all before it

Every chunk holds 65,536 plain bytes, but the last, which holds the rest: 1 to 65,536, and 0 only
where the whole is empty. So size and length say each other, and each chunk is found by arithmetic.

Security: the context says what the blob is (notice, document) and is not stored; a blob put in
another's place does not decrypt. Counter and last flag find chunks that are altered, exchanged,
dropped, doubled or cut off. A key may encrypt any number of blobs: the salt gives each its own key.
A blob's length is not hidden. Clear text is handed out per authenticated chunk, so the reader of a
blob damaged further on may have got clear bytes before it meets `Damaged`.
Source: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015), in the shape of the payload of
the age format, version 1; HKDF: RFC 5869; AES-GCM: NIST SP 800-38D.
"""

import io
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

KEY_BYTES = 32
CHUNK = 65_536  # plain bytes in each chunk but the last
TAG = 16
VERSION = b"\x01"
SALT = 16
HEADER = len(VERSION) + SALT


class Damaged(Exception):
    """A blob is not what was written under this key and context, or not wholly there."""


def blob_length(size: int) -> int:
    """Return the length in bytes of the blob of `size` plain bytes, 0 or more."""
    if size < 0:
        raise ValueError(f"blob_length({size})")
    return HEADER + size + TAG * max(1, -(-size // CHUNK))


def plain_size(length: int) -> int:
    """Return how many plain bytes a blob of `length` bytes holds. Raises Damaged if none is."""
    body = length - HEADER
    chunks = max(1, -(-body // (CHUNK + TAG)))
    size = body - TAG * chunks
    if size < 0 or blob_length(size) != length:
        raise Damaged(f"no blob is {length} bytes long")
    return size


def encrypt(key: bytes, context: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the blob of the joined `chunks`, piece by piece; holds little more than a piece of it.

    key: 32 bytes; context: what the blob is, any bytes, needed again to read it
    chunks: pieces of any length, empty ones too
    """
    salt = os.urandom(SALT)
    cipher = _cipher(key, salt, context)
    head, pending, index = VERSION + salt, bytearray(), 0
    for piece in chunks:
        pending += piece
        # One chunk stays back: whether it is the last shows only when no more follows.
        while len(pending) > CHUNK:
            yield head + cipher.encrypt(_nonce(index, last=False), bytes(pending[:CHUNK]), None)
            del pending[:CHUNK]  # from the front: CPython moves a pointer, not the bytes
            head, index = b"", index + 1
    yield head + cipher.encrypt(_nonce(index, last=True), bytes(pending), None)


def seal(key: bytes, context: bytes, data: bytes) -> bytes:
    """Return the blob of `data`; for what fits in memory."""
    return b"".join(encrypt(key, context, (data,)))


def unseal(key: bytes, context: bytes, blob: bytes) -> bytes:
    """Return the plain bytes of a whole blob. Raises Damaged."""
    size = plain_size(len(blob))
    cipher = _cipher(key, _salt(blob[:HEADER]), context)
    last = _last_chunk(size)
    view = memoryview(blob)
    return b"".join(
        _open(cipher, index, last, view[_chunk_start(index) : _chunk_start(index + 1)])
        for index in range(last + 1)
    )


class Reader(io.RawIOBase):
    """Reads and seeks in the plain bytes of a blob that lies somewhere in an open file.

    Uses positioned reads only: many readers, in many threads, share one descriptor. One reader is
    for one thread. Every read gives all the bytes asked for, up to the end, like a buffered file's.
    Holds one chunk of clear text at a time. Raises Damaged, and OSError where the disk fails.
    """

    def __init__(
        self,
        fd: int,
        offset: int,
        length: int,
        *,
        key: bytes,
        context: bytes,
        close_fd: bool = False,
    ) -> None:
        """Open the blob at `offset`, `length` bytes long, in `fd`; `close_fd`: close it with this.

        Reads the last chunk at once: a blob cut short is found before a byte of it is used.
        Raises Damaged; `fd` then stays open.
        """
        super().__init__()
        self._fd, self._offset, self._close_fd = fd, offset, False
        self.size = plain_size(length)
        self._last = _last_chunk(self.size)
        self._length = length
        self._cipher = _cipher(key, _salt(self._pread(0, HEADER)), context)
        self._position = 0
        self._index, self._chunk = self._last, self._load(self._last)
        self._close_fd = close_fd

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can seek."""
        return True

    def tell(self) -> int:
        """Return the position in plain bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the plain bytes; past the end is allowed and reads nothing."""
        self._check_open()
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}
        if whence not in start or start[whence] + offset < 0:
            raise ValueError(f"seek({offset}, {whence})")
        self._position = start[whence] + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill `buffer`, short only at the end; return how many bytes are new in it."""
        self._check_open()
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._position < self.size:
            index, within = divmod(self._position, CHUNK)
            if index != self._index:
                self._index, self._chunk = index, self._load(index)
            part = memoryview(self._chunk)[within : within + len(view) - filled]
            view[filled : filled + len(part)] = part
            filled += len(part)
            self._position += len(part)
        return filled

    def readall(self) -> bytes:
        """Return all bytes from the position to the end."""
        buffer = bytearray(max(0, self.size - self._position))
        self.readinto(buffer)
        return bytes(buffer)

    def close(self) -> None:
        """Close; the descriptor too, if it was handed over. Closing twice is allowed."""
        if not self.closed:
            super().close()
            self._chunk = b""
            if self._close_fd:
                os.close(self._fd)

    def _load(self, index: int) -> bytes:
        start = _chunk_start(index)
        cipher_text = self._pread(start, min(_chunk_start(index + 1), self._length) - start)
        return _open(self._cipher, index, self._last, cipher_text)

    def _pread(self, start: int, count: int) -> bytes:
        """Return `count` bytes of the blob from `start`: one pread may give fewer."""
        found = bytearray()
        while len(found) < count:
            at = self._offset + start + len(found)
            piece = os.pread(self._fd, count - len(found), at)
            if not piece:
                raise Damaged("the file ends within the blob")
            found += piece
        return bytes(found)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def _cipher(key: bytes, salt: bytes, context: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    info = b"postfach blob 1\0" + context
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(key))


def _salt(header: bytes) -> bytes:
    if header[:1] != VERSION:
        raise Damaged("not a blob of version 1")
    return header[1:]


def _open(cipher: AESGCM, index: int, last: int, cipher_text: bytes | memoryview) -> bytes:
    try:
        return cipher.decrypt(_nonce(index, last=index == last), cipher_text, None)
    except InvalidTag:
        raise Damaged(f"chunk {index} of {last + 1} does not decrypt") from None


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\1" if last else b"\0")


def _last_chunk(size: int) -> int:
    """Return the index of the last chunk of `size` plain bytes."""
    return max(0, size - 1) // CHUNK


def _chunk_start(index: int) -> int:
    """Return where chunk `index` starts in the blob; past the last one: at or after the end."""
    return HEADER + index * (CHUNK + TAG)
