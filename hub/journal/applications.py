"""The states of an application, in the order in which they were handed in.

One goes out after the other: what is shown last is what was handed in last. What surely was not
shown (FAILED) counts for nothing.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from hub.journal.tables import Row, notice
from hub.model import State, Status

MAY_BE_SHOWN = (State.PENDING, State.IN_DOUBT, State.DEPOSITED, State.UNRESOLVED)


def literals(states: Collection[State]) -> list[sa.ColumnElement[str]]:
    """Return states as they stand in a statement that is made once: no parameters."""
    return [sa.literal_column(f"'{state.value}'", sa.String) for state in sorted(states)]


def newest(
    connection: sa.Connection, tenant: str, mailbox: str, application_id: str
) -> tuple[Status, datetime] | None:
    """Return the newest state that was taken and may be shown, and its time."""
    found = connection.execute(
        sa.select(notice.c.status, notice.c.status_at)
        .where(
            notice.c.tenant == tenant,
            notice.c.mailbox == mailbox,
            notice.c.application_id == application_id,
            notice.c.state != State.FAILED.value,
        )
        .order_by(notice.c.status_at.desc())
        .limit(1)
    ).first()
    return (Status(found.status), found.status_at) if found else None


def waits(connection: sa.Connection, row: Row) -> bool:
    """Whether an earlier state of the same application is open."""
    if row.application_id is None:
        return False
    earlier = sa.select(sa.func.count()).where(
        notice.c.tenant == row.tenant,
        notice.c.mailbox == row.mailbox,
        notice.c.application_id == row.application_id,
        notice.c.id < row.id,
        notice.c.open.is_(True),
    )
    return bool(connection.scalar(earlier))


def in_turn(stuck: Collection[State], asked: Collection[State]) -> sa.ColumnElement[bool]:
    """Say that a row is in its turn among the states of its application; true for a notice.

    It waits while an earlier state is on its way. It is never sent, only asked about, once a later
    one may be shown: that one is what the applicant is to see.

    stuck: in these nothing is ever sent again by itself, so that nobody waits for one in them, once
        its last call can arrive no more
    asked: in these a row is asked about

    Parameters `boot` and `elapsed`: this boot, and now on the clock that no one sets.
    """
    other = notice.alias("other")
    of_its_own = (
        other.c.tenant == notice.c.tenant,
        other.c.mailbox == notice.c.mailbox,
        other.c.application_id == notice.c.application_id,
    )
    earlier = sa.exists().where(
        *of_its_own,
        other.c.id < notice.c.id,
        other.c.open.is_(True),
        sa.or_(
            other.c.state.not_in(literals(stuck)),
            sa.and_(
                other.c.lease_boot == sa.bindparam("boot"),
                other.c.lease_end > sa.bindparam("elapsed"),
            ),
        ),
    )
    later = sa.exists().where(
        *of_its_own,
        other.c.id > notice.c.id,
        other.c.state.in_(literals(MAY_BE_SHOWN)),
    )
    sent = notice.c.state.not_in(literals(asked))
    return sa.or_(notice.c.application_id.is_(None), sa.and_(~earlier, sa.or_(~sent, ~later)))
