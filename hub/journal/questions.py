"""What people ask: where a notice is, what is open, what waits for somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub import transition
from hub.errors import DataInvalid
from hub.journal import applications, circuits, database, handouts, pauses, posting
from hub.journal.attempts import history
from hub.journal.tables import Row, chain, handout, late, mailbox, notice, receipt
from hub.model import Kind, State
from hub.transition import RECONCILE, Policy

LIST_LIMIT = 10_000


def by_message_id(connection: sa.Connection, message_id: str) -> Sequence[Row]:
    """Return the notices of a MessageID, one for each tenant that has it.

    Raises DataInvalid when there is none.
    """
    found = connection.execute(
        sa.select(notice).where(notice.c.message_key == message_id.lower())
    ).all()
    if not found:
        raise DataInvalid(
            "the journal knows no such notice",
            where=message_id,
            fix="hub list names those it knows; what a drop that was handed in waits for says"
            " hub doctor; a refused one is in rejected/",
        )
    return found


def story(connection: sa.Connection, row: Row) -> dict[str, Any]:
    """Return all that is known of a notice, in plain values; no payload, no names."""
    keys = ("message_id", "tenant", "procedure", "mailbox", "scheme", "address", "state")
    times = ("accepted_at", "due_at", "deadline", "final_at", "erased_at", "held_at", "settled_at")
    attempts = [
        {
            key: getattr(one, key)
            for key in ("n", "operation", "started_at", "ended_at", "outcome", "code")
        }
        for one in history(connection, [row.id]).get(row.id, [])
    ]
    stops, job = _stops(connection, row), posting.of(connection, row.id)
    return (
        {key: getattr(row, key) for key in (*keys, *times)}
        | {"kind": row.kind, "application_id": row.application_id, "status": row.status}
        | {"held_reason": row.held_reason, "settled_as": row.settled_as, "attempts": attempts}
        | {"late": _late(connection, row.id), "receipts": _receipts(connection, row.id)}
        | {"stops": stops, "next": _next(connection, row, stopped=bool(stops))}
        | {"post": None if job is None else story(connection, job)}
    )


def _stops(connection: sa.Connection, row: Row) -> list[dict[str, Any]]:
    """Return what keeps an open notice from being worked, beside its own state."""
    if State(row.state).final:
        return []
    names = {pauses.TENANT: row.tenant, pauses.MAILBOX: row.mailbox}
    found = [
        {"what": f"{one.kind} {one.name} is paused", "since": one.since}
        for one in pauses.standing(connection)
        if one.name == names[one.kind]
    ]
    of = sa.select(mailbox).where(mailbox.c.name == row.mailbox, mailbox.c.circuit_open.is_(True))
    if circuit := connection.execute(of).first():
        what = f"mailbox {row.mailbox} is out of order: {circuit.reason}"
        found.append({"what": what, "since": circuit.opened_at})
    return found


def _late(connection: sa.Connection, notice_id: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        sa.select(late).where(late.c.notice_id == notice_id).order_by(late.c.id)
    )
    return [
        {key: getattr(row, key) for key in ("at", "outcome", "code", "closed_at")} for row in rows
    ]


def _receipts(connection: sa.Connection, notice_id: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        sa.select(handout, receipt.c.suffix, receipt.c.receipt_id, receipt.c.outcome)
        .join(receipt, receipt.c.id == handout.c.receipt)
        .where(receipt.c.notice_id == notice_id)
        .order_by(handout.c.id)
    )
    return [
        {
            "receipt_id": row.receipt_id,
            "outcome": row.outcome,
            "file": f"{row.tenant}/{row.procedure}/out/{handouts.name(row)}",
            "written_at": row.written_at,
            "confirmed_at": row.confirmed_at,
        }
        for row in rows
    ]


def _next(connection: sa.Connection, row: Row, *, stopped: bool) -> str:
    state = State(row.state)
    if state is State.UNRESOLVED and row.settled_at is None and row.kind == Kind.NOTICE:
        return "a person decides: hub settle"
    if state.final:
        return "nothing: this state is final"
    if state is State.ACCEPTED:
        return "is sealed as soon as the seal is at hand"
    if state is State.HELD:
        waits = {
            "mailbox": "the mailbox is in order again",
            "capabilities": "the mailbox has told what it can do",
        }
        return f"held until {waits.get(row.held_reason, 'a person frees it')}"
    if row.lease_owner:
        return "an attempt is under way"
    if stopped:
        return "goes on when what stops it has ended; its deadline moves by the time lost"
    called = transition.operation(state, policy(connection, row.mailbox))
    if applications.waits(connection, row):
        return "waits until an earlier state of this application is shown, or given up"
    if row.due_at is None or called is None:
        at = _moment(row.deadline)
        return f"a person or the mailbox says what became of it; unresolved at {at}"
    return f"{'asked again' if called == RECONCILE else 'next attempt'} at {_moment(row.due_at)}"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"  # a damaged one


def listed(
    connection: sa.Connection, state: str | None, tenant: str | None, before: datetime | None
) -> Sequence[Row]:
    """Return notices, the oldest first, at most LIST_LIMIT."""
    wanted = (
        sa.select(notice)
        .where(notice.c.follows.is_(None))
        .order_by(notice.c.accepted_at, notice.c.id)
        .limit(LIST_LIMIT)
    )
    if state:
        wanted = wanted.where(notice.c.state == state)
    if tenant:
        wanted = wanted.where(notice.c.tenant == tenant)
    if before:
        wanted = wanted.where(notice.c.accepted_at <= before)
    return connection.execute(wanted).all()


def open_by_state(connection: sa.Connection) -> dict[str, int]:
    """Return how many notices are open, by state."""
    rows = connection.execute(
        sa.select(notice.c.state, sa.func.count().label("count"))
        .where(sa.text("open = 1"))
        .group_by(notice.c.state)
        .order_by(notice.c.state)
    )
    return {row.state: row._mapping["count"] for row in rows}  # noqa: SLF001  # `count` is a method


def policy(connection: sa.Connection, name: str) -> Policy:
    """Return what a mailbox allows in doubt, as far as it ever told; without its waits."""
    told = connection.scalar(sa.select(mailbox.c.capabilities).where(mailbox.c.name == name))
    return transition.policy((), circuits.told_by(told))


def schema_version(connection: sa.Connection) -> str | None:
    """Return the version of the database's schema."""
    return database.version(connection)


def last_commit(connection: sa.Connection) -> datetime | None:
    """Return when the evidence log was last written to."""
    return connection.scalar(sa.select(chain.c.at).order_by(chain.c.seq.desc()).limit(1))


def newest_key(connection: sa.Connection) -> Row | None:
    """Return the newest notice that still has its key."""
    return connection.execute(
        sa.select(notice)
        .where(notice.c.key_wrapped.is_not(None), notice.c.follows.is_(None))
        .order_by(notice.c.id.desc())
        .limit(1)
    ).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Notices of one mailbox that are held for one reason."""

    mailbox: str
    reason: str
    count: int
    since: datetime | None


def held(connection: sa.Connection) -> list[Held]:
    """Return what is held, by mailbox and reason."""
    first = sa.func.min(notice.c.held_at, type_=notice.c.held_at.type)
    rows = connection.execute(
        sa.select(notice.c.mailbox, notice.c.held_reason, sa.func.count(), first)
        .where(sa.text("open = 1"), notice.c.state == State.HELD.value)
        .group_by(notice.c.mailbox, notice.c.held_reason)
        .order_by(notice.c.mailbox, notice.c.held_reason)
    )
    return [
        Held(mailbox=mailbox, reason=reason, count=count, since=since)
        for mailbox, reason, count, since in rows
    ]
