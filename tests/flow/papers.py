"""Drops as a procedure makes them: an envelope and the documents beside it."""

import base64
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
PDF = b"%PDF-1.4\n% a small one\n%%EOF\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A document. inline: in the envelope as `Data`; else a file beside it, by `Reference`."""

    data: bytes = PDF
    filename: str = "Bescheid.pdf"
    content_type: str = "application/pdf"
    inline: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """An envelope under its stem, and the files that it references by their names."""

    stem: str
    envelope: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)
    message_id: str = ""


def message_id() -> str:
    return f"urn:de:xta:messageid:bauamt:{uuid.uuid4()}"


def drop(*papers: Paper, stem: str | None = None, **told: str) -> Drop:
    """Return a drop with these documents, or a small one; `told` overrides the envelope's values.

    Keys of `told`: message_id, account, scheme, subject, text, legal_basis, not_before,
    obsolete_after, lines (of the postal address, parted by `|`).
    """
    papers = papers or (Paper(),)
    told = {"message_id": message_id()} | told
    stem = stem or told["message_id"].rpartition(":")[2]
    documents, files = [], {}
    for n, paper in enumerate(papers):
        reference = f"{stem}.{n}.bin"
        documents.append(_document(n, paper, reference))
        if not paper.inline:
            files[reference] = paper.data
    return Drop(
        stem=stem,
        envelope=_envelope(told, "".join(documents)),
        files=files,
        message_id=told["message_id"],
    )


def status_drop(status: str, minute: int, application: str, **told: str) -> Drop:
    """Return a drop with the state that an application is in since a minute of 3 February.

    Keys of `told`: message_id, account, scheme, created_at (instead of the minute).
    """
    told = {"message_id": message_id()} | told
    mailbox = f"<Mailbox scheme={quoteattr(told.get('scheme', 'citizens'))}>"
    created_at = told.get("created_at", f"2026-02-03T{minute // 60:02}:{minute % 60:02}:00Z")
    envelope = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<StatusUpdate xmlns="urn:postfachdienst:envelope:1" version="1.0">
  <MessageID>{told["message_id"]}</MessageID>
  <CreatedAt>{created_at}</CreatedAt>
  <Author identifierScheme="ags" name="Bauamt">130030000000</Author>
  {mailbox}{told.get("account", "anna")}</Mailbox>
  <Service>urn:de:fim:leika:leistung:99012012001000</Service>
  <ApplicationID>{application}</ApplicationID>
  <Status>{status}</Status>
  <ServiceName>Baugenehmigung</ServiceName>
</StatusUpdate>
"""
    stem = told["message_id"].rpartition(":")[2]
    return Drop(stem=stem, envelope=envelope.encode(), message_id=told["message_id"])


def _envelope(told: Mapping[str, str], documents: str) -> bytes:
    optional = {
        "Text": "text",
        "NotBefore": "not_before",
        "ObsoleteAfter": "obsolete_after",
    }
    scheme = quoteattr(told.get("scheme", "citizens"))
    more = {
        name: f"  <{name}>{escape(told[key])}</{name}>\n" if key in told else ""
        for name, key in optional.items()
    }
    lines = "".join(f"<Line>{escape(line)}</Line>" for line in told.get("lines", "").split("|"))
    address = f"  <PostalAddress>{lines}</PostalAddress>\n" if "lines" in told else ""
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<Notice xmlns="urn:postfachdienst:envelope:1" version="1.0">
  <MessageID>{told["message_id"]}</MessageID>
  <CreatedAt>2026-02-03T10:00:00+01:00</CreatedAt>
  <Author identifierScheme="ags" name="Bauamt">130030000000</Author>
  <CaseReference>BA-2026-0815</CaseReference>
  <Mailbox scheme={scheme}>{told.get("account", "anna")}</Mailbox>
  <Service>urn:de:fim:leika:leistung:99012012001000</Service>
  <MessageType>Bescheid</MessageType>
  <Subject>{escape(told.get("subject", "Ihre Baugenehmigung"))}</Subject>
{more["Text"]}  <LegalBasis>{told.get("legal_basis", "OZG9")}</LegalBasis>
  <AssuranceLevel>substantial</AssuranceLevel>
{more["NotBefore"]}{more["ObsoleteAfter"]}{address}{documents}</Notice>
""".encode()


def _document(n: int, paper: Paper, reference: str) -> str:
    content = f"<Reference>{reference}</Reference>"
    if paper.inline:
        content = f"<Data>{base64.b64encode(paper.data).decode()}</Data>"
    return (
        f'  <Document id="d{n}" role="{"attachment" if n else "notice"}"'
        f" filename={quoteattr(paper.filename)} contentType={quoteattr(paper.content_type)}"
        f' size="{len(paper.data)}">'
        f'<Digest method="{SHA256}">{paper.sha256}</Digest>{content}</Document>\n'
    )
