"""One message, read within bounds (RFC 5322, RFC 2045 to 2049).

Whatever is in it ends in a Mail, or in Unreadable with a reason that repeats nothing of it. Bounds
come before the parser, whose time and depth grow with what they bound: size, lines, the block of
headers, each header, boundaries; then parts. Nothing in it is followed: no link, no external body.
"""

import email
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

LINES_MOST: Final = 400_000
HEADERS_MOST: Final = 64 * 1024  # bytes of a block of headers
HEADER_MOST: Final = 8 * 1024  # bytes of one header, unfolded
BOUNDARIES_MOST: Final = 20  # multiparts, one in another or beside it
PARTS_MOST: Final = 100
ADDRESSES_MOST: Final = 50
SUBJECT_MOST: Final = 1024  # characters, as a reply's
NAME_MOST: Final = 255
TO: Final = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
TEXTS: Final = ("text/plain",)
# What the standard parser raises, each for some malformed message.
BROKEN: Final = (
    *(RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    MessageError,
)
_HEADER: Final = re.compile(rb"[!-9;-~]+[ \t]*:")
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNFIT: Final = re.compile(r'["\\/:*?<>|\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]')
_TYPE: Final = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}")


class Unreadable(Exception):
    """It is no message that can be taken; the text says which bound it passes, or why else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A document of a message: its name and type, plain and short, and its bytes."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message.

    identity: names it, however often it is delivered: SHA-256, hex
    at: its Date, None where it has none that a clock shows
    recipients: addresses, as they stand there
    proof: JSON of what identifies it; no text and no name of it
    """

    identity: str
    at: datetime | None
    subject: str
    text: str | None
    sender: str | None
    recipients: tuple[str, ...]
    results: tuple[str, ...]
    documents: tuple[Part, ...]
    proof: bytes


def read(data: bytes) -> Mail:
    """Return the message that `data` holds. Raises Unreadable."""
    _bounded(data)
    try:
        return _mail(email.message_from_bytes(data), data)
    except Unreadable:
        raise
    except BROKEN as error:
        raise Unreadable(f"it cannot be read ({type(error).__name__})") from error


def _bounded(data: bytes) -> None:
    head = re.split(rb"\r?\n\r?\n", data[: HEADERS_MOST + 4], maxsplit=1)[0]
    if not _HEADER.match(head):
        raise Unreadable("it has no headers")
    if len(head) > HEADERS_MOST:
        raise Unreadable(f"its headers are longer than {HEADERS_MOST} bytes")
    if any(len(each) > HEADER_MOST for each in re.split(rb"\r?\n(?![ \t])", head)):
        raise Unreadable(f"a header is longer than {HEADER_MOST} bytes")
    if b"\x00" in head:
        raise Unreadable("a header holds a null byte")
    if max(data.count(b"\n"), data.count(b"\r")) > LINES_MOST:
        raise Unreadable(f"it has more than {LINES_MOST} lines")
    if len(re.findall(rb"(?i)boundary\s*\*?[0-9*]*\s*=", data)) > BOUNDARIES_MOST:
        raise Unreadable(f"it has more than {BOUNDARIES_MOST} multiparts")


def _mail(message: "Message[str, str]", data: bytes) -> Mail:
    if message.get_content_type() == "multipart/encrypted":
        raise Unreadable("it is encrypted")
    texts: list[str] = []
    documents: list[Part] = []
    for number, part in enumerate(_leaves(message)):
        if number == PARTS_MOST:
            raise Unreadable(f"it has more than {PARTS_MOST} parts")
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            raise Unreadable("a part of it has no content")
        named = part.get_filename() is not None
        attached = part.get_content_disposition() == "attachment"
        if part.get_content_type() in TEXTS and not named and not attached:
            texts.append(_decoded(content, part.get_content_charset()))
        elif content:
            documents.append(_document(part, content, len(documents)))
    return Mail(
        identity=(identity := _identity(message, data)),
        at=_date(message.get("Date")),
        subject=_line(message.get("Subject"), SUBJECT_MOST) or "-",
        text="\n".join(texts).replace("\r\n", "\n").replace("\x00", "").strip() or None,
        sender=_line(message.get("From"), NAME_MOST),
        recipients=_recipients(message),
        results=tuple(str(each) for each in message.get_all("Authentication-Results", [])),
        documents=tuple(documents),
        proof=json.dumps(
            {"date": _line(message.get("Date"), 100), "message": identity},
            separators=(",", ":"),
            sort_keys=True,
        ).encode(),
    )


def _leaves(message: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """Give the parts that hold content. An enclosed message is one: it is not opened."""
    if message.get_content_maintype() == "message":
        yield _enclosed(message)
    elif message.is_multipart():
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from _leaves(part)
    else:
        yield message


def _enclosed(message: "Message[str, str]") -> "Message[str, str]":
    """Return an enclosed message as a document of its own."""
    made: Message[str, str] = Message()
    inner = message.get_payload()
    whole = (
        inner[0].as_bytes() if isinstance(inner, list) and isinstance(inner[0], Message) else b""
    )
    made.add_header("Content-Type", "application/octet-stream")
    made.add_header("Content-Disposition", "attachment", filename="nachricht.eml")
    made.set_payload(whole.decode("latin-1"), "latin-1")
    return made


def _document(part: "Message[str, str]", content: bytes, number: int) -> Part:
    kind = part.get_content_type().lower()
    ending = {"text/html": ".html", "application/pdf": ".pdf"}.get(kind, "")
    name = _UNFIT.sub("_", _line(part.get_filename(), NAME_MOST) or "").strip(" .")
    return Part(
        filename=name or f"dokument-{number + 1}{ending}",
        content_type=kind if _TYPE.fullmatch(kind) else "application/octet-stream",
        data=content,
    )


def _identity(message: "Message[str, str]", data: bytes) -> str:
    """Name a message by what a second delivery of it has as well: not by how it came."""
    kept = [str(message.get(name, "")) for name in ("Message-ID", "Date", "From", "Subject")]
    body = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[1:]
    told = json.dumps(kept).encode() + b"\0" + b"".join(body).replace(b"\r\n", b"\n").rstrip()
    return hashlib.sha256(told).hexdigest()


def _recipients(message: "Message[str, str]") -> tuple[str, ...]:
    headers = [str(each) for name in TO for each in message.get_all(name, [])]
    found = [address for _, address in getaddresses(headers) if address]
    return tuple(dict.fromkeys(found))[:ADDRESSES_MOST]


def _date(text: object) -> datetime | None:
    try:
        at = parsedate_to_datetime(str(text))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _line(text: object, most: int) -> str | None:
    """Return a header as one line of what it says; None where it says nothing."""
    if text is None:
        return None
    try:
        said = str(make_header(decode_header(str(text))))
    except BROKEN:
        said = str(text)
    said = said.encode("utf-8", "replace").decode("utf-8")
    return _BREAKS.sub(" ", said).strip()[:most].strip() or None


def _decoded(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8", "replace")
    except BROKEN:
        return content.decode("utf-8", "replace")
