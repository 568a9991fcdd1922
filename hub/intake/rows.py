"""Rows and entries that a drop becomes: small, without state."""

from datetime import datetime
from typing import Protocol

from hub import evidence
from hub.errors import NoticeRefused, RefusalClass
from hub.intake.drops import Acceptable, Refusal, Work
from hub.issuing import Facts, Issued
from hub.journal import taking
from hub.journal.handouts import Issue
from hub.model import State


class Place(Protocol):
    """Whose spool a receipt goes to."""

    @property
    def tenant(self) -> str:
        """The tenant."""
        ...

    @property
    def procedure(self) -> str:
        """The procedure."""
        ...


def issue(
    made: Issued,
    place: Place,
    stems: tuple[str, ...],
    *,
    notice_id: int | None = None,
    claim: str | None = None,
) -> Issue:
    """Return a sealed receipt as the journal stores it."""
    return Issue(
        receipt_id=made.receipt_id,
        outcome=made.outcome.value,
        suffix=made.outcome.suffix,
        final=notice_id is not None and made.outcome.final,
        data=made.data,
        issued_at=made.issued_at,
        tenant=place.tenant,
        procedure=place.procedure,
        stems=stems,
        notice_id=notice_id,
        claim=claim,
    )


def taken(claim: str, facts: Facts, sha256: str, mailbox: str, now: datetime) -> evidence.Entry:
    """Return the entry that a notice was taken over, with the digests of all its parts."""
    subject: dict[str, str | int] = {
        "claim": claim,
        "message_id": facts.message_id,
        "mailbox": mailbox,
        "address": facts.address,
        "envelope_sha256": sha256,
    }
    for n, one in enumerate(facts.documents):
        subject[f"document_{n}_sha256"] = one.handed_in
    return evidence.Entry(kind="notice.taken", at=now, subject=subject)


def drop(work: Work, kind: str, now: datetime, notice_id: int, sha256: str) -> taking.NewDrop:
    """Return the row of a drop that was taken or repeated."""
    return taking.NewDrop(
        claim=work.claim.id,
        tenant=work.spool.tenant,
        procedure=work.spool.procedure,
        stem=work.claim.stem,
        kind=kind,
        at=now,
        notice_id=notice_id,
        envelope_sha256=sha256,
    )


def refused(refusal: Refusal, now: datetime) -> taking.NewDrop:
    """Return the row of a refused drop."""
    work, file = refusal.work, refusal.stuck
    return taking.NewDrop(
        claim=work.claim.id,
        tenant=work.spool.tenant,
        procedure=work.spool.procedure,
        stem=work.claim.stem,
        kind=taking.REFUSED if file is None else taking.STUCK,
        at=now,
        envelope_sha256=refusal.envelope_sha256,
        refusal=refusal.error.refusal.value,
        code=refusal.error.code,
        file=file,
    )


def conflict(drop: Acceptable) -> Refusal:
    """Return the refusal of a MessageID that names other content already."""
    opened = drop.opened
    return Refusal(
        work=opened.work,
        envelope_sha256=opened.envelope_sha256,
        message_id=opened.notice.message_id,
        error=NoticeRefused(
            RefusalClass.DUPLICATE_CONFLICT,
            "9024",
            "the MessageID was used before for another notice",
            fix="Give each notice a MessageID of its own; the first notice goes on unharmed",
            path="/Notice/MessageID",
        ),
    )


def first_state(*, sealed: bool, told: bool) -> State:
    """Return a new notice's state: what is not sealed waits for the seal first."""
    if not sealed:
        return State.ACCEPTED
    return State.SEALED if told else State.HELD
