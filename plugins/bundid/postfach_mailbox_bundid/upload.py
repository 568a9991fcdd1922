"""The body of a message: multipart/form-data (RFC 7578), streamed, with its length known before.

Part `json` is the envelope; parts `files` follow in the order in which it announces them.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from postfach_mailbox import DeliveryDocument
from postfach_mailbox.cipher import CHUNK

_END: Final = b"\r\n"


class Spoilt(Exception):
    """A document gave other than its announced number of bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is sent: a frame that is new at each attempt around an envelope that is not."""

    boundary: str
    envelope: bytes
    documents: tuple[DeliveryDocument, ...]

    @classmethod
    def of(cls, envelope: bytes, documents: Sequence[DeliveryDocument]) -> "Body":
        """Take what is to be sent. The boundary is by chance: no document holds it on purpose."""
        return cls(
            boundary=f"postfach-{secrets.token_hex(24)}",
            envelope=envelope,
            documents=tuple(documents),
        )

    @property
    def content_type(self) -> str:
        """The header that goes with it."""
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def length(self) -> int:
        """Bytes of all pieces together."""
        files = sum(len(self._head(each)) + each.facts.size + len(_END) for each in self.documents)
        return len(self._first) + files + len(self._last)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in large pieces: each is a call to the network. Raises Spoilt."""
        waiting = bytearray()
        for piece in self._small():
            waiting += piece
            if len(waiting) >= CHUNK:
                yield bytes(waiting)
                waiting.clear()
        yield bytes(waiting)

    def _small(self) -> Iterator[bytes]:
        yield self._first
        for each in self.documents:
            yield self._head(each)
            yield from _read(each)
            yield _END
        yield self._last

    @property
    def _first(self) -> bytes:
        head = self._opening('name="json"', "application/json; charset=utf-8")
        return head + self.envelope + _END

    @property
    def _last(self) -> bytes:
        return f"--{self.boundary}--\r\n".encode("ascii")

    def _head(self, document: DeliveryDocument) -> bytes:
        facts = document.facts
        # The name is such that it needs no quoting: see content.py.
        return self._opening(f'name="files"; filename="{facts.filename}"', facts.content_type)

    def _opening(self, disposition: str, content_type: str) -> bytes:
        return (
            f"--{self.boundary}\r\n"
            f"Content-Disposition: form-data; {disposition}\r\n"
            f"Content-Type: {content_type}\r\n\r\n"
        ).encode()


def _read(document: DeliveryDocument) -> Iterator[bytes]:
    left = document.facts.size
    with document.open() as stream:
        while data := stream.read(CHUNK):
            left -= len(data)
            if left < 0:
                break
            yield data
    if left:
        raise Spoilt("a document is not as long as announced")
