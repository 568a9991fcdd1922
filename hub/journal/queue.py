"""Which notices of a mailbox are due, and in which order they go."""

import functools
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.journal import applications
from hub.journal.tables import Row, notice
from hub.model import State

_open = sa.text("open = 1")  # literally, or SQLite does not use the partial index


def due(
    connection: sa.Connection,
    name: str,
    now: datetime,
    states: Iterable[State],
    *,
    by: datetime,
    suspect: bool,
    limit: int,
    asked: Collection[State],
    stuck: Collection[State],
    on: tuple[str, float],
    without: Collection[str] = (),
) -> Sequence[Row]:
    """Return notices of a mailbox that are due and in nobody's work, longest due first.

    states: those in which something may be called there, asked: in which that is a question
    stuck: those in which nothing is, so that no later state of an application waits for one
    by: when they are due at the latest; suspect: what a crash left, or the others
    on: this boot, and now on the clock that no one sets; without: tenants whose notices wait
    """
    statement = _due(frozenset(states), frozenset(asked), frozenset(stuck), bool(without))
    given = {
        "mailbox": name,
        "now": now,
        "by": by,
        "suspect": suspect,
        "most": limit,
        "boot": on[0],
        "elapsed": on[1],
    }
    return connection.execute(
        statement, given | {"without": list(without)} if without else given
    ).all()


@functools.cache  # making it takes longer than asking it, and it is asked at every turn
def _due(
    states: frozenset[State], asked: frozenset[State], stuck: frozenset[State], without: bool
) -> sa.Select[tuple[Any, ...]]:
    others = [notice.c.tenant.not_in(sa.bindparam("without", expanding=True))] if without else []
    return (
        sa.select(notice)
        .where(
            _open,
            notice.c.mailbox == sa.bindparam("mailbox"),
            notice.c.due_at <= sa.bindparam("by"),
            notice.c.deadline > sa.bindparam("now"),
            notice.c.state.in_(applications.literals(states)),
            notice.c.suspect == sa.bindparam("suspect"),
            notice.c.lease_owner.is_(None),
            sa.or_(notice.c.state.not_in(applications.literals(asked)), _not_in_the_air()),
            applications.in_turn(stuck, asked),
            *others,
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
