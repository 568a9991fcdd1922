"""A document as the body of a request: read once, hashed and encrypted on the way."""

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import BinaryIO, Final

from postfach_fitconnect.api import Body, bytes_body
from postfach_fitconnect.assumed import JOSE
from postfach_fitconnect.jwe import Jwe, Recipient
from postfach_fitconnect.parcel import Attachment

_CHUNK: Final = 64 * 1024


class Spoilt(Exception):
    """A document gave other bytes than announced; nothing was submitted."""


class Upload:
    """One document on its way; `sha512` and `tag` are known once all of it was sent."""

    def __init__(self, attachment: Attachment, recipient: Recipient) -> None:
        """Take what to send for whom; opens nothing yet."""
        self._attachment, self._recipient = attachment, recipient
        self.sha512, self.tag = "", ""

    @property
    def body(self) -> Body:
        """What is sent; each sending is encrypted anew."""
        return Body(media_type=JOSE, length=self._jwe().length, pieces=self._pieces)

    def _jwe(self) -> Jwe:
        return Jwe(self._recipient, self._attachment.media_type, self._attachment.size)

    def _pieces(self) -> Generator[bytes]:
        jwe = self._jwe()
        self.sha512, self.tag = "", ""
        with closing(self._chunks()) as chunks:
            yield from jwe.pieces(chunks)
        self.tag = jwe.tag

    def _chunks(self) -> Generator[bytes]:
        """Yield the document's bytes. Raises Spoilt, before the last piece of the JWE is sent."""
        left, digest = self._attachment.size, hashlib.sha512()
        with self._attachment.open() as stream:
            for chunk in _read(stream):
                left -= len(chunk)
                if left < 0:
                    break
                digest.update(chunk)
                yield chunk
        if left:
            raise Spoilt("a document is not as long as announced")
        if self._attachment.sha512 not in (None, digest.hexdigest()):
            raise Spoilt("a document is not what was announced")
        self.sha512 = digest.hexdigest()


def submit_body(metadata: bytes, data: bytes) -> Body:
    """Return what submits; both are JWEs."""
    parts = (b'{"encryptedMetadata":"', metadata, b'","encryptedData":"', data, b'"}')
    return bytes_body(parts, "application/json")


def _read(stream: BinaryIO) -> Iterator[bytes]:
    read: Callable[[], bytes] = lambda: stream.read(_CHUNK)  # noqa: E731
    return iter(read, b"")
