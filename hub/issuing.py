"""From an event to a sealed receipt and the evidence entry that it names: no state, no SQL.

Made before the commit that makes the event true, and stored by it; so a receipt written again has
the same bytes, and none exists for what was not committed.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hub import evidence, receipt
from hub.errors import NoticeRefused
from hub.model import Kind, MailboxAddress, State
from hub.receipt import Outcome, Reason, Receipt
from hub.seal import Seal
from postfach_mailbox import Deposited

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
OF_STATUS = {
    Outcome.DEPOSITED: Outcome.STATUS_SET,
    Outcome.FAILED: Outcome.STATUS_REFUSED,
    Outcome.UNRESOLVED: Outcome.STATUS_UNRESOLVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What receipts say of a notice; no payload, no names."""

    message_id: str
    case_reference: str | None
    scheme: str
    address: str
    documents: tuple[receipt.DocumentDigest, ...]
    accepted_at: datetime
    kind: Kind = Kind.NOTICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A sealed receipt, byte-final, and the entry of the evidence log that belongs to it."""

    receipt_id: str
    outcome: Outcome
    issued_at: datetime
    data: bytes
    entry: evidence.Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who issues: the hub's name, the id of its evidence log, its seal."""

    name: str
    log_id: str
    seal: Seal

    def rejected(
        self,
        refused: NoticeRefused,
        *,
        stem: str,
        claim: str,
        envelope_sha256: str | None,
        message_id: str | None,
        at: datetime,
    ) -> Issued:
        """Return the receipt that a drop was refused. Raises SealUnavailable."""
        subject: dict[str, str | int] = {
            "claim": claim,
            "class": refused.refusal.value,
            "code": refused.code,
        }
        if envelope_sha256:
            subject["envelope_sha256"] = envelope_sha256
        reason = Reason(
            code=refused.code,
            text=f"{refused.what}. {refused.fix}",
            line=refused.line,
            path=refused.path,
            refusal=refused.refusal.value,
        )
        return self._seal(
            Outcome.REJECTED,
            at,
            "drop.rejected",
            subject,
            message_id=message_id,
            drop=receipt.Drop(stem=stem, envelope_sha256=envelope_sha256),
            reason=reason,
        )

    def of_notice(
        self,
        outcome: Outcome,
        facts: Facts,
        at: datetime,
        *,
        attempts: Sequence[receipt.Attempt] = (),
        reason: Reason | None = None,
        deposited: Deposited | None = None,
        settled_as: str | None = None,
    ) -> Issued:
        """Return the receipt of an event of an accepted notice. Raises SealUnavailable.

        A `deposited` receipt takes time, source and evidence from the mailbox's own answer. Of the
        state of an application it is the receipt that says the same of a status.
        settled_as: what a person decided, `deposited` or `failed`, for SETTLED alone
        """
        subject: dict[str, str | int] = {"message_id": facts.message_id, "attempts": len(attempts)}
        outcome, entry, reason = _said_of(facts.kind, outcome, reason)
        return self._seal(
            outcome,
            at,
            entry,
            subject | _said(reason, deposited, settled_as),
            message_id=facts.message_id,
            case_reference=facts.case_reference,
            mailbox=MailboxAddress(id=facts.address, scheme=facts.scheme),
            documents=facts.documents,
            accepted_at=facts.accepted_at,
            first_attempt_at=attempts[0].at if attempts else None,
            attempts=tuple(attempts),
            settled_as=settled_as,
            reason=reason,
            deposited_at=deposited.provided_at if deposited else None,
            deposited_source=deposited.source if deposited else None,
            warnings=_warnings(deposited) if deposited else (),
            evidence=_allowed(deposited) if deposited else (),
        )

    def retrieved(
        self,
        facts: Facts,
        first_at: datetime,
        answer: Sequence[receipt.MailboxEvidence],
        at: datetime,
    ) -> Issued:
        """Return the receipt that a notice was fetched. Raises SealUnavailable.

        first_at: when, as the mailbox says; answer: what it said
        """
        return self._seal(
            Outcome.RETRIEVED,
            at,
            "notice.retrieved",
            {"message_id": facts.message_id, "retrieved_at": evidence.stamp(first_at)},
            message_id=facts.message_id,
            case_reference=facts.case_reference,
            mailbox=MailboxAddress(id=facts.address, scheme=facts.scheme),
            documents=facts.documents,
            accepted_at=facts.accepted_at,
            first_retrieved_at=first_at,
            evidence=tuple(answer),
        )

    def _seal(
        self,
        outcome: Outcome,
        at: datetime,
        kind: str,
        subject: dict[str, str | int],
        **content: object,
    ) -> Issued:
        receipt_id = str(uuid.uuid4())
        entry = evidence.Entry(kind=kind, at=at, subject=subject | {"receipt": receipt_id})
        made = Receipt(
            receipt_id=receipt_id,
            outcome=outcome,
            issued_at=at,
            issuer=self.name,
            log_id=self.log_id,
            log_digest=evidence.digest(entry),
            **content,  # type: ignore[arg-type]  # the callers above name fields of Receipt
        )
        data = self.seal.sign(receipt.render(made), at)
        return Issued(receipt_id=receipt_id, outcome=outcome, issued_at=at, data=data, entry=entry)


def ending(kind: Kind, state: State) -> Outcome:
    """Return what the final receipt says of a notice, or of a status, in a final state."""
    outcome = Outcome(state.value)
    return OF_STATUS[outcome] if kind is Kind.STATUS else outcome


def reason(code: str, text: str | None = None, mailbox_code: str | None = None) -> Reason:
    """Return a reason of our own list; `text` where the code has no text of its own."""
    return Reason(
        code=code,
        list_uri=receipt.OWN_REASONS,
        list_version=receipt.OWN_REASONS_VERSION,
        text=text or TEXTS[code],
        mailbox_code=mailbox_code,
    )


def _said_of(
    kind: Kind, outcome: Outcome, reason: Reason | None
) -> tuple[Outcome, str, Reason | None]:
    """Return what a receipt says of a notice, or a status, and the kind of its entry."""
    if kind is Kind.NOTICE:
        return outcome, f"notice.{outcome.suffix}", reason
    of_status = OF_STATUS.get(outcome, outcome)
    if reason is not None:
        reason = replace(reason, text=STATUS_TEXTS.get(reason.code, NOT_SHOWN))
    return of_status, f"status.{of_status.value.lower().removeprefix('status_')}", reason


def _said(
    reason: Reason | None, deposited: Deposited | None, settled_as: str | None
) -> dict[str, str | int]:
    """Return what the evidence entry of a receipt tells beside whose it is."""
    said: dict[str, str | int] = {}
    if reason:
        said["code"] = reason.code
    if deposited:
        said["deposited_at"] = evidence.stamp(deposited.provided_at)
        said["source"] = deposited.source
    if settled_as:
        said["settled_as"] = settled_as
    return said


def _warnings(deposited: Deposited) -> tuple[Reason, ...]:
    """Return that a mailbox warned; its own texts could hold what has no place here."""
    return tuple(
        reason("WARNING", "the mailbox deposited the notice with a warning")
        for _ in deposited.warnings
    )


def _allowed(deposited: Deposited) -> tuple[receipt.MailboxEvidence, ...]:
    """Return a mailbox's answer; what the plugin does not allow stands there as its digest."""
    return tuple(
        receipt.MailboxEvidence(
            name=one.name, media_type=one.media_type, data=one.data, in_receipt=one.in_receipt
        )
        for one in deposited.evidence
    )
