"""What stands still, as `hub doctor` sees it: work that is due for long, and nothing happened."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.journal import pauses
from hub.journal.tables import attempt, handout, notice, receipt
from hub.model import Kind, State

_open = sa.text("open = 1")  # literally, or SQLite does not use the partial index
LATELY = 10_000  # attempts that are looked through for the last one at a mailbox
WAITING = (State.SEALED.value, State.DEFERRED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """So many wait, the longest since a time."""

    count: int
    since: datetime


def _standing(connection: sa.Connection, of: sa.Select[int, Any]) -> Standing | None:
    count, since = connection.execute(of).one()
    return Standing(count=count, since=since) if count else None


def unsealed(connection: sa.Connection, before: datetime) -> Standing | None:
    """Return what was accepted before a time and has no seal yet."""
    oldest = sa.func.min(notice.c.accepted_at, type_=notice.c.accepted_at.type)
    of = sa.select(sa.func.count(), oldest).where(
        _open, notice.c.state == State.ACCEPTED.value, notice.c.accepted_at < before
    )
    return _standing(connection, of)


def unwritten(connection: sa.Connection, before: datetime) -> Standing | None:
    """Return the receipts that were issued before a time and are in no `out/`."""
    oldest = sa.func.min(receipt.c.issued_at, type_=receipt.c.issued_at.type)
    of = (
        sa.select(sa.func.count(), oldest)
        .select_from(handout.join(receipt, receipt.c.id == handout.c.receipt))
        .where(handout.c.written_at.is_(None), receipt.c.issued_at < before)
    )
    return _standing(connection, of)


def overdue(
    connection: sa.Connection, before: datetime, configured: Collection[str]
) -> Standing | None:
    """Return what is open though its deadline was before a time, and nothing known holds it."""
    oldest = sa.func.min(notice.c.deadline, type_=notice.c.deadline.type)
    of = sa.select(sa.func.count(), oldest).where(
        _open,
        notice.c.deadline < before,
        notice.c.state.not_in((State.HELD.value, State.ACCEPTED.value)),
        *_not_stopped(connection, configured),
    )
    return _standing(connection, of)


def untried(
    connection: sa.Connection, before: datetime, configured: Collection[str]
) -> dict[str, Standing]:
    """Return by mailbox what is due since before a time while nothing was tried there since.

    A mailbox that takes less than is due is slow, and does not stand still.
    """
    oldest = sa.func.min(notice.c.due_at, type_=notice.c.due_at.type)
    rows = connection.execute(
        sa.select(notice.c.mailbox, sa.func.count(), oldest)
        .where(
            _open,
            notice.c.due_at < before,
            notice.c.state.in_(WAITING),
            notice.c.kind == Kind.NOTICE.value,  # a status waits for the one before
            notice.c.lease_owner.is_(None),
            *_not_stopped(connection, configured),
        )
        .group_by(notice.c.mailbox)
    ).all()
    tried = _tried_since(connection, before) if rows else frozenset[str]()
    return {
        name: Standing(count=count, since=since)
        for name, count, since in rows
        if name in configured and name not in tried
    }


def _tried_since(connection: sa.Connection, before: datetime) -> frozenset[str]:
    newest = sa.select(sa.func.max(attempt.c.id)).scalar_subquery()
    return frozenset(
        connection.scalars(
            sa.select(notice.c.mailbox)
            .distinct()
            .join(attempt, attempt.c.notice_id == notice.c.id)
            .where(
                attempt.c.id > newest - LATELY,
                sa.or_(attempt.c.started_at >= before, attempt.c.ended_at >= before),
            )
        )
    )


def _not_stopped(
    connection: sa.Connection, configured: Collection[str]
) -> list[sa.ColumnElement[bool]]:
    """Say that neither a person nor a mailbox out of order keeps a notice from going on."""
    paused = pauses.names(connection)
    out_of_order = pauses.circuits_open(connection).keys() & set(configured)
    return [
        notice.c.mailbox.not_in([*paused.mailboxes, *out_of_order]),
        notice.c.tenant.not_in(paused.tenants),
    ]
