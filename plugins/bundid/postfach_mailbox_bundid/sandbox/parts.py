"""Multipart bodies (RFC 7578), read part by part, and refused where anything is unusual.

aiohttp's own reader is kind: it forgives names that are quoted wrongly and repairs some of them.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from aiohttp import StreamReader, web

from postfach_mailbox_bundid.assumed import Code
from postfach_mailbox_bundid.sandbox.refusing import Refusal

_HEAD_MAX: Final = 4096  # bytes of a part's headers
_BOUNDARY: Final = re.compile(
    r'multipart/form-data; ?boundary=("?)([0-9A-Za-z\'()+_,./:=?-]{1,70})\1'
)
_HEADER: Final = re.compile(r"(Content-Disposition|Content-Type): ([^\r\n]+)", re.IGNORECASE)
_DISPOSITION: Final = re.compile(
    r'form-data; name="([a-z]+)"(?:; filename="((?:[^"\\]|\\["\\])*)")?'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a part's headers say; content_type in lower case, without parameters, empty for none."""

    name: str
    filename: str | None
    content_type: str


class Body:
    """The parts of a request's body in their order: `next`, then `pieces`, and so on."""

    def __init__(self, content: StreamReader, boundary: str) -> None:
        """Read from `content`."""
        self._content = content
        self._mark = f"\r\n--{boundary}".encode()
        # The first mark has no line before it: with this all are alike.
        self._held = bytearray(b"\r\n")
        self._begun = False

    @classmethod
    def of(cls, request: web.Request) -> "Body":
        """Begin to read. Raises Refusal: no length, or not multipart/form-data."""
        if request.content_length is None:
            raise Refusal(Code.REQUEST_INVALID, "Content-Length is wanted")
        if request.content_type != "multipart/form-data":
            raise Refusal(Code.TYPE_REFUSED, "Content-Type: multipart/form-data is wanted")
        found = _BOUNDARY.fullmatch(request.headers["Content-Type"])
        if found is None:
            raise Refusal(Code.REQUEST_INVALID, "Content-Type: a boundary is wanted")
        return cls(request.content, found[2])

    async def next(self, name: str) -> Part | None:
        """Return the next part, which must have this name; None: there is none any more.

        The one before must have been read to its end. Raises Refusal.
        """
        if not self._begun:
            self._begun = True
            if await self._take(len(self._mark)) != self._mark:
                raise Refusal(Code.REQUEST_INVALID, "the body does not begin with its boundary")
        match await self._take(2):
            case b"--":
                if await self._take(2) != b"\r\n" or self._held or await self._more():
                    raise Refusal(Code.REQUEST_INVALID, "something stands behind the last part")
                return None
            case b"\r\n":
                part = _read_head(await self._head())
            case _:
                raise Refusal(Code.REQUEST_INVALID, "a boundary is not followed by a line's end")
        if part.name != name:
            raise Refusal(Code.REQUEST_INVALID, f"a part {name} is wanted here")
        return part

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the part as they come. Raises Refusal: the body ends within it."""
        while (end := self._held.find(self._mark)) < 0:
            safe = len(self._held) - len(self._mark) + 1
            if safe > 0:
                yield bytes(self._held[:safe])
                del self._held[:safe]
            if not await self._more():
                raise Refusal(Code.REQUEST_INVALID, "the body ends within a part")
        yield bytes(self._held[:end])
        del self._held[: end + len(self._mark)]

    async def whole(self, most: int) -> bytes:
        """Return all bytes of the part; where it has more than `most`, some more, not all."""
        found = bytearray()
        async for piece in self.pieces():
            found += piece
            if len(found) > most:
                break
        return bytes(found)

    async def _head(self) -> str:
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _HEAD_MAX or not await self._more():
                raise Refusal(Code.REQUEST_INVALID, "a part's headers do not end")
        if end > _HEAD_MAX:
            raise Refusal(Code.REQUEST_INVALID, "a part's headers are too long")
        head = bytes(self._held[:end])
        del self._held[: end + 4]
        try:
            return head.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refusal(Code.REQUEST_INVALID, "a part's headers are not UTF-8") from error

    async def _take(self, count: int) -> bytes:
        while len(self._held) < count and await self._more():
            pass
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    async def _more(self) -> bool:
        data = await self._content.readany()
        self._held += data
        return bool(data)


def _read_head(text: str) -> Part:
    found: dict[str, str] = {}
    for line in text.split("\r\n"):
        header = _HEADER.fullmatch(line)
        if header is None or header[1].lower() in found:
            message = "a part has Content-Disposition and Content-Type, once, and nothing else"
            raise Refusal(Code.REQUEST_INVALID, message)
        found[header[1].lower()] = header[2]
    place = _DISPOSITION.fullmatch(found.get("content-disposition", ""))
    if place is None:
        raise Refusal(Code.REQUEST_INVALID, 'Content-Disposition: form-data; name="..." is wanted')
    filename = None if place[2] is None else re.sub(r"\\(.)", r"\1", place[2])
    kind = found.get("content-type", "").partition(";")[0].strip().lower()
    return Part(name=place[1], filename=filename, content_type=kind)
