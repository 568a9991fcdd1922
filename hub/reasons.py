"""Reasons of our own list in receipts: what each code says of a notice, a status, the post."""

from dataclasses import replace

from hub.model import Kind
from hub.receipt import OWN_REASONS, OWN_REASONS_VERSION, Reason

TEXTS = {
    "NOT_CONFIRMED": "taken over; the mailbox has not confirmed the deposit yet",
    "GAVE_UP": "the mailbox did not take the notice within the time for trying; deliver by post",
    "DECIDED": "decided by a person; the mailbox has confirmed nothing",
    "OUTCOME_UNKNOWN": "outcome unknown: the notice may be in the mailbox; a person decides",
}
# Of the state of an application: nothing is delivered by post for it.
STATUS_TEXTS = {
    "NOT_CONFIRMED": "taken over; the mailbox has not confirmed the state yet",
    "GAVE_UP": "the mailbox did not take the state within the time for trying; it is not shown",
    "OUTCOME_UNKNOWN": "outcome unknown: the mailbox may show the state; a later one replaces it",
    "RECIPIENT_UNKNOWN": "the mailbox has no such account; the state is not shown",
    "RECIPIENT_DELETED": "the account was closed; the state is not shown",
    "CONTENT_INVALID": "the mailbox does not take this state; it is not shown",
}
NOT_SHOWN = "the mailbox refused the state for good; it is not shown"
# Of a post job: what the procedure relies on does not happen.
POST_TEXTS = {
    "TYPE_REFUSED": "a document is of a type that is not printed; deliver it another way",
    "NOT_POSTED": "a person took it off the post; see to it that it is delivered, where it is not",
    "UNDELIVERABLE": "the post could not deliver it; deliver it another way",
}
NOT_POSTED = "the print service does not take it; deliver it another way"


def reason(code: str, text: str | None = None, mailbox_code: str | None = None) -> Reason:
    """Return a reason of our own list, of a notice; `text` where the code has none of its own."""
    return Reason(
        code=code,
        list_uri=OWN_REASONS,
        list_version=OWN_REASONS_VERSION,
        text=text or TEXTS.get(code, code),
        mailbox_code=mailbox_code,
    )


def of(kind: Kind, reason: Reason) -> Reason:
    """Return the reason as it reads of a notice, of the state of an application, or of the post."""
    if kind is Kind.NOTICE:
        return reason
    texts, other = (POST_TEXTS, NOT_POSTED) if kind is Kind.POST else (STATUS_TEXTS, NOT_SHOWN)
    return replace(reason, text=texts.get(reason.code, other))
