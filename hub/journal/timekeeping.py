"""The wall clock was set: what was counted from it is counted anew.

The journal notes how far the wall clock stands ahead of the clock that no one sets. Where that has
changed within one boot, somebody set the clock. Waits and the time until giving up are durations:
setting the clock makes no wait longer, and no giving up earlier, nor later than its whole length
from then on (`hub.retry.moved_due`, `hub.retry.moved_deadline`). `NotBefore` and `ObsoleteAfter`
are times that a procedure names: they count by the clock as it is set. Over a boot only a clock
that went back is found, by the time of the last commit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub import retry
from hub.clock import Clock
from hub.journal import Transaction
from hub.journal.tables import chain, entry, meta, notice
from hub.model import State

KEY = "clock"
SET = "clock.set"
LEAST = 1.0  # seconds: what NTP slews is less between two looks, which come each second
TOLD = 10.0  # seconds that are told to people
_NOTED = sa.select(meta.c.value).where(meta.c.key == KEY)
_LAST = sa.select(chain.c.at).order_by(chain.c.seq.desc()).limit(1)
_OPEN = sa.select(
    notice.c.id,
    notice.c.mailbox,
    notice.c.state,
    notice.c.not_before,
    notice.c.obsolete_after,
    notice.c.due_at,
    notice.c.deadline,
).where(sa.text("open = 1"), notice.c.follows.is_(None), notice.c.state != State.HELD.value)
_MOVE = (
    sa.update(notice)
    .where(notice.c.id == sa.bindparam("of"))
    .values(due_at=sa.bindparam("due"), deadline=sa.bindparam("end"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the wall clock stands: in which boot, what it shows, how far ahead of the other one."""

    boot_id: str
    now: datetime
    ahead: float


def read(clock: Clock) -> Reading | None:
    """Return how the wall clock stands; None where the process stood still while it looked."""
    before, now, after = clock.elapsed(), clock.now(), clock.elapsed()
    if after - before >= LEAST / 2:
        return None
    return Reading(boot_id=clock.boot_id, now=now, ahead=now.timestamp() - after)


def follow(
    tx: Transaction, found: Reading, rules: Mapping[str, tuple[timedelta, timedelta]]
) -> float:
    """Note how the wall clock stands; if it was set since, move what counts by it.

    rules: of each mailbox, its longest wait and its time until giving up
    Returns by how many seconds it was set, 0.0 where that cannot be told.
    """
    noted = tx.connection.scalar(_NOTED)
    before = _ahead(noted or "", found.boot_id)
    here = before is not None
    step = _back_since(tx.connection, found.now) if before is None else found.ahead - before
    if here and abs(step) < LEAST:
        return 0.0
    value = f"{found.boot_id} {found.ahead:.3f}"
    if noted is None:
        tx.connection.execute(sa.insert(meta).values(key=KEY, value=value))
    else:
        tx.connection.execute(sa.update(meta).where(meta.c.key == KEY).values(value=value))
    if step:
        _move(tx, timedelta(seconds=step), found.now, rules)
    if abs(step) >= TOLD:
        tx.note(None, SET, found.now, seconds=round(step))
    return step


def _ahead(noted: str, boot_id: str) -> float | None:
    """Return how far ahead it was; None where that was in another boot, or cannot be read."""
    boot, _, before = noted.partition(" ")
    try:
        ahead = float(before)
    except ValueError:
        return None
    return ahead if boot == boot_id and math.isfinite(ahead) else None


def _back_since(connection: sa.Connection, now: datetime) -> float:
    """Return how far at least the clock was set back over a boot, below zero; 0.0 if it was not."""
    last = connection.scalar(_LAST)
    step: float = (now - last).total_seconds() if last else 0.0
    return step if step <= -TOLD else 0.0


def _move(
    tx: Transaction,
    step: timedelta,
    now: datetime,
    rules: Mapping[str, tuple[timedelta, timedelta]],
) -> None:
    moved = []
    for row in tx.connection.execute(_OPEN).all():
        if row.mailbox not in rules:
            continue
        longest, give_up = rules[row.mailbox]
        wait = timedelta(0) if row.state == State.SEALED else longest
        due = row.due_at and retry.moved_due(row.due_at, step, now + wait, row.not_before)
        end = retry.moved_deadline(
            row.deadline, step, max(now, row.not_before or now) + give_up, row.obsolete_after
        )
        if (due, end) != (row.due_at, row.deadline):
            moved.append({"of": row.id, "due": due, "end": end})
    if moved:
        tx.connection.execute(_MOVE, moved)


def last_set(connection: sa.Connection, since: datetime) -> datetime | None:
    """Return when the wall clock was set last, by the time it showed then; None: not since."""
    return connection.scalar(
        sa.select(entry.c.at)
        .where(entry.c.kind == SET, entry.c.at >= since)
        .order_by(entry.c.id.desc())
        .limit(1)
    )
