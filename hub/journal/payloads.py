"""Where a notice's ciphertext lies, and its erasing; which refused drops are old enough to go.

Erasing forgets the notice's wrapped key and all ciphertext in the database; what lies in a segment
of the vault goes when no row names the segment any more. Receipts, attempts and the evidence log
stay.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import Row, drop, handout, notice, payload, receipt

# literally, or SQLite does not use the partial indexes
_unerased = sa.text("open = 0 AND erased_at IS NULL")
_not_aged = sa.text("kind = 'refused' AND aged_out = 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasable:
    """A notice whose payload may go: `taken` by the procedure's acknowledgement, else by age."""

    id: int
    message_id: str
    taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refused drop whose files in `rejected/` may go."""

    claim: str
    tenant: str
    procedure: str


_ALL = (
    sa.select(payload)
    .where(payload.c.notice_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(payload.c.notice_id, payload.c.item, payload.c.n)
)


def load(connection: sa.Connection, notice_id: int) -> list[Row]:
    """Return the payload rows of a notice, ordered by item and number."""
    return load_all(connection, [notice_id])[notice_id]


def load_all(connection: sa.Connection, notice_ids: Collection[int]) -> dict[int, list[Row]]:
    """Return the payload rows of each of these notices, ordered by item and number."""
    rows: dict[int, list[Row]] = {number: [] for number in notice_ids}
    for row in connection.execute(_ALL, {"ids": list(notice_ids)}):
        rows[row.notice_id].append(row)
    return rows


def erasable(connection: sa.Connection, final_before: datetime, limit: int) -> list[Erasable]:
    """Return final notices whose payload may go, those final for longest first.

    A notice qualifies when its final receipt was fetched, or when it was final before a time, a
    post job as soon as it is final.
    """
    taken = sa.exists().where(
        receipt.c.notice_id == notice.c.id,
        receipt.c.final.is_(True),
        handout.c.receipt == receipt.c.id,
        handout.c.confirmed_at.is_not(None),
    )
    rows = connection.execute(
        sa.select(notice.c.id, notice.c.message_id, taken.label("taken"))
        .where(
            _unerased,
            # a post job is done with when the relay has it
            sa.or_(notice.c.final_at <= final_before, taken, notice.c.follows.is_not(None)),
        )
        .order_by(notice.c.final_at)
        .limit(limit)
    )
    return [Erasable(id=row.id, message_id=row.message_id, taken=bool(row.taken)) for row in rows]


def erase(tx: Transaction, ids: Collection[int], now: datetime) -> set[str]:
    """Erase the payload of final notices; return the segments that no row names after it.

    An open one keeps its payload, whoever asks. The segments' files are to be removed after the
    commit.
    """
    erased = sa.select(notice.c.id).where(notice.c.id.in_(ids), _unerased)
    numbers = [row.id for row in tx.connection.execute(erased)]
    mine = sa.and_(payload.c.notice_id.in_(numbers), payload.c.segment.is_not(None))
    segments = {
        row.segment
        for row in tx.connection.execute(sa.select(payload.c.segment).where(mine).distinct())
    }
    tx.connection.execute(
        sa.update(payload)
        .where(payload.c.notice_id.in_(numbers))
        .values(bytes=None, segment=None, offset=None, length=None)
    )
    tx.connection.execute(
        sa.update(notice).where(notice.c.id.in_(numbers)).values(key_wrapped=None, erased_at=now)
    )
    return segments - used(tx.connection, segments)


def used(connection: sa.Connection, segments: Iterable[str]) -> set[str]:
    """Return, of these segments, those that a row names: some notice's payload lies there."""
    rows = connection.execute(
        sa.select(payload.c.segment).where(payload.c.segment.in_(list(segments))).distinct()
    )
    return {row.segment for row in rows}


def old_refusals(
    connection: sa.Connection, refused_before: datetime, *, after: str = "", limit: int = 500
) -> list[Refused]:
    """Return refused drops that lay in `rejected/` long enough, by claim.

    after: only claims above it; to go on where the last call ended
    """
    rows = connection.execute(
        sa.select(drop.c.claim, drop.c.tenant, drop.c.procedure)
        .where(
            _not_aged,
            drop.c.at <= refused_before,
            drop.c.claim > after,
        )
        .order_by(drop.c.claim)
        .limit(limit)
    )
    return [Refused(claim=row.claim, tenant=row.tenant, procedure=row.procedure) for row in rows]


def aged_out(tx: Transaction, claims: Collection[str]) -> None:
    """Note that nothing of these refused drops lies in `rejected/` any more."""
    if claims:
        tx.connection.execute(sa.update(drop).where(drop.c.claim.in_(claims)).values(aged_out=True))
