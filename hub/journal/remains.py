"""Receipts that lie in `out/` and that a journal, put back from a copy, does not know.

They are sealed by us, so what they say was so: a notice that they end has ended.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.steps import step
from hub.journal.tables import Row, drop, handout, metadata, notice, receipt
from hub.journal.utctime import UtcTime
from hub.model import State

ENDS = {
    "DEPOSITED": State.DEPOSITED,
    "FAILED": State.FAILED,
    "UNRESOLVED": State.UNRESOLVED,
    "STATUS_SET": State.DEPOSITED,
    "STATUS_REFUSED": State.FAILED,
    "STATUS_UNRESOLVED": State.UNRESOLVED,
}

found = sa.Table(
    "found",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("tenant", sa.String, nullable=False),
    sa.Column("procedure", sa.String, nullable=False),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("receipt_id", sa.String, nullable=False),
    sa.Column("message_key", sa.String),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("issued_at", UtcTime, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A receipt of ours in `out/` that the copy does not know; its file's name is taken apart.

    log_entry: the digest of the entry that it names, of the lost log
    """

    tenant: str
    procedure: str
    file: str
    stem: str
    nn: int
    suffix: str
    receipt_id: str
    outcome: str
    message_id: str | None
    accepted_at: datetime | None
    issued_at: datetime
    log_entry: str
    data: bytes


def ended(connection: sa.Connection, keys: Collection[str]) -> dict[tuple[str, str], State]:
    """Return how notices ended, by receipts that were found: by tenant and message key."""
    rows = connection.execute(
        sa.select(found.c.tenant, found.c.message_key, found.c.outcome).where(
            found.c.message_key.in_(keys), found.c.outcome.in_(ENDS)
        )
    )
    return {(row.tenant, row.message_key): ENDS[row.outcome] for row in rows}


def knows(connection: sa.Connection, receipt_id: str) -> bool:
    """Whether the journal has this receipt, and so its entry."""
    wanted = sa.select(receipt.c.id).where(receipt.c.receipt_id == receipt_id)
    return connection.scalar(wanted) is not None


def keep(tx: Transaction, one: Found) -> None:
    """Keep that a receipt was found."""
    tx.connection.execute(
        sa.insert(found).values(
            tenant=one.tenant,
            procedure=one.procedure,
            file=one.file,
            receipt_id=one.receipt_id,
            message_key=None if one.message_id is None else one.message_id.lower(),
            outcome=one.outcome,
            issued_at=one.issued_at,
        )
    )


def adopt(tx: Transaction, one: Found, now: datetime) -> Row | None:
    """End a notice as a receipt says that was found; return it, None where there is none to end.

    The receipt becomes the notice's own: the same bytes, under the same name. That it is about
    this very notice, and no other of the same MessageID, is told by when it was accepted.
    """
    row = tx.connection.execute(
        sa.select(notice).where(
            notice.c.tenant == one.tenant,
            notice.c.procedure == one.procedure,
            notice.c.message_key == (one.message_id or "").lower(),
        )
    ).first()
    if row is None or not _about(one, row):
        return None
    known = sa.select(receipt.c.id).where(receipt.c.receipt_id == one.receipt_id)
    number = tx.connection.scalar(known)
    if number is None:
        if not row.open:
            return None
        number = _store(tx, one, row, now)
    stems = sa.select(drop.c.stem).where(drop.c.notice_id == row.id)
    if one.stem in set(tx.connection.scalars(stems)):
        tx.connection.execute(
            sa.insert(handout)
            .prefix_with("OR IGNORE")
            .values(
                receipt=number,
                tenant=one.tenant,
                procedure=one.procedure,
                stem=one.stem,
                nn=one.nn,
                written_at=now,
            )
        )
    return row


def _about(one: Found, row: Row) -> bool:
    """Whether a receipt is about a notice; receipts show milliseconds."""
    if one.accepted_at is None or one.outcome not in ENDS:
        return False
    accepted: datetime = row.accepted_at
    return abs(accepted - one.accepted_at) < timedelta(milliseconds=1)


def _store(tx: Transaction, one: Found, row: Row, now: datetime) -> int:
    state = ENDS[one.outcome]
    number = tx.connection.scalar(
        sa.insert(receipt)
        .values(
            receipt_id=one.receipt_id,
            notice_id=row.id,
            outcome=one.outcome,
            suffix=one.suffix,
            final=True,
            bytes=one.data,
            issued_at=one.issued_at,
        )
        .returning(receipt.c.id)
    )
    step(tx, row.id, state, None, one.issued_at)
    tx.note(
        row.id,
        "receipt.found",
        now,
        message_id=row.message_id,
        receipt=one.receipt_id,
        log_entry=one.log_entry,
        state=state.value,
    )
    return int(number or 0)
