"""What the sample procedure of `make demo` hands in: PDFs of several pages, and their envelopes.

All of it is made here, the same bytes in each run: no text, number or authority in it is real.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from fpdf import FPDF

DAY = datetime(2026, 2, 3, 10, 0, tzinfo=UTC)
NAMESPACE = uuid.UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
LAW = (
    "Dieser Text dient der Vorführung. Er hat keine rechtliche Wirkung und ahmt nur den Umfang "
    "eines Bescheids nach: Tenor, Begründung, Nebenbestimmungen und Rechtsbehelfsbelehrung. "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A document of a notice. name: as the recipient sees it; data: the PDF."""

    name: str
    pages: int
    data: bytes

    @property
    def sha256(self) -> str:
        """The digest that envelope and receipts name, lower-case hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice to hand in.

    title: what the demo calls it; scheme, account: whose mailbox; papers: the notice itself first
    lines: of the postal address, for when no mailbox takes it
    """

    title: str
    scheme: str
    account: str
    case_reference: str
    subject: str
    papers: tuple[Paper, ...]
    lines: tuple[str, ...] = ()

    @property
    def uuid(self) -> str:
        """The MessageID's last part, which is the stem of all its files."""
        return str(uuid.uuid5(NAMESPACE, self.title))

    @property
    def mailbox(self) -> str:
        """Whose mailbox, as `scheme/account`."""
        return f"{self.scheme}/{self.account}"

    @property
    def message_id(self) -> str:
        """The name that the procedure gives it, once and for all attempts."""
        return f"urn:de:xta:messageid:bauamt:{self.uuid}"

    def file_of(self, number: int) -> str:
        """Return the name of a document's file in the drop."""
        return f"{self.uuid}.{number}.pdf"

    def envelope(self) -> str:
        """Return the envelope: an element `Notice` of schemas/notice.xsd."""
        documents = "".join(_document(self, n, paper) for n, paper in enumerate(self.papers, 1))
        return ENVELOPE.format(
            message_id=self.message_id,
            case_reference=escape(self.case_reference),
            scheme=quoteattr(self.scheme),
            account=escape(self.account),
            subject=escape(self.subject),
            documents=self._postal_address() + documents,
        )

    def _postal_address(self) -> str:
        lines = "".join(f"<Line>{escape(line)}</Line>" for line in self.lines)
        return f"  <PostalAddress>{lines}</PostalAddress>\n" if lines else ""


ENVELOPE = """\
<?xml version="1.0" encoding="UTF-8"?>
<Notice xmlns="urn:postfachdienst:envelope:1" version="1.0">
  <MessageID>{message_id}</MessageID>
  <CreatedAt>2026-02-03T10:00:00+01:00</CreatedAt>
  <Author identifierScheme="ags" name="Bauamt">130030000000</Author>
  <CaseReference>{case_reference}</CaseReference>
  <Mailbox scheme={scheme}>{account}</Mailbox>
  <Service>urn:de:fim:leika:leistung:99012012001000</Service>
  <MessageType>Bescheid</MessageType>
  <Subject>{subject}</Subject>
  <LegalBasis>OZG9</LegalBasis>
  <AssuranceLevel>substantial</AssuranceLevel>
{documents}</Notice>
"""
DOCUMENT = """\
  <Document id="d{n}" role="{role}" filename={name}
            contentType="application/pdf" size="{size}">
    <Digest method="http://www.w3.org/2001/04/xmlenc#sha256">{sha256}</Digest>
    <Reference>{file}</Reference>
  </Document>
"""


def _document(letter: Letter, n: int, paper: Paper) -> str:
    return DOCUMENT.format(
        n=n,
        role="notice" if n == 1 else "attachment",
        name=quoteattr(paper.name),
        size=len(paper.data),
        sha256=paper.sha256,
        file=letter.file_of(n),
    )


STATE = """\
<?xml version="1.0" encoding="UTF-8"?>
<StatusUpdate xmlns="urn:postfachdienst:envelope:1" version="1.0">
  <MessageID>urn:de:xta:messageid:bauamt:{uuid}</MessageID>
  <CreatedAt>2026-02-03T11:00:00+01:00</CreatedAt>
  <Author identifierScheme="ags" name="Bauamt">130030000000</Author>
  <Mailbox scheme={scheme}>{account}</Mailbox>
  <Service>urn:de:fim:leika:leistung:99012012001000</Service>
  <ApplicationID>{application}</ApplicationID>
  <Status>{status}</Status>
  <ServiceName>Baugenehmigung</ServiceName>
</StatusUpdate>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state of an application, to hand in."""

    application: str
    status: str
    scheme: str
    account: str

    @property
    def uuid(self) -> str:
        """The MessageID's last part, which is the stem of all its files."""
        return str(uuid.uuid5(NAMESPACE, f"{self.application} {self.status}"))

    def envelope(self) -> str:
        """Return the envelope: an element `StatusUpdate` of schemas/status-update.xsd."""
        return STATE.format(
            uuid=self.uuid,
            scheme=quoteattr(self.scheme),
            account=escape(self.account),
            application=self.application,
            status=self.status,
        )


def letters() -> tuple[Letter, ...]:
    """Return what is handed in, in this order."""
    return (
        letter("building permit", "citizens/anna", "0815", Baugenehmigung=3, Lageplan=2),
        letter("copy for the register", "archive/registry", "0815", Registerabschrift=4),
        letter("notice of fees", "citizens/carla", "0816", Gebührenbescheid=2),
        letter("order to restore", "citizens/ben", "0817", Anordnung=3),
        letter("preliminary decision", "citizens/ben", "0818", Vorbescheid=5),
    )


def letter(title: str, mailbox: str, case: str, **pages: int) -> Letter:
    """Return a notice; pages: how many, by the heading of each of its documents."""
    reference, (scheme, _, account) = f"BA-2026-{case}", mailbox.partition("/")
    papers = tuple(
        Paper(name=f"{heading}.pdf", pages=count, data=pdf(heading, reference, count))
        for heading, count in pages.items()
    )
    return Letter(
        title=title,
        scheme=scheme,
        account=account,
        case_reference=reference,
        subject=f"Ihr Zeichen {reference}: {papers[0].name.removesuffix('.pdf')}",
        papers=papers,
    )


class _Sheets(FPDF):
    """A PDF with a line at the foot of each page."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot

    def footer(self) -> None:
        """Write the line; called for each page."""
        self.set_y(-15)
        self.set_font("helvetica", size=8)
        self.cell(0, 10, f"{self._foot} - Seite {self.page_no()} von {{nb}}", align="C")


def pdf(heading: str, reference: str, pages: int) -> bytes:
    """Return a PDF of so many pages of A4, the same bytes at each call."""
    sheets = _Sheets(f"{heading}, {reference}")
    sheets.set_creation_date(DAY)
    sheets.set_title(heading)
    for number, section in enumerate(_sections(pages), start=1):
        sheets.add_page()
        sheets.set_font("helvetica", "B", 15)
        sheets.cell(0, 12, heading if number == 1 else section, new_x="LMARGIN", new_y="NEXT")
        sheets.set_font("helvetica", size=11)
        sheets.cell(0, 8, f"Aktenzeichen {reference}", new_x="LMARGIN", new_y="NEXT")
        for paragraph in range(1, 6):
            sheets.ln(3)
            sheets.multi_cell(0, 6, f"{number}.{paragraph}  {LAW * 2}", align="J")
    return bytes(sheets.output())


def _sections(pages: int) -> Sequence[str]:
    known = ("Tenor", "Begründung", "Nebenbestimmungen", "Kosten", "Rechtsbehelfsbelehrung")
    return [known[number % len(known)] for number in range(pages)]
