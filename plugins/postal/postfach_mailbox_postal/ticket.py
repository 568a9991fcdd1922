"""The two documents of the print service's folder: job tickets, and what became of letters.

Schema: job.xsd of this distribution. What is read comes from elsewhere: no entities, no network,
no more than RESULTS_MOST bytes, and nothing that the schema does not know.
"""

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Literal, cast

from lxml import etree

from postfach_mailbox import NoticeData

NAMESPACE = "urn:postfachdienst:postal:1"
RESULTS_MOST = 4 * 1024 * 1024  # bytes of one file of results
SAID = 300  # characters of why a file is refused


class Unreadable(Exception):
    """A file of results is not what job.xsd says; the text names line and cause, no content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A file of a job, as it was written: size in bytes, SHA-256 in lower-case hex."""

    file: str
    content_type: str
    size: int
    sha256: str

    @classmethod
    def of(cls, file: str, content_type: str, data: bytes) -> "Printed":
        """Return what is said of a file that holds `data`."""
        digest = hashlib.sha256(data).hexdigest()
        return cls(file=file, content_type=content_type, size=len(data), sha256=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a letter: posted, or undeliverable; when; the print service's own code."""

    key: str
    outcome: Literal["posted", "undeliverable"]
    at: datetime
    code: str | None = None


def render(key: str, notice: NoticeData, files: tuple[Printed, ...], at: datetime) -> bytes:
    """Return the job ticket of a letter. Raises ValueError where the schema would not take it.

    files: the cover sheet, then the documents in their order; at: aware
    """
    root = etree.fromstring(f'<PrintJob xmlns="{NAMESPACE}" version="1.0"/>')
    root.set("key", key)
    _add(root, "MessageID", notice.message_id)
    _add(root, "CreatedAt", at.astimezone(UTC).isoformat(timespec="seconds"))
    if notice.case_reference:
        _add(root, "CaseReference", notice.case_reference)
    _add(root, "Author", notice.author.name or notice.author.identifier)
    address = _add(root, "PostalAddress")
    for line in notice.postal_address:
        _add(address, "Line", line)
    for number, one in enumerate(files):
        element = _add(root, "Document" if number else "Cover")
        element.set("file", one.file)
        element.set("contentType", one.content_type)
        element.set("size", str(one.size))
        element.set("sha256", one.sha256)
    schema = _schema()
    if not schema.validate(root):
        raise ValueError(_first(schema.error_log))
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def read(data: bytes) -> tuple[Result, ...]:
    """Return the results that a file holds. Raises Unreadable."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"line {error.lineno}: it is not well-formed XML") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("line 1: a document type is not taken")
    schema = _schema()
    if not schema.validate(root) or root.tag != _name("PrintResults"):
        raise Unreadable(_first(schema.error_log))
    try:
        return tuple(_results(root))
    except (ValueError, OverflowError) as error:  # OverflowError: year 1 or 9999 and a far zone
        raise Unreadable("a time of it is none that a clock shows") from error


def _results(root: etree._Element) -> Iterator[Result]:
    for one in root.iter(_name("Result")):
        yield Result(
            key=one.get("key", "").strip(),
            outcome=cast("Literal['posted', 'undeliverable']", one.get("outcome", "").strip()),
            at=datetime.fromisoformat(one.get("at", "").strip()).astimezone(UTC),
            code=one.get("code"),
        )


def _name(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, _name(tag))
    element.text = text
    return element


@functools.cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(
        etree.fromstring((resources.files(__package__) / "job.xsd").read_bytes())
    )


def _first(log: "etree._ListErrorLog") -> str:
    """Return the place and kind of the first error; its text could hold content."""
    for entry in log:
        return f"line {entry.line}: {entry.type_name.lower().replace('_', ' ')}"[:SAID]
    return "line 1: it is not PrintResults"
