"""What mailboxes said of themselves, and whether they are in order.

An open circuit means: our own fault (credentials, certificate, a plugin that does not start), so
nothing is sent there and no deadline of a notice for it runs out until the mailbox is mended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.pauses import postponed
from hub.journal.tables import Row, mailbox, notice
from hub.model import State

HELD_BY_MAILBOX, HELD_BY_CRASHES, HELD_BY_CAPABILITIES = "mailbox", "crashes", "capabilities"
WAITING = (State.SEALED.value, State.DEFERRED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A mailbox's row: its capabilities as JSON (None: never told) and its circuit."""

    name: str
    capabilities: str | None
    told_at: datetime | None
    is_open: bool
    opened_at: datetime | None
    reason: str | None


def read(connection: sa.Connection) -> dict[str, Circuit]:
    """Return every mailbox known to the journal, by name."""
    return {
        row.name: Circuit(
            name=row.name,
            capabilities=row.capabilities,
            told_at=row.told_at,
            is_open=row.circuit_open,
            opened_at=row.opened_at,
            reason=row.reason,
        )
        for row in connection.execute(sa.select(mailbox))
    }


def know(tx: Transaction, names: list[str]) -> None:
    """Make a row for each configured mailbox that has none."""
    for name in names:
        tx.connection.execute(
            sa.insert(mailbox).prefix_with("OR IGNORE").values(name=name, circuit_open=False)
        )


def told(tx: Transaction, name: str, capabilities: str, now: datetime) -> None:
    """Keep what a mailbox told of itself, as JSON."""
    tx.connection.execute(
        sa.update(mailbox)
        .where(mailbox.c.name == name)
        .values(capabilities=capabilities, told_at=now)
    )


def open_circuit(tx: Transaction, name: str, reason: str, now: datetime) -> None:
    """Open a mailbox's circuit, if it is not open: from now on notices for it are held."""
    opened = tx.connection.execute(
        sa.update(mailbox)
        .where(mailbox.c.name == name, mailbox.c.circuit_open.is_(False))
        .values(circuit_open=True, opened_at=now, reason=reason)
    )
    if opened.rowcount:
        tx.note(None, "mailbox.held", now, mailbox=name, reason=reason)


def hold_waiting(tx: Transaction, name: str, now: datetime, limit: int = 500) -> int:
    """Hold what is due at a mailbox whose circuit is open. Returns how many.

    The journal's circuit counts: another worker may have closed it meanwhile.
    """
    due = (
        sa.select(notice.c.id)
        .where(
            sa.text("open = 1"),
            sa.exists().where(mailbox.c.name == name, mailbox.c.circuit_open.is_(True)),
            notice.c.mailbox == name,
            notice.c.due_at <= now,
            notice.c.state.in_(WAITING),
            notice.c.lease_owner.is_(None),
        )
        .limit(limit)
    )
    held = tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id.in_(due.scalar_subquery()))
        .values(
            held_from=notice.c.state,
            state=State.HELD.value,
            held_at=now,
            held_reason=HELD_BY_MAILBOX,
            due_at=None,
            fence=notice.c.fence + 1,
        )
    )
    if held.rowcount:
        tx.note(None, "notices.held", now, mailbox=name, count=held.rowcount)
    return held.rowcount


def untold(connection: sa.Connection, name: str, limit: int, *, after: int = 0) -> Sequence[Row]:
    """Return notices held because their mailbox had never told its capabilities, by id.

    after: only ids above it; to go on where the last call ended
    """
    return connection.execute(
        sa.select(notice)
        .where(
            sa.text("open = 1"),
            notice.c.mailbox == name,
            notice.c.state == State.HELD.value,
            notice.c.held_reason == HELD_BY_CAPABILITIES,
            notice.c.id > after,
        )
        .order_by(notice.c.id)
        .limit(limit)
    ).all()


def admit(tx: Transaction, row: Row, address: str, scheme: str, now: datetime) -> None:
    """Free a notice that its mailbox, now known, can take; its address in normal form."""
    deadline = postponed(row.deadline, now - row.held_at, row.obsolete_after)
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == row.id)
        .values(
            address=address, scheme=scheme, deadline=deadline, **_freed(State.SEALED.value, now)
        )
    )


def close_circuit(tx: Transaction, name: str, now: datetime) -> int:
    """Close a mailbox's circuit and free what it held; deadlines move by the time lost.

    Returns how many notices go on. `obsolete_after` of a notice never moves.
    """
    row = tx.connection.execute(sa.select(mailbox).where(mailbox.c.name == name)).one()
    if not row.circuit_open:  # another worker was first
        return 0
    tx.connection.execute(
        sa.update(mailbox)
        .where(mailbox.c.name == name)
        .values(circuit_open=False, opened_at=None, reason=None)
    )
    open_here = (sa.text("open = 1"), notice.c.mailbox == name)
    columns = (notice.c.id, notice.c.state, notice.c.held_from, notice.c.held_at)
    times = (notice.c.deadline, notice.c.obsolete_after, notice.c.held_reason)
    freed = 0
    for found in tx.connection.execute(
        sa.select(*columns, *times).where(
            *open_here, notice.c.state.in_(("HELD", "PENDING", "IN_DOUBT"))
        )
    ).all():
        if found.state == State.HELD and found.held_reason != HELD_BY_MAILBOX:
            continue
        since = found.held_at or row.opened_at
        values: dict[str, object] = {
            "deadline": postponed(found.deadline, now - since, found.obsolete_after)
        }
        if found.state == State.HELD:
            values |= _freed(found.held_from, now)
            freed += 1
        tx.connection.execute(sa.update(notice).where(notice.c.id == found.id).values(**values))
    tx.note(None, "mailbox.mended", now, mailbox=name, count=freed)
    return freed


def _freed(held_from: str, now: datetime) -> dict[str, object]:
    return {
        "state": held_from,
        "held_from": None,
        "held_at": None,
        "held_reason": None,
        "due_at": now,
        "fence": notice.c.fence + 1,
    }
