"""A journal that was put back from a copy: what came after the copy is in doubt, not undone.

Of the time between copy and loss nothing is known here. A notice that was open may have been sent,
and have ended; a notice may have been taken, and sent. So

    what was open, and may have been sent   an attempt UNKNOWN, code RESTORED, and in doubt
    what is taken later, and may have been  the same, by the time at which it was written
    what a receipt of ours in `out/` says   stands: the notice ends as it says

Notices so doubted are `restored`: ABSENT, at a mailbox that is not IDEMPOTENT, ends no doubt of
theirs, since it may be said of another deposit than the lost one.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from hub.evidence import stamp
from hub.journal import COPY, Transaction, attempts, circuits, remains
from hub.journal.tables import Row, attempt, meta, metadata, notice
from hub.journal.utctime import UtcTime
from hub.model import Kind, State
from hub.transition import DEPOSIT, SET_STATUS
from postfach_mailbox import Capabilities, Repeat

CODE = "RESTORED"
WORKER = "restore"
AT_ONCE = 1000  # ids in one statement; a database takes only so many
SLACK = timedelta(minutes=5)  # between the clocks of procedures and ours
SEALED = (State.SEALED, State.DEFERRED)
NOT_SENT = (State.ACCEPTED, *SEALED)  # as far as the copy knows
T = TypeVar("T")
_open = sa.text("open = 1")  # literally, or SQLite does not use the partial index

restoration = sa.Table(
    "restoration",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("backup_at", UtcTime, nullable=False),
    sa.Column("lost_until", UtcTime, nullable=False),
    sa.Column("log_id", sa.String, nullable=False),  # of the log that the copy goes on from
    sa.Column("head", sa.String, nullable=False),  # of that log, as it was copied
    sa.Column("user", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What is put back: when, of which moment, by whom (user id).

    lost_until: when the lost hub had surely stopped
    """

    at: datetime
    backup_at: datetime
    lost_until: datetime
    head: str
    user: int


def times(connection: sa.Connection) -> int:
    """Return how often this journal was put back."""
    return connection.scalar(sa.select(sa.func.count()).select_from(restoration)) or 0


def lost_until(connection: sa.Connection) -> datetime | None:
    """Return until when notices may have been taken that this journal does not know."""
    newest = sa.func.max(restoration.c.lost_until, type_=restoration.c.lost_until.type)
    until: datetime | None = connection.scalar(sa.select(newest))
    return until


def last(connection: sa.Connection) -> tuple[datetime, datetime] | None:
    """Return when this journal was put back last, and the moment that its copy was made."""
    newest = sa.select(restoration).order_by(restoration.c.id.desc()).limit(1)
    found = connection.execute(newest).first()
    return (found.at, found.backup_at) if found else None


def origin(connection: sa.Connection) -> str:
    """Return the id of the journal's first log: it stays when a restore begins another log."""
    first = sa.select(restoration.c.log_id).order_by(restoration.c.id).limit(1)
    own = sa.select(meta.c.value).where(meta.c.key == "log_id")
    return str(connection.scalar(first) or connection.scalar(own))


def begin(tx: Transaction, made: Restoration) -> str:
    """Make a copy a journal again, with a log of its own; return the log's id.

    The chain goes on from the copy's head; the lost log did too, with other entries.
    """
    of = sa.select(meta.c.value).where(meta.c.key == "log_id")
    old, new = str(tx.connection.scalar(of)), str(uuid.uuid4())
    tx.connection.execute(sa.delete(meta).where(meta.c.key == COPY))
    tx.connection.execute(sa.update(meta).where(meta.c.key == "log_id").values(value=new))
    tx.connection.execute(
        sa.insert(restoration).values(
            at=made.at,
            backup_at=made.backup_at,
            lost_until=made.lost_until,
            log_id=old,
            head=made.head,
            user=made.user,
        )
    )
    tx.note(
        None,
        "log.restored",
        made.at,
        log=new,
        former_log=old,
        head=made.head,
        backup_at=stamp(made.backup_at),
        lost_until=stamp(made.lost_until),
        user=made.user,
    )
    return new


def suspect(tx: Transaction, made: Restoration) -> list[Row]:
    """Mark all open notices that may have been sent since the copy; return them as they were.

    Nobody works on them any more: what a copy holds of leases and calls is of the lost hub.
    """
    may_be_sent = sa.or_(notice.c.not_before.is_(None), notice.c.not_before <= made.lost_until)
    rows = tx.connection.execute(
        sa.select(notice).where(_open, may_be_sent).order_by(notice.c.id)
    ).all()
    tx.connection.execute(
        sa.update(attempt)
        .where(attempt.c.ended_at.is_(None))
        .values(ended_at=made.at, outcome="UNKNOWN", code="HUB_STOPPED")
    )
    freed = {"lease_owner": None, "lease_end": None, "lease_boot": None}
    tx.connection.execute(sa.update(notice).where(_open).values(fence=notice.c.fence + 1, **freed))
    _mark(tx, [row.id for row in rows])
    return list(rows)


def _mark(tx: Transaction, ids: Sequence[int]) -> None:
    if ids:
        mark = sa.update(notice).where(notice.c.id == sa.bindparam("of")).values(restored=True)
        tx.connection.execute(mark, [{"of": number} for number in ids])


def doubt(tx: Transaction, rows: Iterable[Row], now: datetime) -> list[Row]:
    """Put notices in doubt that are in none by what is known here; return those.

    rows: marked as restored, in nobody's work. Each gets an attempt that ended UNKNOWN. One that
    has no seal yet stays ACCEPTED, and is in doubt once it is sealed.
    States of applications that can be sent again with the same key are, in their order, without a
    doubt; any other ends UNRESOLVED at once, so that the newest need not wait for it.
    """
    again = _idempotent(tx.connection)
    doubted = [
        row
        for row in rows
        if State(row.held_from or row.state) in NOT_SENT
        and not (row.kind == Kind.STATUS and row.mailbox in again)
    ]
    for few in batched(doubted):
        _doubt(tx, few, now)
    return doubted


def _doubt(tx: Transaction, doubted: Sequence[Row], now: datetime) -> None:
    tries = attempts.history(tx.connection, [row.id for row in doubted])
    tx.connection.execute(
        sa.insert(attempt), [_attempt(row, tries.get(row.id, []), now) for row in doubted]
    )
    # What has no seal yet stays ACCEPTED: see `hub.journal.recovery.seal`.
    _become(tx, notice.c.state, [row.id for row in doubted if row.state in SEALED])
    _become(tx, notice.c.held_from, [row.id for row in doubted if row.held_from in SEALED])
    ends = sa.update(notice).where(notice.c.id == sa.bindparam("of")).values(deadline=now)
    if shown := [{"of": row.id} for row in doubted if row.kind == Kind.STATUS]:
        tx.connection.execute(ends, shown)
    for row in doubted:
        tx.note(row.id, "notice.doubted", now, message_id=row.message_id, state=row.state)


def batched(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Give as many at once as one statement takes."""
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _idempotent(connection: sa.Connection) -> set[str]:
    """Return the mailboxes that may be sent the same key again."""
    return {
        name
        for name, circuit in circuits.read(connection).items()
        if circuit.capabilities
        and Capabilities.model_validate_json(circuit.capabilities).repeat is Repeat.IDEMPOTENT
    }


def _become(tx: Transaction, column: sa.Column[str], ids: Sequence[int]) -> None:
    if ids:
        tx.connection.execute(
            sa.update(notice)
            .where(notice.c.id == sa.bindparam("of"))
            .values({column: State.IN_DOUBT.value}),
            [{"of": number} for number in ids],
        )


def _attempt(row: Row, tries: Sequence[Row], now: datetime) -> dict[str, object]:
    return {
        "notice_id": row.id,
        "n": 1 + max((one.n for one in tries), default=0),
        "operation": DEPOSIT if row.status is None else SET_STATUS,
        "worker": WORKER,
        "fence": row.fence,
        "started_at": now,
        "ended_at": now,
        "outcome": "UNKNOWN",
        "code": CODE,
        "reference": attempts.reference(tries),
        "ends_at": now,
    }


def meet(
    tx: Transaction,
    taken: Sequence[tuple[int, str, datetime]],
    until: datetime,
    now: datetime,
) -> set[int]:
    """Doubt what was just taken, and may have been taken before by the lost hub; return it.

    taken: notice id, message key, and the time at which it was written by its procedure
    One of which a receipt says that it ended otherwise than deposited waits for a person.
    """
    ended = remains.ended(tx.connection, [key for _, key, _ in taken])
    rows = attempts.rows(tx.connection, [number for number, _, _ in taken])
    written = {number: at for number, _, at in taken}
    met = [
        row
        for row in rows.values()
        if (row.tenant, row.message_key) in ended
        or (written[row.id] <= until + SLACK and not (row.not_before and row.not_before > until))
    ]
    _mark(tx, [row.id for row in met])
    doubt(tx, met, now)
    for row in met:
        if (
            row.kind == Kind.NOTICE
            and ended.get((row.tenant, row.message_key), State.DEPOSITED) is not State.DEPOSITED
        ):
            as_now = attempts.row(tx.connection, row.id)
            circuits.hold_itself(tx, as_now, now, circuits.HELD_BY_RESTORE)
    return {row.id for row in met}
