"""A tree that fits the schema becomes a Notice; what XSD 1.0 cannot say is checked on the way.

The schema has settled which elements there are and the form of each value; here: instants that
every clock knows, digests as long as their method asks, base64 to the last bit, names of files
that every spool takes, and exactly one document that is the notice.
"""

import base64
import binascii
from datetime import UTC, datetime

from lxml import etree

from hub import schemas
from hub.envelope.structure import invalid, schema_of
from hub.errors import NoticeRefused
from hub.model import (
    SHA256,
    AssuranceLevel,
    Author,
    Code,
    Document,
    LegalBasis,
    MailboxAddress,
    Notice,
    Role,
    Status,
    StatusUpdate,
    Submission,
)

SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

_OURS = f"{{{schemas.NAMESPACE}}}"
_BLANKS = " \t\r\n"
# Endings of envelopes and of files still being written, which a spool takes for no document.
_NOT_DOCUMENTS = (".xml", ".part", ".filepart", ".tmp")


def submission(root: etree._Element, lines: tuple[int, ...]) -> Submission:
    """Return what the envelope says. Raises NoticeRefused.

    lines: the line of each element in document order
    """
    read = _Reading(root, lines)
    return _status(read) if root.tag == f"{_OURS}StatusUpdate" else _notice(read)


def _notice(read: "_Reading") -> Notice:
    """Return the notice. Raises NoticeRefused."""
    scenario = read.children.get("BusinessScenario")
    address = read.children.get("PostalAddress")
    return Notice(
        message_id=read.text("MessageID"),
        created_at=read.instant(read.children["CreatedAt"]),
        author=_author(read.children["Author"]),
        mailbox=_mailbox(read.children["Mailbox"]),
        service=read.text("Service"),
        message_type=_code(read.children["MessageType"]),
        subject=read.text("Subject"),
        legal_basis=LegalBasis(read.text("LegalBasis")),
        assurance_level=AssuranceLevel(read.text("AssuranceLevel")),
        documents=read.documents(),
        case_reference=read.optional("CaseReference"),
        in_reply_to=read.optional("InReplyTo"),
        business_scenario=None if scenario is None else _code(scenario),
        text=read.optional("Text"),
        mailbox_use_excluded=read.optional("MailboxUse") == "excluded",
        application_id=read.optional("ApplicationID"),
        not_before=read.optional_instant("NotBefore"),
        obsolete_after=read.optional_instant("ObsoleteAfter"),
        postal_address=() if address is None else tuple(line.text or "" for line in address),
        test=read.test(),
        signed=read.signed(),
    )


def _status(read: "_Reading") -> StatusUpdate:
    """Return the state of an application. Raises NoticeRefused."""
    return StatusUpdate(
        message_id=read.text("MessageID"),
        created_at=read.instant(read.children["CreatedAt"]),
        author=_author(read.children["Author"]),
        mailbox=_mailbox(read.children["Mailbox"]),
        service=read.text("Service"),
        application_id=read.text("ApplicationID"),
        status=Status(read.text("Status")),
        case_reference=read.optional("CaseReference"),
        service_name=read.optional("ServiceName"),
        details=read.optional("StatusDetails"),
        additional=read.optional("AdditionalInformation"),
        reference=read.optional("Reference"),
        not_before=read.optional_instant("NotBefore"),
        obsolete_after=read.optional_instant("ObsoleteAfter"),
        test=read.test(),
        signed=read.signed(),
    )


class _Reading:
    """One envelope being read; knows the elements by name and the line of each."""

    def __init__(self, root: etree._Element, lines: tuple[int, ...]) -> None:
        self.root = root
        self.lines = dict(zip(root.iter(), lines, strict=True))
        # Only Document occurs more than once; documents() looks for these itself.
        self.children = {str(child.tag).removeprefix(_OURS): child for child in root}

    def test(self) -> bool:
        """Return whether it is for trying out."""
        return (self.optional("TestNotice") or "").strip(_BLANKS) in ("true", "1")

    def refuse(self, element: etree._Element, what: str, attribute: str = "") -> NoticeRefused:
        """Return the refusal of an element, or of its attribute."""
        return invalid(what, self.lines[element], schemas.path_of(element) + attribute)

    def text(self, name: str) -> str:
        """Return the text of an element that the schema requires.

        Blanks around it are no part of a URI; where they matter, the schema allows none around.
        """
        return (self.children[name].text or "").strip(_BLANKS)

    def optional(self, name: str) -> str | None:
        """Return the text of an element that may be missing, as it stands; None without it."""
        element = self.children.get(name)
        return None if element is None else element.text or ""

    def instant(self, element: etree._Element) -> datetime:
        """Return the time in UTC. Raises NoticeRefused where no clock has such a time."""
        try:
            return datetime.fromisoformat((element.text or "").strip(_BLANKS)).astimezone(UTC)
        except (ValueError, OverflowError):  # OverflowError: year 1 or 9999 and a far zone
            expected = schemas.expectations(schema_of(self.root))["CreatedAt"]
            what = f"the value does not fit; expected: {expected}"
            raise self.refuse(element, what) from None

    def optional_instant(self, name: str) -> datetime | None:
        """Return the time of an element that may be missing; None without it."""
        element = self.children.get(name)
        return None if element is None else self.instant(element)

    def signed(self) -> bool:
        """Return whether the envelope bears a signature. Raises NoticeRefused.

        The schema lets any element of the signature's namespace stand last; only one is meant.
        """
        last = self.root[-1]
        if str(last.tag).startswith(_OURS):
            return False
        if last.tag != SIGNATURE:
            raise self.refuse(last, "the element is not expected here; expected: ds:Signature")
        return True

    def documents(self) -> tuple[Document, ...]:
        """Return the documents; exactly one is the notice itself. Raises NoticeRefused."""
        found = tuple(self.document(each) for each in self.root.iterchildren(f"{_OURS}Document"))
        notices = sum(document.role is Role.NOTICE for document in found)
        if notices != 1:
            what = f"{notices} documents have the role notice; expected: exactly one"
            raise self.refuse(self.root, what)
        return found

    def document(self, element: etree._Element) -> Document:
        """Return one document. Raises NoticeRefused."""
        digest, source = element
        method, value = str(digest.get("method")), digest.text or ""
        if len(value) != (64 if method == SHA256 else 128):
            expected = schemas.expectations("notice")["Digest"]
            raise self.refuse(digest, f"the value does not fit its method; expected: {expected}")
        inline = source.tag == f"{_OURS}Data"
        return Document(
            id=str(element.get("id")),
            content_type=str(element.get("contentType")),
            filename=str(element.get("filename")),
            size=int(str(element.get("size")).strip(_BLANKS)),
            role=Role(str(element.get("role"))),
            digest_method=method,
            digest=value,
            reference=None if inline else self.reference(source),
            data=self.data(source) if inline else None,
            line=self.lines[element],
        )

    def reference(self, element: etree._Element) -> str:
        """Return the name of the document's file. Raises NoticeRefused."""
        name = element.text or ""
        if name.lower().endswith(_NOT_DOCUMENTS):
            expected = schemas.expectations("notice")["Reference"]
            raise self.refuse(element, f"the value does not fit; expected: {expected}")
        return name

    def data(self, element: etree._Element) -> bytes:
        """Return the document's bytes: strict base64, in the one form there is for them.

        libxml2 overlooks some characters that are no base64. Raises NoticeRefused.
        """
        digits = "".join((element.text or "").split()).encode("ascii", "replace")
        try:
            decoded = base64.b64decode(digits, validate=True)
        except binascii.Error:
            decoded = b""
        # Bits that no byte uses could differ unseen: then two envelopes would hold one document.
        if not decoded or base64.b64encode(decoded[-(len(decoded) % 3 or 3) :]) != digits[-4:]:
            expected = schemas.expectations("notice")["Data"]
            raise self.refuse(element, f"the value does not fit; expected: {expected}")
        return decoded


def _author(element: etree._Element) -> Author:
    return Author(
        identifier=element.text or "",
        scheme=element.get("identifierScheme"),
        category=element.get("category"),
        name=element.get("name"),
    )


def _mailbox(element: etree._Element) -> MailboxAddress:
    return MailboxAddress(
        id=element.text or "",
        scheme=element.get("scheme"),
        holder=element.get("holder") or "recipient",
    )


def _code(element: etree._Element) -> Code:
    return Code(
        value=element.text or "",
        list_uri=_uri(element, "listURI"),
        list_version=element.get("listVersionID"),
        payload_schema=_uri(element, "payloadSchema"),
    )


def _uri(element: etree._Element, name: str) -> str | None:
    """Return an attribute's URI; blanks around it are no part of one."""
    value = element.get(name)
    return None if value is None else value.strip(_BLANKS)
