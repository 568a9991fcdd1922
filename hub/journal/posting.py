"""Post jobs: what a relay to the post gets of a failed notice.

A job is a row of `notice` that follows the failed one: leased, tried, held and recovered as a
notice is, with copies of its payload's rows under the same key. It has no deadline: it is tried
until the relay has it, or refuses it, or a person ends it. Its receipts are the failed notice's.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.journal import Transaction, attempts, restoring
from hub.journal.tables import Row, late, notice, payload, returned
from hub.model import State

KEY = "post:"  # before the delivery key and message key of the notice that failed
FOR_GOOD = timedelta(days=36525)  # a job's deadline: none
HELD_BY_LATE, HELD_BY_ADDRESS, HELD_BY_RELAY = "late", "address", "relay"
NOT_DEPOSITED = "NOT_DEPOSITED"  # trouble of a retrieval that was told of what is not deposited

_COPIED = (
    *("tenant", "procedure", "message_id", "claim", "envelope_sha256", "case_reference"),
    *("scheme", "address", "accepted_at", "key_wrapped", "kind", "restored"),
)
_ITEMS = (*("item", "n", "document_id", "size", "sha256", "bytes", "segment", "offset", "length"),)
_SENT = ("document", "content", "sealed")


def order(tx: Transaction, notice_id: int, relay: str, now: datetime) -> None:
    """Make the job that follows a notice which has just failed, due now.

    Of a notice that a lost journal may have known as failed, the letter may be on its way.
    """
    values = {
        **{name: notice.c[name] for name in _COPIED},
        "follows": notice.c.id,
        "message_key": KEY + notice.c.message_key,
        "delivery_key": KEY + notice.c.delivery_key,
        "mailbox": sa.literal(relay),
        "state": sa.literal(State.SEALED.value),
        "open": sa.true(),
        "due_at": sa.literal(now, notice.c.due_at.type),
        "deadline": sa.literal(now + FOR_GOOD, notice.c.deadline.type),
        **dict.fromkeys(("failures", "crashes", "fence"), sa.literal(0)),
        "suspect": sa.false(),
    }
    failed = sa.select(*values.values()).where(
        notice.c.id == notice_id, notice.c.state == State.FAILED.value
    )
    made = tx.connection.execute(
        sa.insert(notice).from_select(list(values), failed).returning(notice.c.id)
    ).scalar_one()
    kept = sa.select(sa.literal(made), *(payload.c[name] for name in _ITEMS)).where(
        payload.c.notice_id == notice_id, payload.c.item.in_(_SENT)
    )
    tx.connection.execute(sa.insert(payload).from_select(["notice_id", *_ITEMS], kept))
    job = attempts.row(tx.connection, made)
    if job.restored:
        restoring.doubt(tx, [job], now)


def of(connection: sa.Connection, notice_id: int) -> Row | None:
    """Return the job that follows a notice; None where there is none."""
    return connection.execute(sa.select(notice).where(notice.c.follows == notice_id)).first()


def contradicted(connection: sa.Connection, notice_id: int) -> bool:
    """Whether a mailbox seems to call a failed notice deposited since.

    An answer that came too late, or a retrieval, that no person has seen to.
    """
    answered = sa.exists().where(
        late.c.notice_id == notice_id,
        late.c.outcome == "DEPOSITED",
        late.c.closed_at.is_(None),
    )
    fetched = sa.exists().where(
        returned.c.notice_id == notice_id,
        returned.c.trouble == NOT_DEPOSITED,
        returned.c.closed_at.is_(None),
    )
    return bool(connection.scalar(sa.select(sa.or_(answered, fetched))))


def end(tx: Transaction, job: Row, now: datetime) -> None:
    """End a job that a person takes off the relay's hands."""
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == job.id)
        .values(
            state=State.FAILED.value,
            open=False,
            final_at=now,
            held_from=None,
            held_at=None,
            held_reason=None,
            due_at=None,
            fence=notice.c.fence + 1,
        )
    )
