"""What is due, who works on it, and how it ended.

An attempt is a row committed before its call leaves. A lease has an owner, an end on the clock that
no one sets, and a fence; a result is written only where fence and owner are still the lease's, so
a worker that slept past its lease writes nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import Row, attempt, notice
from hub.transition import DEPOSIT, SENT

CALLABLE = ("SEALED", "DEFERRED", "PENDING", "IN_DOUBT")
_open = sa.text("open = 1")  # literally, or SQLite does not use the partial index


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A notice in work: its row, the attempt that runs and the fence its result must show.

    call_end: when the call's deadline is over, in seconds on the clock that no one sets
    """

    notice_id: int
    attempt_id: int
    n: int
    fence: int
    operation: str
    started_at: datetime
    call_end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Who leases, and until when: seconds on the clock that no one sets, in this boot.

    call_end: when the call's deadline is over; the lease ends well after it
    call: how long that is from now
    """

    worker: str
    boot_id: str
    end: float
    call_end: float
    call: timedelta


def row(connection: sa.Connection, notice_id: int) -> Row:
    """Return a notice's row, whoever works on it."""
    return rows(connection, [notice_id])[notice_id]


def rows(connection: sa.Connection, notice_ids: Collection[int]) -> dict[int, Row]:
    """Return the rows of notices, whoever works on them."""
    found = connection.execute(_ROWS, {"ids": list(notice_ids)})
    return {row.id: row for row in found}


# Made once: making a statement takes longer than the database does for it.
_BEGIN = sa.insert(attempt).returning(attempt.c.id, sort_by_parameter_order=True)
_COUNTS = (
    sa.select(attempt.c.notice_id, sa.func.max(attempt.c.n).label("n"))
    .where(attempt.c.notice_id.in_(sa.bindparam("ids", expanding=True)))
    .group_by(attempt.c.notice_id)
)
_LEASE = (
    sa.update(notice)
    .where(notice.c.id == sa.bindparam("of"))
    .values(
        lease_owner=sa.bindparam("owner"),
        lease_end=sa.bindparam("over"),
        lease_boot=sa.bindparam("boot"),
        fence=sa.bindparam("new_fence"),
        crashes=notice.c.crashes + sa.bindparam("counted"),
    )
)
_FREE = sa.select(notice.c.id, notice.c.fence).where(
    notice.c.id.in_(sa.bindparam("ids", expanding=True)), _open, notice.c.lease_owner.is_(None)
)
_HOLDING = sa.select(notice.c.id, notice.c.fence).where(
    notice.c.id.in_(sa.bindparam("ids", expanding=True)),
    notice.c.lease_owner == sa.bindparam("owner"),
)
_HISTORY = (
    sa.select(attempt)
    .where(attempt.c.notice_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(attempt.c.notice_id, attempt.c.n)
)
_ROWS = sa.select(notice).where(notice.c.id.in_(sa.bindparam("ids", expanding=True)))


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
            "ends_at": now + term.call,
        }
        for number, fence, _, operation in rows
    ]
    made = [row.id for row in tx.connection.execute(_BEGIN, values)]
    return [
        Lease(
            notice_id=number,
            attempt_id=own,
            n=counts.get(number, 0) + 1,
            fence=fence + 1,
            operation=operation,
            started_at=now,
            call_end=term.call_end,
        )
        for own, (number, fence, _, operation) in zip(made, rows, strict=True)
    ]


def _counts(connection: sa.Connection, notice_ids: Sequence[int]) -> dict[int, int]:
    rows = connection.execute(_COUNTS, {"ids": list(notice_ids)})
    return {row.notice_id: row.n for row in rows}


def _lease(tx: Transaction, term: Term, rows: Sequence[tuple[int, int, bool, str]]) -> None:
    ours = {"owner": term.worker, "over": term.end, "boot": term.boot_id}
    tx.connection.execute(
        _LEASE,
        [
            ours | {"of": number, "new_fence": fence + 1, "counted": int(suspect)}
            for number, fence, suspect, _ in rows
        ],
    )


def go_on(tx: Transaction, term: Term, leases: Sequence[Lease], now: datetime) -> list[Lease]:
    """Go from one call of notices in our work to the next: leases, ended, become new ones."""
    rows = [(lease.notice_id, lease.fence, False, DEPOSIT) for lease in leases]
    return start(tx, term, rows, now)


def let_go(tx: Transaction, leases: Collection[Lease], due_at: datetime) -> None:
    """Give notices in our work back as they were: nothing became of them; they are due again."""
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id.in_({lease.notice_id for lease in leases}))
        .values(
            due_at=due_at,
            lease_owner=None,
            lease_end=None,
            lease_boot=None,
            fence=notice.c.fence + 1,
        )
    )


def end(tx: Transaction, leases: Iterable[Lease], outcome: str, now: datetime) -> None:
    """Note that attempts ended, without a step for their notices."""
    tx.connection.execute(
        sa.update(attempt)
        .where(attempt.c.id.in_({lease.attempt_id for lease in leases}))
        .values(ended_at=now, outcome=outcome)
    )


def free_still(connection: sa.Connection, notice_ids: Iterable[int]) -> dict[int, int]:
    """Return id and fence of those notices that are open and in nobody's work."""
    rows = connection.execute(_FREE, {"ids": list(notice_ids)})
    return {row.id: row.fence for row in rows}


def holding(connection: sa.Connection, worker: str, leases: Iterable[Lease]) -> set[int]:
    """Return the attempts whose lease is still this worker's, by the fence.

    Of two leases of one notice, of which the first was lost, only the second is.
    """
    leases = list(leases)
    wanted = {"ids": list({lease.notice_id for lease in leases}), "owner": worker}
    rows = connection.execute(_HOLDING, wanted)
    held = {(row.id, row.fence) for row in rows}
    return {lease.attempt_id for lease in leases if (lease.notice_id, lease.fence) in held}


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
    for row in connection.execute(_HISTORY, {"ids": list(notice_ids)}):
        rows.setdefault(row.notice_id, []).append(row)
    return rows


def deposits(rows: Iterable[Row]) -> int:
    """Return how often a deposit of a notice was begun, by its attempts."""
    return sum(row.operation in SENT for row in rows)


def reference(rows: Iterable[Row]) -> str | None:
    """Return the mailbox's own id of what a notice's last deposit left there, if it told one.

    rows: its attempts, oldest first. The id of an earlier deposit says nothing of the last one:
    asked by it, the mailbox would say ABSENT of a deposit that it holds.
    """
    known: str | None = None
    for row in rows:
        known = row.reference if row.operation in SENT else row.reference or known
    return known
