"""Writes receipts and sealed notices as canonical XML, ready to be sealed.

An event goes in as a frozen value (`Receipt`) and comes out as bytes that are valid against
receipt.xsd or sealed-notice.xsd as soon as the seal, which both schemas require, is their last
child. The same value always gives the same bytes.

A receipt says only what was confirmed, by whom and when; it holds no file name, no subject and no
name of a person. A sealed notice holds them: it goes to the mailbox, beside the documents.
"""

from hub.receipt.outcome import Outcome
from hub.receipt.rendering import MOST_EVIDENCE, render
from hub.receipt.sealed_notice import MOST_ENVELOPE, render_sealed_notice
from hub.receipt.values import (
    OWN_REASONS,
    OWN_REASONS_VERSION,
    XTA_ERRORS,
    XTA_ERRORS_VERSION,
    Attempt,
    DocumentDigest,
    Drop,
    MailboxEvidence,
    Reason,
    Receipt,
)

__all__ = [
    "MOST_ENVELOPE",
    "MOST_EVIDENCE",
    "OWN_REASONS",
    "OWN_REASONS_VERSION",
    "XTA_ERRORS",
    "XTA_ERRORS_VERSION",
    "Attempt",
    "DocumentDigest",
    "Drop",
    "MailboxEvidence",
    "Outcome",
    "Reason",
    "Receipt",
    "render",
    "render_sealed_notice",
]
