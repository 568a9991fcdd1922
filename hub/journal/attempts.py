"""What is due, who works on it, and how it ended.

An attempt is a row committed before its call leaves. A lease has an owner, an end on the clock that
no one sets, and a fence; a result is written only where fence and owner are still the lease's, so
a worker that slept past its lease writes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import Row, attempt, notice
from hub.model import State

CALLABLE = ("SEALED", "DEFERRED", "PENDING", "IN_DOUBT")
_open = sa.text("open = 1")  # literally, or SQLite does not use the partial index


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A notice in work: its row, the attempt that runs and the fence its result must show."""

    notice_id: int
    attempt_id: int
    n: int
    fence: int
    operation: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Who leases, and until when: seconds on the clock that no one sets, in this boot."""

    worker: str
    boot_id: str
    end: float


def due(
    connection: sa.Connection,
    name: str,
    now: datetime,
    states: Iterable[State],
    *,
    suspect: bool,
    limit: int,
) -> Sequence[Row]:
    """Return notices of a mailbox that are due and in nobody's work, longest due first.

    states: those in which a notice may be sent there; suspect: what a crash left, or the others
    """
    return connection.execute(
        sa.select(notice)
        .where(
            _open,
            notice.c.mailbox == name,
            notice.c.due_at <= now,
            notice.c.deadline > now,
            notice.c.state.in_([state.value for state in states]),
            notice.c.suspect.is_(suspect),
            notice.c.lease_owner.is_(None),
        )
        .order_by(notice.c.due_at)
        .limit(limit)
    ).all()


def start(
    tx: Transaction,
    term: Term,
    rows: Sequence[tuple[int, int, bool, str]],
    now: datetime,
) -> list[Lease]:
    """Lease notices and write their attempts as started; the calls may leave after the commit.

    rows: notice id, fence as read in this transaction, whether it is a suspect, operation
    """
    if not rows:
        return []
    counts = _counts(tx.connection, [row[0] for row in rows])
    _lease(tx, term, rows)
    values = [
        {
            "notice_id": number,
            "n": counts.get(number, 0) + 1,
            "operation": operation,
            "worker": term.worker,
            "fence": fence + 1,
            "started_at": now,
        }
        for number, fence, _, operation in rows
    ]
    statement = sa.insert(attempt).returning(attempt.c.id, sort_by_parameter_order=True)
    made = [row.id for row in tx.connection.execute(statement, values)]
    return [
        Lease(
            notice_id=number,
            attempt_id=own,
            n=counts.get(number, 0) + 1,
            fence=fence + 1,
            operation=operation,
            started_at=now,
        )
        for own, (number, fence, _, operation) in zip(made, rows, strict=True)
    ]


def _counts(connection: sa.Connection, notice_ids: Sequence[int]) -> dict[int, int]:
    rows = connection.execute(
        sa.select(attempt.c.notice_id, sa.func.max(attempt.c.n).label("n"))
        .where(attempt.c.notice_id.in_(notice_ids))
        .group_by(attempt.c.notice_id)
    )
    return {row.notice_id: row.n for row in rows}


def _lease(tx: Transaction, term: Term, rows: Sequence[tuple[int, int, bool, str]]) -> None:
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == sa.bindparam("of"))
        .values(
            lease_owner=term.worker,
            lease_end=term.end,
            lease_boot=term.boot_id,
            fence=sa.bindparam("new_fence"),
            crashes=notice.c.crashes + sa.bindparam("counted"),
        ),
        [
            {"of": number, "new_fence": fence + 1, "counted": int(suspect)}
            for number, fence, suspect, _ in rows
        ],
    )


def free_still(connection: sa.Connection, notice_ids: Iterable[int]) -> dict[int, int]:
    """Return id and fence of those notices that are open and in nobody's work."""
    rows = connection.execute(
        sa.select(notice.c.id, notice.c.fence).where(
            notice.c.id.in_(list(notice_ids)), _open, notice.c.lease_owner.is_(None)
        )
    )
    return {row.id: row.fence for row in rows}


def holding(connection: sa.Connection, worker: str, leases: Iterable[Lease]) -> set[int]:
    """Return the notices whose lease is still this worker's, by the fence."""
    wanted = {lease.notice_id: lease.fence for lease in leases}
    rows = connection.execute(
        sa.select(notice.c.id, notice.c.fence).where(
            notice.c.id.in_(list(wanted)), notice.c.lease_owner == worker
        )
    )
    return {row.id for row in rows if row.fence == wanted[row.id]}


def keep(tx: Transaction, worker: str, lease: Lease, reference: str) -> bool:
    """Keep the mailbox's id for a deposit under way. False: the lease is no longer ours."""
    if not holding(tx.connection, worker, [lease]):
        return False
    tx.connection.execute(
        sa.update(attempt).where(attempt.c.id == lease.attempt_id).values(reference=reference)
    )
    return True


def history(connection: sa.Connection, notice_ids: Iterable[int]) -> dict[int, list[Row]]:
    """Return the attempts of notices, oldest first."""
    rows: dict[int, list[Row]] = {}
    for row in connection.execute(
        sa.select(attempt)
        .where(attempt.c.notice_id.in_(list(notice_ids)))
        .order_by(attempt.c.notice_id, attempt.c.n)
    ):
        rows.setdefault(row.notice_id, []).append(row)
    return rows
