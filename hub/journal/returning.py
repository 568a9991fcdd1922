"""What came back through mailboxes: items, whose they are, and how far each mailbox is asked.

An item is stored once, by mailbox and the mailbox's own id, in one commit with the files that it
becomes and the evidence entry; only then is it acknowledged. Whose it is, is asked among the
notices of that mailbox alone; where that is not one notice, a person decides, and nothing is
written to any procedure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction, handouts, posting, returned_files
from hub.journal.tables import (
    Row,
    attempt,
    notice,
    receipt,
    return_channel,
    returned,
    returned_file,
)

UNKNOWN, AMBIGUOUS, CHANGED = "NOTICE_UNKNOWN", "NOTICE_AMBIGUOUS", "ITEM_CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An item that is stored: its row, the digest of its content, whether it is acknowledged."""

    id: int
    digest: str
    acknowledged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An item to be stored; `evidence` and `content` are ciphertext."""

    mailbox: str
    item: str
    kind: str
    at: datetime
    stored_at: datetime
    digest: str
    notice_id: int | None
    message_id: str | None
    trouble: str | None
    evidence: bytes
    key_wrapped: bytes
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file of an item: `data` is ciphertext in the row, else it lies in a segment.

    place: tenant, procedure, stem and number of the file's name; None: kept, written nowhere
    """

    n: int
    place: tuple[str, str, str, int] | None
    suffix: str
    size: int
    sha256: str
    data: bytes | None = None
    segment: str | None = None
    offset: int | None = None
    length: int | None = None


def cursor(connection: sa.Connection, mailbox: str) -> str | None:
    """Return where the last `collect` of a mailbox ended."""
    wanted = sa.select(return_channel.c.cursor).where(return_channel.c.mailbox == mailbox)
    found = connection.scalar(wanted)
    return None if found is None else str(found)


def channel(connection: sa.Connection, mailbox: str) -> Row | None:
    """Return when a mailbox was asked last, and how often in a row that failed."""
    wanted = sa.select(return_channel).where(return_channel.c.mailbox == mailbox)
    return connection.execute(wanted).first()


def known(connection: sa.Connection, mailbox: str, item: str) -> Known | None:
    """Return the item if it is stored."""
    row = connection.execute(
        sa.select(returned.c.id, returned.c.digest, returned.c.acknowledged_at).where(
            returned.c.mailbox == mailbox, returned.c.item == item
        )
    ).first()
    if row is None:
        return None
    return Known(id=row.id, digest=row.digest, acknowledged=row.acknowledged_at is not None)


def match(
    connection: sa.Connection,
    mailbox: str,
    about: str | None,
    in_reply_to: str | None,
    tenants: Sequence[str],
) -> tuple[int | None, str | None]:
    """Return the one notice that an item is about; else None, and why a person must look.

    tenants: those that may use the mailbox now
    """
    mine = sa.and_(notice.c.mailbox == mailbox, notice.c.tenant.in_(list(tenants)))
    found: set[int] = set()
    if about is not None:
        by_name = sa.select(notice.c.id).where(
            mine,
            sa.or_(
                notice.c.delivery_key.in_([about, posting.KEY + about]),
                notice.c.message_key == about.lower(),
            ),
        )
        by_reference = (
            sa.select(attempt.c.notice_id)
            .join(notice, notice.c.id == attempt.c.notice_id)
            .where(mine, attempt.c.reference == about)
        )
        found = {*connection.scalars(by_name), *connection.scalars(by_reference)}
    if not found and in_reply_to is not None:
        wanted = sa.select(notice.c.id).where(mine, notice.c.message_key == in_reply_to.lower())
        found = set(connection.scalars(wanted))
    if len(found) == 1:
        return found.pop(), None
    return None, AMBIGUOUS if found else UNKNOWN


def store(tx: Transaction, new: NewItem, files: Sequence[NewFile]) -> int:
    """Store an item and its files; returns its row."""
    columns = {name: getattr(new, name) for name in NewItem.__slots__}
    made = tx.connection.execute(
        sa.insert(returned).values(**columns).returning(returned.c.id)
    ).one()
    for one in files:
        tenant, procedure, stem, nn = one.place or (None, None, None, None)
        tx.connection.execute(
            sa.insert(returned_file).values(
                returned=made.id,
                n=one.n,
                tenant=tenant,
                procedure=procedure,
                stem=stem,
                nn=nn,
                suffix=one.suffix,
                size=one.size,
                sha256=one.sha256,
                bytes=one.data,
                segment=one.segment,
                offset=one.offset,
                length=one.length,
            )
        )
    return int(made.id)


def acknowledged(tx: Transaction, mailbox: str, item: str, now: datetime) -> None:
    """Note that the mailbox knows that the item is stored."""
    told = returned.c.acknowledged_at
    tx.connection.execute(
        sa.update(returned)
        .where(returned.c.mailbox == mailbox, returned.c.item == item)
        .values(acknowledged_at=sa.func.coalesce(told, sa.literal(now, told.type)))
    )


def unacknowledged(connection: sa.Connection, mailbox: str, limit: int = 100) -> list[str]:
    """Return stored items that the mailbox was not yet told of, oldest first."""
    wanted = (
        sa.select(returned.c.item)
        .where(returned.c.mailbox == mailbox, returned.c.acknowledged_at.is_(None))
        .order_by(returned.c.id)
        .limit(limit)
    )
    return list(connection.scalars(wanted))


def changed(tx: Transaction, mailbox: str, item: str, now: datetime) -> bool:
    """Make an item that was offered again with other content a case; whether it is a new one."""
    row = tx.connection.execute(
        sa.update(returned)
        .where(
            returned.c.mailbox == mailbox,
            returned.c.item == item,
            returned.c.trouble.is_(None),
        )
        .values(trouble=CHANGED, closed_at=None)
        .returning(returned.c.notice_id)
    ).first()
    if row is None:
        return False
    tx.note(row.notice_id, "returned.changed", now, mailbox=mailbox)
    return True


def advance(tx: Transaction, mailbox: str, reached: str | None, now: datetime) -> None:
    """Note where `collect` goes on: everything before it is stored."""
    _channel(tx, mailbox, cursor=reached, collected_at=now, failures=0)


def failed(tx: Transaction, mailbox: str, now: datetime) -> None:
    """Note that the return channel could not be worked off."""
    _channel(tx, mailbox, failed_at=now, failures=return_channel.c.failures + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A return channel that failed again and again. collected_at: when it last went well."""

    mailbox: str
    failures: int
    collected_at: datetime | None


def stuck(connection: sa.Connection, at_least: int) -> list[Stuck]:
    """Return the channels that failed so often in a row."""
    columns = return_channel.c
    wanted = (
        sa.select(columns.mailbox, columns.failures, columns.collected_at)
        .where(columns.failures >= at_least)
        .order_by(columns.mailbox)
    )
    return [Stuck(**row) for row in connection.execute(wanted).mappings()]


def _channel(tx: Transaction, mailbox: str, **values: object) -> None:
    tx.connection.execute(
        sa.insert(return_channel).prefix_with("OR IGNORE").values(mailbox=mailbox, failures=0)
    )
    tx.connection.execute(
        sa.update(return_channel).where(return_channel.c.mailbox == mailbox).values(**values)
    )


def told(connection: sa.Connection, notice_id: int, outcome: str) -> bool:
    """Whether a receipt of this outcome tells it of a notice already."""
    wanted = sa.exists().where(receipt.c.notice_id == notice_id, receipt.c.outcome == outcome)
    return bool(connection.scalar(sa.select(wanted)))


def close(tx: Transaction, number: int, now: datetime) -> Row | None:
    """Note that a person has seen to an item; its row, None where none waits under this number."""
    return tx.connection.execute(
        sa.update(returned)
        .where(
            returned.c.id == number,
            returned.c.trouble.is_not(None),
            returned.c.closed_at.is_(None),
        )
        .values(closed_at=now)
        .returning(returned)
    ).first()


def troubles(connection: sa.Connection) -> list[Row]:
    """Return items that wait for a person, oldest first."""
    return list(
        connection.execute(
            sa.select(returned)
            .where(sa.text("trouble IS NOT NULL AND closed_at IS NULL"))
            .order_by(returned.c.stored_at, returned.c.id)
        )
    )


def ask_now(tx: Transaction, notice_id: int, now: datetime) -> None:
    """Let a notice that is pending or in doubt be asked about at once."""
    tx.connection.execute(
        sa.update(notice)
        .where(
            notice.c.id == notice_id,
            notice.c.state.in_(["PENDING", "IN_DOUBT"]),
            notice.c.due_at > now,
        )
        .values(due_at=now)
    )


def lying(
    connection: sa.Connection, tenant: str, procedure: str
) -> Iterator[tuple[str, int, datetime]]:
    """Give what lies in a spool's `out/`: name, id, time of writing.

    Receipts' files have ids above 0, those of replies their ids below 0. There may be very many,
    where a procedure fetches nothing: they are given as they are read.
    """
    yield from handouts.untaken(connection, tenant, procedure)
    for name, number, at in returned_files.untaken(connection, tenant, procedure):
        yield name, -number, at
