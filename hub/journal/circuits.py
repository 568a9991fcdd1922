"""What mailboxes said of themselves, and whether they are in order.

An open circuit means: our own fault (credentials, certificate, a plugin that does not start), so
nothing is sent there and no deadline of a notice for it runs out until the mailbox is mended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.journal import Transaction, pauses
from hub.journal.tables import Row, mailbox, notice
from hub.model import State
from postfach_mailbox import Capabilities

HELD_BY_MAILBOX, HELD_BY_CAPABILITIES = "mailbox", "capabilities"
HELD_BY_CRASHES, HELD_BY_PAYLOAD = "crashes", "payload"
HELD_BY_RESTORE = "restore"  # a receipt from before a restore says that it ended
START_FAILED = "START_FAILED"  # why a circuit is open: the plugin did not start
FREED = 500  # notices in one go, so that no other mailbox waits long for it
WAITING = (State.SEALED.value, State.DEFERRED.value)
_TIMES: tuple[sa.Column[Any], ...] = (
    notice.c.id,
    notice.c.tenant,
    notice.c.mailbox,
    notice.c.deadline,
    notice.c.obsolete_after,
    notice.c.not_before,
    notice.c.held_at,
)
_MOVE = (
    sa.update(notice)
    .where(notice.c.id == sa.bindparam("of"))
    .values(deadline=sa.bindparam("later"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A mailbox's row: its capabilities as JSON (None: never told) and its circuit."""

    name: str
    capabilities: str | None
    told_at: datetime | None
    is_open: bool
    opened_at: datetime | None
    reason: str | None

    def told(self) -> Capabilities | None:
        """Return what it told of itself; None also for what cannot be read: it tells it again."""
        return told_by(self.capabilities)


def told_by(kept: str | None) -> Capabilities | None:
    """Return what a mailbox told, as it is kept; None for nothing, and for what is none."""
    try:
        return Capabilities.model_validate_json(kept) if kept else None
    except ValueError:
        return None


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


def hold_waiting(tx: Transaction, name: str, now: datetime, limit: int | None = FREED) -> int:
    """Hold what is due at a mailbox whose circuit is open. Returns how many.

    The journal's circuit counts: another worker may have closed it meanwhile. Each counts as held
    since it was due under the open circuit, however late a hub gets to see to it.
    """
    opened = sa.select(mailbox.c.opened_at).where(mailbox.c.name == name).scalar_subquery()
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
            held_at=sa.case((notice.c.due_at > opened, notice.c.due_at), else_=opened),
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
            notice.c.due_at.is_(None),  # so that the index finds them
            notice.c.held_reason == HELD_BY_CAPABILITIES,
            notice.c.id > after,
        )
        .order_by(notice.c.id)
        .limit(limit)
    ).all()


def admit(tx: Transaction, row: Row, address: str, scheme: str, now: datetime) -> None:
    """Free a notice that its mailbox, now known, can take; its address in normal form."""
    lost = pauses.in_hold(row, pauses.standing(tx.connection), now)
    deadline = pauses.postponed(row.deadline, lost, row.obsolete_after)
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == row.id)
        .values(
            address=address,
            scheme=scheme,
            deadline=deadline,
            **_freed(row.held_from, max(now, row.not_before or now)),
        )
    )


def hold_itself(tx: Transaction, row: Row, now: datetime, reason: str = HELD_BY_PAYLOAD) -> None:
    """Hold a notice in nobody's work for itself, as when what is stored of it does not open."""
    held = tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == row.id, notice.c.fence == row.fence, notice.c.lease_owner.is_(None))
        .values(
            state=State.HELD.value,
            held_from=row.held_from or row.state,
            held_at=row.held_at or now,
            held_reason=reason,
            due_at=None,
            fence=row.fence + 1,
        )
    )
    if held.rowcount:
        tx.note(row.id, "notice.held", now, message_id=row.message_id, reason=reason)


def hold_unchecked(tx: Transaction, row: Row) -> None:
    """Let a notice that was held for itself wait for `admit`: it may never have been checked."""
    tx.connection.execute(
        sa.update(notice)
        .where(notice.c.id == row.id)
        .values(held_reason=HELD_BY_CAPABILITIES, fence=row.fence + 1)
    )


def close_circuit(tx: Transaction, name: str, now: datetime) -> int:
    """Close a mailbox's circuit and free the first of what it held; `free_held` frees the rest.

    Deadlines of what is in doubt there move by the time lost; `obsolete_after` never moves. What
    was due and not held yet is held first, so that it gets its time back as well.
    Returns how many notices go on.
    """
    row = tx.connection.execute(sa.select(mailbox).where(mailbox.c.name == name)).one()
    if not row.circuit_open:  # another worker was first
        return 0
    hold_waiting(tx, name, now, limit=None)
    tx.connection.execute(
        sa.update(mailbox)
        .where(mailbox.c.name == name)
        .values(circuit_open=False, opened_at=None, reason=None)
    )
    doubtful = tx.connection.execute(
        sa.select(*_TIMES).where(
            sa.text("open = 1"),
            notice.c.mailbox == name,
            notice.c.state.in_((State.PENDING.value, State.IN_DOUBT.value)),
        )
    ).all()
    if doubtful:
        standing = pauses.standing(tx.connection)
        lost = [pauses.until(one, standing, now) - row.opened_at for one in doubtful]
        tx.connection.execute(_MOVE, _later(doubtful, lost))
    freed = _free(tx, name, now)
    tx.note(None, "mailbox.mended", now, mailbox=name, count=freed)
    return freed


def held_on(connection: sa.Connection, name: str) -> bool:
    """Whether notices are still held for a mailbox whose circuit is closed."""
    return connection.execute(_held(name, 1)).first() is not None


def free_held(tx: Transaction, name: str, now: datetime) -> None:
    """Free more of what a mailbox held whose circuit is closed."""
    if freed := _free(tx, name, now):
        tx.note(None, "notices.freed", now, mailbox=name, count=freed)


def _free(tx: Transaction, name: str, now: datetime) -> int:
    """Free the oldest of what was held; their deadlines move by the time lost."""
    found = tx.connection.execute(_held(name, FREED)).all()
    if found:
        standing = pauses.standing(tx.connection)
        later = _later(found, [pauses.in_hold(one, standing, now) for one in found])
        tx.connection.execute(_MOVE.values(**_freed(notice.c.held_from, now)), later)
    return len(found)


def _held(name: str, limit: int) -> "sa.Select[Any]":
    return (
        sa.select(*_TIMES)
        .where(
            sa.text("open = 1"),
            notice.c.mailbox == name,
            notice.c.due_at.is_(None),  # so that the index finds them
            notice.c.held_reason == HELD_BY_MAILBOX,
            ~sa.exists().where(mailbox.c.name == name, mailbox.c.circuit_open.is_(True)),
        )
        .order_by(notice.c.id)
        .limit(limit)
    )


def _later(rows: Sequence[Row], lost: Sequence[timedelta]) -> list[dict[str, object]]:
    """Return what moves the deadlines of notices by the time that each lost."""
    return [
        {"of": row.id, "later": pauses.postponed(row.deadline, each, row.obsolete_after)}
        for row, each in zip(rows, lost, strict=True)
    ]


def _freed(held_from: str | sa.Column[str], due_at: datetime) -> dict[str, object]:
    return {
        "state": held_from,
        "held_from": None,
        "held_at": None,
        "held_reason": None,
        "due_at": due_at,
        "fence": notice.c.fence + 1,
    }
