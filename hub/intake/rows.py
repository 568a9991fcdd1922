"""Rows and entries that a drop becomes: small, without state."""

from datetime import datetime
from typing import Protocol

from hub import evidence
from hub.errors import NoticeRefused, RefusalClass
from hub.intake.drops import Acceptable, Opened, Refusal
from hub.intake.preparing import Sealed
from hub.issuing import Issued
from hub.journal import taking
from hub.journal.handouts import Issue


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


def taken_entry(one: Sealed, now: datetime) -> evidence.Entry:
    """Return the entry that a notice was taken over, with the digests of all its parts."""
    subject: dict[str, str | int] = {
        "claim": one.row.claim,
        "message_id": one.row.message_id,
        "mailbox": one.row.mailbox,
        "address": one.row.address,
        "envelope_sha256": one.row.envelope_sha256,
    }
    for n, document in enumerate(one.facts.documents):
        subject[f"document_{n}_sha256"] = document.handed_in
    if one.row.status is not None:
        subject["status"] = one.row.status
    return evidence.Entry(kind=f"{one.row.kind}.taken", at=now, subject=subject)


def taken_drop(one: Sealed, notice_id: int, now: datetime) -> taking.NewDrop:
    """Return the row of a drop that was taken."""
    return _drop(one.drop.opened, taking.TAKEN, notice_id, now)


def repeated_drop(opened: Opened, notice_id: int, now: datetime) -> taking.NewDrop:
    """Return the row of a drop that repeats a notice."""
    return _drop(opened, taking.REPEATED, notice_id, now)


def _drop(opened: Opened, kind: str, notice_id: int, now: datetime) -> taking.NewDrop:
    return taking.NewDrop(
        claim=opened.work.claim.id,
        tenant=opened.work.spool.tenant,
        procedure=opened.work.spool.procedure,
        stem=opened.work.claim.stem,
        kind=kind,
        at=now,
        notice_id=notice_id,
        envelope_sha256=opened.envelope_sha256,
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
            "the MessageID was used before for other content",
            fix="Give each a MessageID of its own; what was handed in first goes on unharmed",
            path=f"/{opened.notice.ROOT}/MessageID",
        ),
    )


def backwards(drop: Acceptable, why: str) -> Refusal:
    """Return the refusal of a status that is older than what was handed in, or ranked below it."""
    opened = drop.opened
    return Refusal(
        work=opened.work,
        envelope_sha256=opened.envelope_sha256,
        message_id=opened.notice.message_id,
        error=NoticeRefused(
            RefusalClass.MAILBOX_REFUSED,
            "9022",
            why,
            fix="Hand in what the application is in now, with the time at which it came there",
            path="/StatusUpdate/Status",
        ),
    )
