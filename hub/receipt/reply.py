"""Writes a reply as canonical XML: what came back through a mailbox, for the procedure."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from hub.model import SHA256, MailboxAddress
from hub.receipt.elements import (
    add,
    add_if_known,
    add_mailbox,
    canonical,
    in_base64,
    in_utc,
    new_root,
    one_line,
)
from hub.receipt.rendering import MOST_EVIDENCE
from hub.receipt.values import MailboxEvidence

MOST_TEXT: Final = 64 * 1024  # characters
_NOT_XML = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff\ufffe\uffff]")
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+\-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+\-]{0,126}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFile:
    """A document of a reply: its facts as received, and the file that it becomes in `out/`."""

    filename: str
    content_type: str
    size: int
    sha256: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply; reply.xsd says each field's meaning. Times are aware."""

    message_id: str
    created_at: datetime
    received_at: datetime
    in_reply_to: str
    case_reference: str | None
    mailbox: MailboxAddress
    sender: str | None
    subject: str
    text: str | None
    documents: Sequence[ReplyFile]
    evidence: Sequence[MailboxEvidence]
    log_id: str
    log_digest: str
    issuer: str


def render_reply(reply: Reply) -> bytes:
    """Return the reply as canonical XML, without its seal; characters XML cannot hold are gone."""
    root = new_root("Reply")
    add(root, "MessageID", reply.message_id)
    add(root, "CreatedAt", in_utc(reply.created_at))
    add(root, "InReplyTo", reply.in_reply_to)
    add_if_known(root, "CaseReference", reply.case_reference)
    add_mailbox(root, reply.mailbox)
    add(root, "ReceivedAt", in_utc(reply.received_at))
    add_if_known(root, "Sender", None if reply.sender is None else one_line(reply.sender, 255))
    add(root, "Subject", one_line(reply.subject, 1024))
    if reply.text is not None:
        plain = reply.text.replace("\r\n", "\n").replace("\r", "\n")
        add(root, "Text", _NOT_XML.sub("\ufffd", plain)[:MOST_TEXT])
    for document in reply.documents:
        _document(root, document)
    for one in reply.evidence:
        _evidence(root, one)
    add(root, "LogEntry", reply.log_digest, log=reply.log_id)
    add(root, "Issuer", reply.issuer)
    return canonical(root)


def _document(root: etree._Element, document: ReplyFile) -> None:
    element = add(
        root,
        "Document",
        None,
        filename=one_line(_NOT_IN_NAMES.sub("_", document.filename), 255),
        contentType=_media_type(document.content_type),
        size=str(document.size),
    )
    add(element, "Digest", document.sha256, method=SHA256)
    add(element, "Reference", document.reference)


def _evidence(root: etree._Element, one: MailboxEvidence) -> None:
    element = add(
        root,
        "MailboxEvidence",
        None,
        name=one_line(one.name, 255),
        mediaType=_media_type(one.media_type),
        size=str(len(one.data)),
    )
    add(element, "Digest", hashlib.sha256(one.data).hexdigest(), method=SHA256)
    if one.in_receipt and len(one.data) <= MOST_EVIDENCE:
        add(element, "Data", in_base64(one.data))


def _media_type(found: str) -> str:
    plain = found.partition(";")[0].strip()
    return plain if _MEDIA_TYPE.fullmatch(plain) else "application/octet-stream"
