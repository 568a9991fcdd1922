"""What a person stopped by hand: a mailbox, or all of a tenant.

While a pause stands nothing of it is sent, and no deadline of its notices runs. When it ends, the
deadlines of its open notices move by the time that was lost, never past `obsolete_after`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import Row, mailbox, notice, pause
from hub.model import State

TENANT, MAILBOX = "tenant", "mailbox"
_TIMES: tuple[sa.Column[Any], ...] = (
    notice.c.id,
    notice.c.tenant,
    notice.c.mailbox,
    notice.c.state,
    notice.c.accepted_at,
    notice.c.not_before,
    notice.c.due_at,
    notice.c.held_at,
    notice.c.deadline,
    notice.c.obsolete_after,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """What is paused: `kind` tenant or mailbox, its name in hub.toml, and since when.

    since: None where the row is damaged
    """

    kind: str
    name: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """The names of all that is paused now."""

    tenants: frozenset[str]
    mailboxes: frozenset[str]

    def concerns(self, tenant: str, mailbox: str) -> bool:
        """Whether nothing may be sent of such a notice."""
        return tenant in self.tenants or mailbox in self.mailboxes


_STANDING = sa.select(pause).order_by(pause.c.kind, pause.c.name)


def standing(connection: sa.Connection) -> list[Pause]:
    """Return all pauses, by kind and name."""
    rows = connection.execute(_STANDING)
    return [Pause(kind=row.kind, name=row.name, since=row.since) for row in rows]


def names(connection: sa.Connection) -> Paused:
    """Return what is paused now."""
    found = standing(connection)
    return Paused(
        tenants=frozenset(one.name for one in found if one.kind == TENANT),
        mailboxes=frozenset(one.name for one in found if one.kind == MAILBOX),
    )


def begin(tx: Transaction, kind: str, name: str, now: datetime) -> bool:
    """Pause a tenant or mailbox. False: it is paused already."""
    made = tx.connection.execute(
        sa.insert(pause).prefix_with("OR IGNORE").values(kind=kind, name=name, since=now)
    )
    return bool(made.rowcount)


def end(tx: Transaction, kind: str, name: str, now: datetime) -> int | None:
    """End a pause, and give its open notices the time that they lost.

    Returns how many deadlines moved; None: it was not paused.
    """
    others = standing(tx.connection)
    own = next((one for one in others if (one.kind, one.name) == (kind, name)), None)
    if own is None:
        return None
    tx.connection.execute(sa.delete(pause).where(pause.c.kind == kind, pause.c.name == name))
    others.remove(own)
    of = notice.c.tenant if kind == TENANT else notice.c.mailbox
    opened, later = circuits_open(tx.connection), []
    for row in tx.connection.execute(
        sa.select(*_TIMES).where(sa.text("open = 1"), of == name)
    ).all():
        lost = _lost(row, own, others, opened, now)
        if lost > timedelta(0):
            moved = postponed(row.deadline, lost, row.obsolete_after)
            later.append({"of": row.id, "later": moved})
    if later:
        own_row = sa.update(notice).where(notice.c.id == sa.bindparam("of"))
        tx.connection.execute(own_row.values(deadline=sa.bindparam("later")), later)
    return len(later)


def _lost(
    row: Row, own: Pause, others: Sequence[Pause], opened: Mapping[str, datetime], now: datetime
) -> timedelta:
    """Return for how long this pause alone kept a notice from being tried.

    Time under another pause that still stands is counted when that one ends, time in HELD when the
    notice is freed, and time in doubt, or due, under an open circuit when that one is closed.
    """
    begins = max(own.since or row.accepted_at, row.accepted_at, row.not_before or row.accepted_at)
    ends = [until(row, others, now)]
    if row.state == State.HELD:
        ends.append(row.held_at)
    elif row.mailbox in opened and State(row.state).doubtful:
        ends.append(opened[row.mailbox])
    elif row.mailbox in opened and row.due_at is not None:  # to be held since then: `circuits`
        ends.append(max(row.due_at, opened[row.mailbox]))
    lost: timedelta = min(ends) - begins
    return lost


def until(row: Row, standing: Iterable[Pause], now: datetime) -> datetime:
    """Return until when something else than a pause keeps a notice from being tried.

    That is until now, or until a pause began that still stands; that one counts when it ends.
    """
    names = {TENANT: row.tenant, MAILBOX: row.mailbox}
    return min([now, *(one.since for one in standing if one.since and one.name == names[one.kind])])


def in_hold(row: Row, standing: Iterable[Pause], now: datetime) -> timedelta:
    """Return for how long nothing but being held kept a notice from being tried."""
    begins = max(row.held_at, row.not_before or row.held_at)
    lost: timedelta = until(row, standing, now) - begins
    return lost


def circuits_open(connection: sa.Connection) -> dict[str, datetime]:
    """Return the mailboxes whose circuit is open, and since when."""
    rows = connection.execute(
        sa.select(mailbox.c.name, mailbox.c.opened_at).where(mailbox.c.circuit_open.is_(True))
    )
    return {row.name: row.opened_at for row in rows}


def postponed(deadline: datetime, by: timedelta, obsolete_after: datetime | None) -> datetime:
    """Return a deadline moved by the time lost, never past what the notice itself says."""
    moved = deadline + max(by, timedelta(0))
    return moved if obsolete_after is None else min(moved, obsolete_after)
