"""What observers are told: entries of the evidence log after a cursor, without what is private.

An observer's row names the worker that tells it, so that several workers on one journal do not
each tell it everything; a dead worker's place is taken over. The cursor moves only when the
observer has confirmed, so after a crash some entries come again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub import evidence
from hub.journal import Transaction
from hub.journal.tables import drop, entry, notice, observer, worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An entry as an observer may see it: ids, states and codes."""

    id: int
    kind: str
    at: datetime
    tenant: str | None
    procedure: str | None
    message_id: str | None
    mailbox: str | None
    state: str | None
    outcome: str | None
    code: str | None


def own(tx: Transaction, names: Iterable[str], me: str) -> dict[str, int]:
    """Take over what no living worker tells; return the cursors of this worker's observers.

    An observer that is new starts at the end of the log.
    """
    ended = sa.select(worker.c.id).where(worker.c.ended_at.is_not(None))
    known = {row.name: row for row in tx.connection.execute(sa.select(observer))}
    end = tx.connection.scalar(sa.select(sa.func.max(entry.c.id))) or 0
    cursors = {}
    for name in names:
        found = known.get(name)
        if found is None:
            tx.connection.execute(sa.insert(observer).values(name=name, cursor=end, worker=me))
            cursors[name] = end
            continue
        if found.worker != me:
            taken = tx.connection.execute(
                sa.update(observer)
                .where(
                    observer.c.name == name,
                    observer.c.worker.is_(None) | observer.c.worker.in_(ended),
                )
                .values(worker=me)
            )
            if not taken.rowcount:
                continue
        cursors[name] = int(found.cursor)
    return cursors


def strays(connection: sa.Connection, names: Iterable[str], me: str) -> bool:
    """Whether one of these has no row yet, or one that no other living worker holds."""
    ended = sa.select(worker.c.id).where(worker.c.ended_at.is_not(None))
    wanted = set(names)
    held = connection.scalars(
        sa.select(observer.c.name).where(
            observer.c.name.in_(wanted),
            observer.c.worker != me,
            observer.c.worker.not_in(ended),
        )
    )
    return bool(wanted - set(held))


def move(tx: Transaction, name: str, me: str, cursor: int) -> None:
    """Note that an observer has seen all entries up to `cursor`; nothing where it is not ours."""
    tx.connection.execute(
        sa.update(observer)
        .where(observer.c.name == name, observer.c.worker == me, observer.c.cursor < cursor)
        .values(cursor=cursor)
    )


def cursors(connection: sa.Connection) -> dict[str, int]:
    """Return how far each observer is."""
    rows = connection.execute(sa.select(observer.c.name, observer.c.cursor))
    return {row.name: row.cursor for row in rows}


def end(connection: sa.Connection) -> int:
    """Return the id of the log's last entry, 0 for none."""
    return connection.scalar(sa.select(sa.func.max(entry.c.id))) or 0


def after(connection: sa.Connection, cursor: int, limit: int) -> tuple[list[Told], int]:
    """Return the next entries after a cursor, oldest first, and up to which id they were read.

    One that is no entry any more is passed over: `hub evidence verify` finds it.
    """
    rows = connection.execute(
        sa.select(
            entry.c.id,
            entry.c.body,
            notice.c.tenant,
            notice.c.procedure,
            notice.c.message_id,
            notice.c.mailbox,
        )
        .outerjoin(notice, notice.c.id == entry.c.notice_id)
        .where(entry.c.id > cursor)
        .order_by(entry.c.id)
        .limit(limit)
    ).all()
    parsed = [(row, one) for row in rows if (one := _parsed(row.body)) is not None]
    claims = [text for row, one in parsed if row.tenant is None and (text := _text(one, "claim"))]
    known = sa.select(drop.c.claim, drop.c.tenant, drop.c.procedure).where(drop.c.claim.in_(claims))
    dropped = {row.claim: row for row in connection.execute(known)} if claims else {}
    told = [
        _told(row, one, row if row.tenant else dropped.get(_text(one, "claim") or ""))
        for row, one in parsed
    ]
    return told, rows[-1].id if rows else cursor


def _parsed(body: bytes) -> evidence.Entry | None:
    try:
        return evidence.parse(body)
    except ValueError:
        return None


def _told(row: Any, one: evidence.Entry, place: Any) -> Told:
    return Told(
        id=row.id,
        kind=one.kind,
        at=one.at,
        tenant=place.tenant if place else _text(one, "tenant"),
        procedure=place.procedure if place else _text(one, "procedure"),
        message_id=row.message_id,
        mailbox=row.mailbox or _text(one, "mailbox"),
        state=_text(one, "state"),
        outcome=_text(one, "outcome"),
        code=_text(one, "code"),
    )


def _text(one: evidence.Entry, name: str) -> str | None:
    found = one.subject.get(name)
    return found if isinstance(found, str) else None
