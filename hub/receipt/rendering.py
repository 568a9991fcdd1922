"""Writes a receipt as canonical XML."""

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from lxml import etree

from hub.model import SHA256
from hub.receipt.elements import (
    add,
    add_documents,
    add_if_known,
    add_mailbox,
    canonical,
    in_base64,
    in_utc,
    new_root,
    one_line,
)
from hub.receipt.outcome import Outcome
from hub.receipt.values import MailboxEvidence, Reason, Receipt

MOST_EVIDENCE: Final = 64 * 1024  # bytes of one mailbox's answer in a receipt

# RFC 6838, 4.2
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+\-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+\-]{0,126}"
)


def render(receipt: Receipt) -> bytes:
    """Return the receipt as canonical XML, without its seal.

    Raises ValueError for a receipt that would claim what was not confirmed: `deposited` without
    the mailbox's time and answer, POSTED or POSTED_ON without the print service's, `rejected`
    without its drop, SETTLED without a decision.
    """
    _consistent(receipt)
    root = new_root("Receipt")
    add(root, "ReceiptID", receipt.receipt_id)
    if (event := _event(receipt)) is not None:
        add(root, "Event", event)
    add(root, "Outcome", receipt.outcome.value, **{"as": receipt.settled_as})
    if receipt.drop is not None:
        drop = add(root, "Drop", None, stem=one_line(receipt.drop.stem, 255))
        if receipt.drop.envelope_sha256 is not None:
            add(drop, "Digest", receipt.drop.envelope_sha256, method=SHA256)
    add_if_known(root, "MessageID", receipt.message_id)
    add_if_known(root, "CaseReference", receipt.case_reference)
    if receipt.mailbox is not None:
        add_mailbox(root, receipt.mailbox)
    add_documents(root, "DocumentDigest", receipt.documents)
    _times(root, receipt)
    for attempt in receipt.attempts:
        add(root, "Attempt", None, at=in_utc(attempt.at), code=one_line(attempt.code, 255))
    if receipt.reason is not None:
        _reason(root, "Reason", receipt.reason)
    for warning in receipt.warnings:
        _reason(root, "Warning", warning)
    add(root, "SealLevel", receipt.seal_level)
    _evidence(root, receipt.evidence)
    add(root, "LogEntry", receipt.log_digest, log=receipt.log_id)
    add(root, "Issuer", receipt.issuer)
    return canonical(root)


def _consistent(receipt: Receipt) -> None:
    confirmed = receipt.deposited_at and receipt.deposited_source and receipt.evidence
    if receipt.outcome in (Outcome.DEPOSITED, Outcome.STATUS_SET) and not confirmed:
        raise ValueError("deposited, but the mailbox's time or answer is missing")
    relayed = receipt.relayed_at and receipt.relayed_source and receipt.evidence
    if receipt.outcome in (Outcome.POSTED, Outcome.POSTED_ON) and not relayed:
        raise ValueError("posted, but the print service's time or answer is missing")
    if (receipt.outcome is Outcome.REJECTED) != (receipt.drop is not None):
        raise ValueError("a drop belongs to a rejected receipt, and to no other")
    if (receipt.outcome is Outcome.SETTLED) != (receipt.settled_as is not None):
        raise ValueError("a decision belongs to a settled receipt, and to no other")


def _event(receipt: Receipt) -> str | None:
    if receipt.settled_as == "failed":
        return Outcome.FAILED.event
    return receipt.outcome.event


def _times(root: etree._Element, receipt: Receipt) -> None:
    for name, moment, source in (
        ("AcceptedAt", receipt.accepted_at, None),
        ("FirstAttemptAt", receipt.first_attempt_at, None),
        ("DepositedAt", receipt.deposited_at, receipt.deposited_source),
        ("FirstRetrievedAt", receipt.first_retrieved_at, None),
        ("RelayedAt", receipt.relayed_at, receipt.relayed_source),
        ("IssuedAt", receipt.issued_at, None),
    ):
        if moment is not None:
            add(root, name, in_utc(moment), source=source)


def _reason(root: etree._Element, name: str, reason: Reason) -> None:
    element = add(root, name, None)
    code = one_line(reason.code, 255)
    add(element, "Code", code, listURI=reason.list_uri, listVersionID=reason.list_version)
    if reason.mailbox_code:
        add(element, "MailboxCode", one_line(reason.mailbox_code, 255))
    add(element, "Text", one_line(reason.text, 1024))
    add_if_known(element, "RefusalClass", reason.refusal)
    add_if_known(element, "Line", None if reason.line is None else str(reason.line))
    add_if_known(element, "Path", None if reason.path is None else one_line(reason.path, 1024))


def _evidence(root: etree._Element, evidence: Sequence[MailboxEvidence]) -> None:
    for one in evidence:
        if len(one.data) > MOST_EVIDENCE:
            raise ValueError(f"a mailbox's answer of {len(one.data)} bytes, over 64 KiB")
        kind = one.media_type
        element = add(
            root,
            "MailboxEvidence",
            None,
            name=one_line(one.name, 255),
            mediaType=kind if _MEDIA_TYPE.fullmatch(kind) else "application/octet-stream",
            size=str(len(one.data)),
        )
        add(element, "Digest", hashlib.sha256(one.data).hexdigest(), method=SHA256)
        if one.in_receipt:
            add(element, "Data", in_base64(one.data))
