"""The layers before the schema: bytes, what is forbidden, what is malformed, limits.

One pass of expat over the bytes, without a tree: what is forbidden or over a limit is refused
where it is met, so that neither entities nor depth nor numbers cost anything. Encoding and
declaration are read by hand before it: parsers take more than UTF-8 and XML 1.0.

Limits: `MAX_DEPTH`, `MAX_ATTRIBUTES`, ... below; an envelope that uses every element and every
document, and a signature, has about 1,000 elements.
Security: texts name lines, elements and numbers, never a value.
Source: XML 1.0 (fifth edition) 2.8 for the declaration; docs/reference/refusals for the classes.
"""

import codecs
import re
from collections.abc import Sequence
from typing import NoReturn
from xml.parsers import expat

from hub import schemas
from hub.envelope.limits import MIB
from hub.errors import NoticeRefused, RefusalClass

MAX_DEPTH = 64
MAX_ATTRIBUTES = 64  # of one element; namespace declarations are counted apart, up to as many
MAX_TEXT = MIB  # bytes of one text or attribute value outside Data
MAX_DATA = 5 * MIB  # bytes of a document inside the envelope
MAX_NAME = 1024  # characters of a name or prefix
MAX_ELEMENTS = 4096

# Line breaks every 76 characters, as MIME makes them, and room to spare; libxml2 ends at 10 MB.
_MAX_DATA_TEXT = 8 * MIB
_MAX_DATA_DIGITS = -(-MAX_DATA // 3) * 4

_XINCLUDE = ("http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude")
_DATA = [f"{schemas.NAMESPACE}\n{name}" for name in ("Notice", "Document", "Data")]
_PIECE = 64 * 1024
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:'1\.0'|"1\.0")"""
    rb"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:'[Uu][Tt][Ff]-8'|"[Uu][Tt][Ff]-8"))?"""
    rb"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:'(?:yes|no)'|"(?:yes|no)"))?"""
    rb"""[ \t\r\n]*\?>"""
)
_BLANKS = re.compile(r"[ \t\r\n]+")


def check(data: bytes, limit: int) -> tuple[int, ...]:
    """Return the line of each element, in document order. Raises NoticeRefused.

    limit: most bytes the envelope may have
    """
    if len(data) > limit:
        raise NoticeRefused(
            RefusalClass.LIMIT_EXCEEDED,
            "9023",
            f"the envelope is larger than {limit} bytes",
            fix="Hand documents in as files of the drop, not inside the envelope",
        )
    _check_encoding(data)
    return _Pass().run(data)


def _check_encoding(data: bytes) -> None:
    """Refuse what is not UTF-8 throughout, or declares anything but XML 1.0 and UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    view = memoryview(data)
    # In pieces: one character beyond the BMP would make a whole envelope four times as large.
    for start in range(0, max(len(data), 1), _PIECE):
        piece = view[start : start + _PIECE]
        try:
            decoder.decode(piece, final=start + _PIECE >= len(data))
        except UnicodeDecodeError:
            line = data.count(b"\n", 0, start) + 1
            raise _malformed("9051", "the envelope is not UTF-8", line) from None
    # expat takes UTF-16 for UTF-8 where it sees zeros, whatever encoding it is told.
    if (zero := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise _malformed("9051", "the envelope holds a NUL byte", line)
    head = data[:1024].removeprefix(codecs.BOM_UTF8)
    # `<?xml-stylesheet` is an instruction, not a declaration: expat meets and refuses it.
    if re.match(rb"<\?xml[ \t\r\n?]", head) and not _DECLARATION.match(head):
        raise _malformed("9051", "the XML declaration is not that of XML 1.0 in UTF-8", 1)


class _Pass:
    """One run of expat; counts on the way and refuses where a limit is passed."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.open: list[str] = []  # names of the open elements: namespace, line feed, local name
        self.texts: list[int] = []  # bytes of text so far of each open element
        self.digits = 0  # base64 digits of the open Data
        self.declared = 0  # namespace declarations of the element about to open
        parser = self.parser = expat.ParserCreate("utf-8", namespace_separator="\n")
        parser.buffer_text = True
        parser.buffer_size = _PIECE
        parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = lambda *_: self.forbid("a DOCTYPE")
        parser.CommentHandler = lambda *_: self.forbid("a comment")
        parser.ProcessingInstructionHandler = lambda *_: self.forbid("a processing instruction")
        parser.StartNamespaceDeclHandler = self.namespace
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text

    def run(self, data: bytes) -> tuple[int, ...]:
        """Return the line of each element. Raises NoticeRefused."""
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError as error:
            what = f"the envelope is not well-formed XML ({expat.ErrorString(error.code)})"
            raise _malformed("9050", what, error.lineno) from None
        return tuple(self.lines)

    def forbid(self, what: str) -> NoReturn:
        """Refuse what no envelope may hold."""
        raise NoticeRefused(
            RefusalClass.XML_FORBIDDEN,
            "9050",
            f"the envelope holds {what}",
            fix="Write the envelope without DOCTYPE, comments, instructions and XInclude",
            line=self.parser.CurrentLineNumber,
            path=self.path(),
        )

    def exceed(self, what: str) -> NoReturn:
        """Refuse what is over a limit."""
        raise NoticeRefused(
            RefusalClass.LIMIT_EXCEEDED,
            "9023",
            what,
            fix="Write the envelope within the limits",
            line=self.parser.CurrentLineNumber,
            path=self.path(),
        )

    def path(self) -> str | None:
        """Return where the pass stands, by local names; None outside the root element."""
        names = [schemas.shown(name.rpartition("\n")[2]) for name in self.open]
        return "/" + "/".join(names) if names else None

    def namespace(self, prefix: str | None, uri: str | None) -> None:
        """Count a namespace declaration; it is met before its element."""
        if uri in _XINCLUDE:
            self.forbid("XInclude")
        self.declared += 1
        if self.declared > MAX_ATTRIBUTES:
            self.exceed(f"an element has more than {MAX_ATTRIBUTES} namespace declarations")
        if len(prefix or "") > MAX_NAME:
            self.exceed(f"a prefix is longer than {MAX_NAME} characters")
        if _octets(uri or "") > MAX_TEXT:
            self.exceed(f"a namespace name is larger than {MAX_TEXT} bytes")

    def start(self, name: str, attributes: Sequence[str]) -> None:
        """Open an element: depth, number, names, attributes."""
        self.declared = 0
        self.lines.append(self.parser.CurrentLineNumber)
        self.open.append(name)
        self.texts.append(0)
        self.digits = 0
        if len(self.open) > MAX_DEPTH:
            self.exceed(f"elements lie more than {MAX_DEPTH} levels deep")
        if len(self.lines) > MAX_ELEMENTS:
            self.exceed(f"the envelope has more than {MAX_ELEMENTS} elements")
        if len(attributes) > 2 * MAX_ATTRIBUTES:
            self.exceed(f"an element has more than {MAX_ATTRIBUTES} attributes")
        names = (name, *attributes[::2])
        if any(len(full.rpartition("\n")[2]) > MAX_NAME for full in names):
            self.exceed(f"a name is longer than {MAX_NAME} characters")
        if any(_octets(value) > MAX_TEXT for value in attributes[1::2]):
            self.exceed(f"an attribute value is larger than {MAX_TEXT} bytes")

    def end(self, _name: str) -> None:
        """Close an element."""
        self.open.pop()
        self.texts.pop()

    def text(self, text: str) -> None:
        """Count text of the open element, all its pieces together."""
        self.texts[-1] += _octets(text)
        if self.open != _DATA:
            if self.texts[-1] > MAX_TEXT:
                self.exceed(f"a text is larger than {MAX_TEXT} bytes")
            return
        self.digits += len(_BLANKS.sub("", text))
        if self.texts[-1] > _MAX_DATA_TEXT or self.digits > _MAX_DATA_DIGITS:
            self.exceed(f"a document inside the envelope is larger than {MAX_DATA} bytes")


def _octets(text: str) -> int:
    """Return how many bytes the text has in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def _malformed(code: str, what: str, line: int) -> NoticeRefused:
    return NoticeRefused(
        RefusalClass.XML_MALFORMED,
        code,
        what,
        fix="Write the envelope as well-formed XML 1.0 in UTF-8",
        line=line,
    )
