"""From an event to a sealed receipt and the evidence entry that it names: no state, no SQL.

Made before the commit that makes the event true, and stored by it; so a receipt written again has
the same bytes, and none exists for what was not committed.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub import evidence, reasons, receipt
from hub.errors import NoticeRefused
from hub.model import Kind, MailboxAddress, State
from hub.receipt import Outcome, Reason, Receipt
from hub.seal import Seal
from postfach_mailbox import Deposited, Item

OF_POST = {Outcome.DEPOSITED: Outcome.POSTED, Outcome.FAILED: Outcome.UNDELIVERABLE}
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
        state of an application, or of a post job, it is the receipt that says the same of that.
        settled_as: what a person decided, `deposited` or `failed`, for SETTLED alone
        """
        subject: dict[str, str | int] = {"message_id": facts.message_id, "attempts": len(attempts)}
        outcome, entry, reason = _said_of(facts.kind, outcome, reason)
        return self._seal(
            outcome,
            at,
            entry,
            subject | _said(facts.kind, reason, deposited, settled_as),
            message_id=facts.message_id,
            case_reference=facts.case_reference,
            mailbox=MailboxAddress(id=facts.address, scheme=facts.scheme),
            documents=facts.documents,
            accepted_at=facts.accepted_at,
            first_attempt_at=attempts[0].at if attempts else None,
            attempts=tuple(attempts),
            settled_as=settled_as,
            reason=reason,
            **_times(facts.kind, deposited),
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

    def post_result(
        self, facts: Facts, item: Item, answer: Sequence[receipt.MailboxEvidence], at: datetime
    ) -> Issued:
        """Return the receipt of what became of a letter. Raises SealUnavailable.

        item: what the print service told; answer: its evidence
        """
        outcome = Outcome.POSTED_ON if item.posted else Outcome.UNDELIVERABLE
        subject: dict[str, str | int] = {
            "message_id": facts.message_id,
            "relayed_at": evidence.stamp(item.at),
        }
        why = None
        if not item.posted:
            why = reasons.of(Kind.POST, reasons.reason("UNDELIVERABLE", mailbox_code=item.code))
        return self._seal(
            outcome,
            at,
            f"notice.{outcome.value.lower().replace('_', '-')}",
            subject,
            message_id=facts.message_id,
            case_reference=facts.case_reference,
            mailbox=MailboxAddress(id=facts.address, scheme=facts.scheme),
            documents=facts.documents,
            accepted_at=facts.accepted_at,
            relayed_at=item.at,
            relayed_source="mailbox",
            reason=why,
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
    return _OF[kind].get(outcome, outcome)


def _said_of(
    kind: Kind, outcome: Outcome, reason: Reason | None
) -> tuple[Outcome, str, Reason | None]:
    """Return what a receipt says of a notice, or a status, and the kind of its entry."""
    said = _OF[kind].get(outcome, outcome)
    if kind is Kind.NOTICE:
        return said, f"notice.{said.suffix}", reason
    if reason is not None:
        reason = reasons.of(kind, reason)
    if kind is Kind.POST:
        return said, f"notice.{said.value.lower()}", reason
    return said, f"status.{said.value.lower().removeprefix('status_')}", reason


_OF: dict[Kind, dict[Outcome, Outcome]] = {
    Kind.NOTICE: {},
    Kind.STATUS: OF_STATUS,
    Kind.POST: OF_POST,
}


def _times(kind: Kind, deposited: Deposited | None) -> dict[str, Any]:
    """Return time and source of a confirmation, by what it confirmed."""
    if deposited is None:
        return {}
    name = "relayed" if kind is Kind.POST else "deposited"
    return {f"{name}_at": deposited.provided_at, f"{name}_source": deposited.source}


def _said(
    kind: Kind, reason: Reason | None, deposited: Deposited | None, settled_as: str | None
) -> dict[str, str | int]:
    """Return what the evidence entry of a receipt tells beside whose it is."""
    said: dict[str, str | int] = {}
    if reason:
        said["code"] = reason.code
    if deposited:
        when = "relayed_at" if kind is Kind.POST else "deposited_at"
        said[when] = evidence.stamp(deposited.provided_at)
        said["source"] = deposited.source
    if settled_as:
        said["settled_as"] = settled_as
    return said


def _warnings(deposited: Deposited) -> tuple[Reason, ...]:
    """Return that a mailbox warned; its own texts could hold what has no place here."""
    return tuple(
        reasons.reason("WARNING", "the mailbox deposited the notice with a warning")
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
