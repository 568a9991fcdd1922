"""Which notices of a mailbox are due, and in which order they go."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.journal import applications
from hub.journal.tables import Row, notice
from hub.journal.utctime import UtcTime
from hub.model import State

_open = sa.text("open = 1")  # literally, or SQLite does not use the partial index
# As the index `notice_turn` has it, or SQLite does not use that either.
_FIRST = {True: sa.text("(state = 'SEALED') = 1"), False: sa.text("(state = 'SEALED') = 0")}
# Steps from tenant to tenant in the index, however many notices each has.
_TENANTS = sa.text("""
    WITH RECURSIVE step (tenant) AS (
        SELECT min(tenant) FROM notice WHERE open = 1 AND mailbox = :mailbox
        UNION ALL
        SELECT (
            SELECT min(notice.tenant) FROM notice
            WHERE open = 1 AND mailbox = :mailbox AND notice.tenant > step.tenant
        ) FROM step WHERE step.tenant IS NOT NULL
    )
    SELECT tenant FROM step WHERE tenant IS NOT NULL AND EXISTS (
        SELECT 1 FROM notice
        WHERE open = 1 AND mailbox = :mailbox AND notice.tenant = step.tenant
            AND (state = 'SEALED') IN (0, 1) AND due_at <= :now
    )
""").bindparams(sa.bindparam("now", type_=UtcTime))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What may go at a mailbox now.

    states: those in which something may be called there, asked: in which that is a question
    stuck: those in which nothing is, so that no later state of an application waits for one
    boot_id, elapsed: this boot, and now on the clock that no one sets
    without: tenants whose notices wait
    """

    mailbox: str
    now: datetime
    states: frozenset[State]
    asked: frozenset[State]
    stuck: frozenset[State]
    boot_id: str
    elapsed: float
    without: frozenset[str]

    def values(self) -> Mapping[str, object]:
        """Return the values of a statement's parameters."""
        named = {
            "mailbox": self.mailbox,
            "now": self.now,
            "boot": self.boot_id,
            "elapsed": self.elapsed,
        }
        return named | ({"without": list(self.without)} if self.without else {})


def due(connection: sa.Connection, wanted: Wanted, limit: int, *, suspect: bool) -> Sequence[Row]:
    """Return notices that are due and in nobody's work, longest due first.

    suspect: what a crash left, or the others
    """
    statement = _due(wanted.states, wanted.asked, wanted.stuck, bool(wanted.without))
    return connection.execute(
        statement, {**wanted.values(), "suspect": suspect, "most": limit}
    ).all()


def due_of(
    connection: sa.Connection, wanted: Wanted, tenant: str, limit: int, *, first: bool
) -> Sequence[Row]:
    """Return notices of one tenant as `due` does, without what a crash left.

    first: those that were not tried yet, or the others
    """
    statement = _due_of(wanted.states, wanted.asked, wanted.stuck, first)
    given = {**wanted.values(), "suspect": False, "most": limit, "tenant": tenant}
    given.pop("without", None)
    return connection.execute(statement, given).all()


def tenants(connection: sa.Connection, wanted: Wanted) -> list[str]:
    """Return the tenants of which something is due at the mailbox, by name."""
    found = connection.scalars(_TENANTS, {"mailbox": wanted.mailbox, "now": wanted.now})
    return [name for name in found if name not in wanted.without]


@functools.cache  # making it takes longer than asking it, and it is asked at every turn
def _due(
    states: frozenset[State], asked: frozenset[State], stuck: frozenset[State], without: bool
) -> sa.Select[tuple[Any, ...]]:
    found = _going(states, asked, stuck)
    if without:
        found = found.where(notice.c.tenant.not_in(sa.bindparam("without", expanding=True)))
    return found


@functools.cache
def _due_of(
    states: frozenset[State], asked: frozenset[State], stuck: frozenset[State], first: bool
) -> sa.Select[tuple[Any, ...]]:
    own = notice.c.tenant == sa.bindparam("tenant")
    return _going(states, asked, stuck).where(own, _FIRST[first])


def _going(
    states: frozenset[State], asked: frozenset[State], stuck: frozenset[State]
) -> sa.Select[tuple[Any, ...]]:
    return (
        sa.select(notice)
        .where(
            _open,
            notice.c.mailbox == sa.bindparam("mailbox"),
            notice.c.due_at <= sa.bindparam("now"),
            notice.c.deadline > sa.bindparam("now"),
            notice.c.state.in_(applications.literals(states)),
            notice.c.suspect == sa.bindparam("suspect"),
            notice.c.lease_owner.is_(None),
            sa.or_(notice.c.state.not_in(applications.literals(asked)), _not_in_the_air()),
            applications.in_turn(stuck, asked),
        )
        .order_by(notice.c.due_at)
        .limit(sa.bindparam("most", type_=sa.Integer))
    )


def _not_in_the_air() -> sa.ColumnElement[bool]:
    """Say that no call of a notice in nobody's work may still arrive, by no clock that is set."""
    end = notice.c.lease_end
    return sa.or_(
        end.is_(None),
        notice.c.lease_boot != sa.bindparam("boot"),
        end <= sa.bindparam("elapsed"),
    )
