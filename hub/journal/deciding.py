"""What a person decides about a notice: try it sooner, free it, say what became of it."""

from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction, attempts, circuits, late, pauses
from hub.journal.steps import step
from hub.journal.tables import Row, attempt, notice
from hub.model import State
from hub.transition import Policy, not_in_the_air, operation


def hasten(tx: Transaction, row: Row, policy: Policy, now: datetime) -> datetime:
    """Make a waiting notice due now, or as soon as may be; returns when."""
    due_at = earliest(tx.connection, row, State(row.state), policy, now)
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == row.id, notice.c.lease_owner.is_(None))
        .values(due_at=due_at)
    )
    return due_at


def release(tx: Transaction, row: Row, policy: Policy, now: datetime) -> datetime | None:
    """Free a notice that is held for itself, back to the state it had; returns when it is due.

    Its deadline moves by the time it was held. What a crash left stays under suspicion, and its
    crashes count anew. What was never opened is checked against its mailbox first.
    """
    state = State(row.held_from)
    due_at = None
    if state is State.ACCEPTED or operation(state, policy):
        due_at = earliest(tx.connection, row, state, policy, now)
    unread = state is State.SEALED and row.held_reason == circuits.HELD_BY_PAYLOAD
    if unread and not attempts.history(tx.connection, [row.id]):
        circuits.hold_unchecked(tx, row)
        return due_at
    lost = pauses.in_hold(row, pauses.standing(tx.connection), _until(tx, row, state, now))
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == row.id)
        .values(
            state=state.value,
            held_from=None,
            held_at=None,
            held_reason=None,
            due_at=due_at,
            deadline=pauses.postponed(row.deadline, lost, row.obsolete_after),
            crashes=0,
            fence=notice.c.fence + 1,
        )
    )
    return due_at


def _until(tx: Transaction, row: Row, state: State, now: datetime) -> datetime:
    """Return when being held ends as what takes time from a notice.

    Time in doubt under an open circuit is counted when that one is closed.
    """
    opened = pauses.circuits_open(tx.connection)
    return min(now, opened.get(row.mailbox, now)) if state.doubtful else now


def earliest(
    connection: sa.Connection, row: Row, state: State, policy: Policy, now: datetime
) -> datetime:
    """Return when a notice that is to be worked at once may be worked.

    Not before its NotBefore; and asked for once no call of it is in the air.
    """
    last = connection.execute(
        sa.select(attempt.c.outcome, attempt.c.ends_at)
        .where(attempt.c.notice_id == row.id)
        .order_by(attempt.c.n.desc())
        .limit(1)
    ).first()
    ends = last.ends_at if last and last.outcome == "UNKNOWN" else None
    return not_in_the_air(max(now, row.not_before or now), state, policy, ends)


def settle(tx: Transaction, row: Row, settled_as: str, now: datetime) -> None:
    """Note what a person settled a notice as; one that is open ends UNRESOLVED by it.

    settled_as: deposited or failed
    """
    if row.open:
        step(tx, row.id, State.UNRESOLVED, None, now)
    tx.connection.execute(
        sa.update(notice).where(notice.c.id == row.id).values(settled_at=now, settled_as=settled_as)
    )
    late.close(tx, row.id, now)
