"""Setting damaged rows aside, so that all else goes on: notices are held, small tables mended.

Nothing of a damaged row is guessed but what the hub can know again: a final state from the final
receipt, doubt from the attempts, whether a mailbox works from the mailbox itself.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.soundness import Unsound
from hub.journal.tables import (
    Row,
    attempt,
    mailbox,
    notice,
    observer,
    pause,
    receipt,
    return_channel,
    worker,
)
from hub.model import FINAL, State
from hub.receipt import Outcome
from hub.transition import SENT

HELD_BY_DAMAGE = "damaged"
DAMAGED = "DAMAGED"  # why a circuit is open: what the journal knew of the mailbox is damaged
_ENDS = {
    Outcome.DEPOSITED: State.DEPOSITED,
    Outcome.STATUS_SET: State.DEPOSITED,
    Outcome.FAILED: State.FAILED,
    Outcome.STATUS_REFUSED: State.FAILED,
    Outcome.UNRESOLVED: State.UNRESOLVED,
    Outcome.STATUS_UNRESOLVED: State.UNRESOLVED,
}
_BEFORE = frozenset(State) - FINAL - {State.HELD}
# an attempt that surely left nothing at the mailbox
_NOTHING_LEFT = ("DEFERRED", "HELD")
_row = notice.c.id == sa.bindparam("of")


def hold(tx: Transaction, notice_id: int, columns: Collection[str], now: datetime) -> State | None:
    """Hold an open notice whose rows are damaged, whoever works on it; None where it is final.

    A final one stays what its final receipt says. Held before for another reason it stays held,
    now for this one. Released it goes back to the state that it had, or to doubt where an attempt
    may have left it at its mailbox.
    """
    raw = tx.connection.execute(
        sa.text("SELECT state, open, held_from, held_reason, held_at FROM notice WHERE id = :of"),
        {"of": notice_id},
    ).one()
    if end := _end(tx.connection, notice_id):
        if raw.state != end or raw.open != 0:
            _finish(tx, notice_id, end, now)
        return None
    if raw.state in FINAL and raw.open == 0:  # a post job has no receipt of its own
        return None
    if raw.held_reason == HELD_BY_DAMAGE and raw.state == State.HELD and raw.open == 1:
        return State.HELD
    before = _before(tx.connection, notice_id, raw)
    _end_attempts(tx, notice_id, now)
    _set(
        tx,
        notice_id,
        state=State.HELD.value,
        open=True,
        held_from=before.value,
        held_at=now,
        held_reason=HELD_BY_DAMAGE,
        due_at=None,
        final_at=None,
        lease_owner=None,
        lease_end=None,
        lease_boot=None,
        crashes=0,
        fence=sa.text("CASE typeof(fence) WHEN 'integer' THEN abs(fence) + 1 ELSE 1000000 END"),
        key_wrapped=sa.func.coalesce(notice.c.key_wrapped, b""),
    )
    _note(tx, notice_id, columns, now)
    return State.HELD


def _note(tx: Transaction, notice_id: int, columns: Collection[str], now: datetime) -> None:
    what = ",".join(sorted(columns))[:200]
    tx.note(notice_id, "notice.held", now, reason=HELD_BY_DAMAGE, columns=what)


def _before(connection: sa.Connection, notice_id: int, raw: Row) -> State:
    """Return the state that a damaged notice goes back to when it is freed: never past a doubt."""
    found = raw.held_from if raw.held_from in _BEFORE else raw.state
    if found in _BEFORE and (State(found).doubtful or not _may_be_there(connection, notice_id)):
        return State(found)
    return State.IN_DOUBT


def _end_attempts(tx: Transaction, notice_id: int, now: datetime) -> None:
    tx.connection.execute(
        sa.update(attempt)
        .where(
            attempt.c.notice_id == notice_id,
            attempt.c.ended_at.is_(None),
            attempt.c.outcome.is_(None),
        )
        .values(ended_at=now, outcome="UNKNOWN", code="SET_ASIDE")
    )


def known(connection: sa.Connection, notice_ids: Collection[int]) -> set[int]:
    """Return which of these notices there are: a damaged row may name any."""
    wanted = sa.select(notice.c.id).where(notice.c.id.in_(list(notice_ids)))
    return set(connection.scalars(wanted))


def mend(tx: Transaction, found: Unsound, now: datetime) -> None:
    """Make a row of a small table again, by its number: what it told is learnt anew.

    A mailbox is looked at before anything is sent to it; a pause stands, as of now; an observer is
    told from the beginning; a worker counts as ended; of what came back all is asked for again.
    """
    rowid = sa.text(f"{found.table}.rowid = :of").bindparams(of=found.row)
    if found.table == mailbox.name:
        values = {"capabilities": None, "told_at": None, "circuit_open": True, "opened_at": now}
        change = sa.update(mailbox).values(**values, reason=DAMAGED)
    elif found.table == pause.name:
        change = sa.update(pause).values(since=now)
    elif found.table == observer.name:
        change = sa.update(observer).values(cursor=0, worker=None)
    elif found.table == return_channel.name:
        change = sa.update(return_channel).values(
            cursor=None, collected_at=None, failed_at=None, failures=0
        )
    else:
        change = sa.update(worker).values(ended_at=now, started_at=now, boot_id="", pid=0)
    keys = {"name", "kind", "id", *(("mailbox",) if found.table == return_channel.name else ())}
    if found.columns and set(found.columns) & keys:  # of nothing that is known
        tables = {one.name: one for one in (mailbox, pause, observer, worker, return_channel)}
        tx.connection.execute(sa.delete(tables[found.table]).where(rowid))
        return
    tx.connection.execute(change.where(rowid))


def _end(connection: sa.Connection, notice_id: int) -> State | None:
    """Return the final state that a notice's final receipt tells, if it has one."""
    wanted = sa.select(receipt.c.outcome).where(
        receipt.c.notice_id == notice_id, sa.text("final = 1")
    )
    found = connection.scalars(wanted).all()
    return next((_ENDS[Outcome(one)] for one in found if one in _ENDS), None)


def _finish(tx: Transaction, notice_id: int, end: State, now: datetime) -> None:
    """Give a notice the final state that its receipt tells; its row said something else."""
    at = sa.func.coalesce(notice.c.final_at, sa.literal(now, notice.c.final_at.type))
    _set(
        tx,
        notice_id,
        state=end.value,
        open=False,
        final_at=at,
        due_at=None,
        held_from=None,
        lease_owner=None,
        lease_end=None,
        lease_boot=None,
    )


def _may_be_there(connection: sa.Connection, notice_id: int) -> bool:
    """Whether an attempt may have left a notice at its mailbox."""
    sent = sa.or_(attempt.c.operation.in_(SENT), attempt.c.operation.not_in(("prepare",)))
    surely_not = sa.and_(attempt.c.outcome.is_not(None), attempt.c.outcome.in_(_NOTHING_LEFT))
    wanted = sa.exists().where(
        attempt.c.notice_id == notice_id,
        sent,
        sa.func.coalesce(surely_not, sa.false()).is_(False),
    )
    return bool(connection.scalar(sa.select(wanted)))


def _set(tx: Transaction, notice_id: int, **values: object) -> None:
    """Change a row whose other columns may be anything, so that no constraint may stop it."""
    tx.connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
    try:  # first it counts as open: one that does not may not change its state
        tx.connection.execute(sa.update(notice).where(_row).values(open=True), {"of": notice_id})
        tx.connection.execute(sa.update(notice).where(_row).values(**values), {"of": notice_id})
    finally:
        tx.connection.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")
