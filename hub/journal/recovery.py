"""What was left behind, is overdue, or waits for its seal."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction, pauses
from hub.journal.attempts import CALLABLE
from hub.journal.circuits import HELD_BY_CRASHES
from hub.journal.steps import step
from hub.journal.tables import Row, attempt, notice
from hub.model import State

CRASHES = 3  # a notice that was in work alone at so many crashes is held
_open = sa.text("open = 1")  # literally, or SQLite does not use the partial index


def unsealed(connection: sa.Connection, limit: int) -> Sequence[Row]:
    """Return notices that wait for their seal."""
    return connection.execute(
        sa.select(notice).where(_open, notice.c.state == State.ACCEPTED.value).limit(limit)
    ).all()


def seal(tx: Transaction, notice_id: int, fence: int) -> None:
    """Note that a notice has its seal now; it goes on when it is due.

    One that a lost journal may have known as sent goes on in doubt.
    """
    state = sa.case((notice.c.restored, State.IN_DOUBT.value), else_=State.SEALED.value)
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == notice_id, notice.c.fence == fence)
        .values(state=state, fence=fence + 1)
    )


def overdue(
    connection: sa.Connection, now: datetime, limit: int, configured: Collection[str]
) -> Sequence[Row]:
    """Return notices whose deadline is past: in nobody's work, not paused, their mailbox in order.

    Neither a mailbox that is out of order nor a pause lets a deadline run out; but nobody mends a
    mailbox that hub.toml has no more.
    configured: the mailboxes of hub.toml
    """
    out_of_order = pauses.circuits_open(connection).keys() & set(configured)
    paused = pauses.names(connection)
    return connection.execute(
        sa.select(notice)
        .where(
            _open,
            notice.c.deadline <= now,
            notice.c.state.in_(CALLABLE),
            notice.c.lease_owner.is_(None),
            notice.c.mailbox.not_in(out_of_order),
            notice.c.mailbox.not_in(paused.mailboxes),
            notice.c.tenant.not_in(paused.tenants),
        )
        .limit(limit)
    ).all()


def left_behind(
    connection: sa.Connection, boot_id: str, elapsed: float, dead: Iterable[str]
) -> Sequence[Row]:
    """Return notices whose lease is over: ended, of an earlier boot, or of a dead worker."""
    return connection.execute(
        sa.select(
            notice,
            attempt.c.id.label("attempt_id"),
            attempt.c.n.label("attempt_n"),
            attempt.c.operation.label("attempt_operation"),
            attempt.c.ends_at.label("attempt_ends_at"),
        )
        .outerjoin(
            attempt, sa.and_(attempt.c.notice_id == notice.c.id, attempt.c.ended_at.is_(None))
        )
        .where(
            notice.c.lease_owner.is_not(None),
            sa.or_(
                notice.c.lease_boot != boot_id,
                notice.c.lease_end < elapsed,
                notice.c.lease_owner.in_(list(dead)),
            ),
        )
    ).all()


def recover(
    tx: Transaction,
    found: Row,
    state: State,
    due_at: datetime | None,
    now: datetime,
    *,
    call_ends: datetime | None,
    in_the_air: tuple[str, float],
) -> State:
    """End a lease that is over; an attempt without end becomes UNKNOWN. Returns the new state.

    call_ends: when its call's deadline is over, as the wall clock is set now
    in_the_air: boot, and until when in it that call may still arrive
    The notice is worked alone from now on; the third crash of one that was alone holds it.
    """
    freed = {
        "lease_owner": None,
        "lease_boot": in_the_air[0],
        "lease_end": in_the_air[1],
        "fence": notice.c.fence + 1,
    }
    own = sa.update(notice).where(notice.c.id == found.id)
    if found.attempt_id is None:
        tx.connection.execute(own.values(**freed))
        return State(found.state)
    tx.connection.execute(
        sa.update(attempt)
        .where(attempt.c.id == found.attempt_id)
        .values(ended_at=now, outcome="UNKNOWN", code="HUB_STOPPED", ends_at=call_ends)
    )
    if found.crashes >= CRASHES:
        _hold(tx, found, state, now, in_the_air)
        return State.HELD
    failures = notice.c.failures + 1
    tx.connection.execute(
        own.values(state=state.value, due_at=due_at, suspect=True, failures=failures, **freed)
    )
    return state


def _hold(
    tx: Transaction, found: Row, state: State, now: datetime, in_the_air: tuple[str, float]
) -> None:
    step(
        tx,
        found.id,
        State.HELD,
        None,
        now,
        held_from=state,
        held_reason=HELD_BY_CRASHES,
        in_the_air=in_the_air,
        crashed=True,
    )
