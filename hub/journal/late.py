"""Answers that came when their attempt was given up already.

They never change a state and never make a receipt. One that says what the notice's final state
says is no more than a confirmation; any other is a case for a person (`hub.journal.cases`), until
`hub settle` closes it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import late, notice
from hub.model import State

DEPOSITED, REFUSED = "DEPOSITED", "REFUSED"
_open = sa.text("closed_at IS NULL")  # literally, or SQLite does not use the partial index

# what a final state is told again by: the state, or what a person settled it as -> the outcome
_SAME = {
    State.DEPOSITED.value: DEPOSITED,
    State.FAILED.value: REFUSED,
    "deposited": DEPOSITED,
    "failed": REFUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LateAnswer:
    """What a mailbox said too late: DEPOSITED or REFUSED, and its own answer, encrypted."""

    notice_id: int
    attempt_id: int
    at: datetime
    outcome: str
    code: str | None
    answer: bytes | None


def keep(tx: Transaction, answer: LateAnswer) -> bool:
    """Keep a late answer; whether it is a case: it is not what the notice's end says."""
    row = tx.connection.execute(
        sa.select(notice.c.message_id, notice.c.state, notice.c.settled_as).where(
            notice.c.id == answer.notice_id
        )
    ).one()
    agrees = _SAME.get(row.settled_as or row.state) == answer.outcome
    tx.connection.execute(
        sa.insert(late).values(
            notice_id=answer.notice_id,
            attempt_id=answer.attempt_id,
            at=answer.at,
            outcome=answer.outcome,
            code=answer.code,
            answer=answer.answer,
            closed_at=answer.at if agrees else None,
        )
    )
    tx.note(
        answer.notice_id,
        "answer.late",
        answer.at,
        message_id=row.message_id,
        outcome=answer.outcome,
        code=answer.code or answer.outcome,
        state=row.state,
    )
    return not agrees


def confirm(tx: Transaction, notice_ids: Collection[int], state: State, now: datetime) -> None:
    """Close late answers that say what their notices have now become."""
    if notice_ids and (same := _SAME.get(state.value)):
        tx.connection.execute(
            sa.update(late)
            .where(late.c.notice_id.in_(notice_ids), _open, late.c.outcome == same)
            .values(closed_at=now)
        )


def close(tx: Transaction, notice_id: int, now: datetime) -> int:
    """Close all late answers of a notice: a person has looked at them. Returns how many."""
    closed = tx.connection.execute(
        sa.update(late).where(late.c.notice_id == notice_id, _open).values(closed_at=now)
    )
    return closed.rowcount


def still_open(connection: sa.Connection, notice_id: int) -> int:
    """Return how many late answers of a notice wait for a person."""
    found = connection.scalar(
        sa.select(sa.func.count()).select_from(late).where(late.c.notice_id == notice_id, _open)
    )
    return found or 0
