"""The files that replies become in `out/`: where their ciphertext lies, written, fetched, gone."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import Row, returned, returned_file

_kept = sa.text("returned.erased_at IS NULL")  # literally, for the partial index


_NUMBERS = (
    sa.select(returned_file.c.stem, sa.func.max(returned_file.c.nn).label("nn"))
    .where(
        returned_file.c.tenant == sa.bindparam("tenant"),
        returned_file.c.procedure == sa.bindparam("procedure"),
        returned_file.c.stem.in_(sa.bindparam("stems", expanding=True)),
        sa.func.typeof(returned_file.c.nn) == "integer",  # a damaged one counts for nothing
    )
    .group_by(returned_file.c.stem)
)


def numbers(
    connection: sa.Connection, tenant: str, procedure: str, stems: Iterable[str]
) -> dict[str, int]:
    """Return the last number given to a reply's files, by stem; receipts share the count."""
    given = {"tenant": tenant, "procedure": procedure, "stems": list(stems)}
    rows = connection.execute(_NUMBERS, given)
    return {row.stem: row.nn for row in rows}


def name(row: Row) -> str:
    """Return a file's name in `out/`."""
    return f"{row.stem}.{str(row.nn).zfill(2)}.{row.suffix}"  # also of a damaged one


def unwritten(connection: sa.Connection, after: int, limit: int) -> list[list[Row]]:
    """Return the files of replies that are not marked as written: whole replies, oldest first.

    after: the number of the last reply that is passed over
    """
    wanted = (
        sa.select(returned_file.c.returned)
        .join(returned, returned.c.id == returned_file.c.returned)
        .where(
            sa.text("written_at IS NULL AND tenant IS NOT NULL"),
            _kept,
            returned_file.c.returned > after,
        )
        .distinct()
        .order_by(returned_file.c.returned)
        .limit(limit)
    )
    ids = list(connection.scalars(wanted))
    rows = connection.execute(
        sa.select(returned_file, returned.c.key_wrapped, returned.c.mailbox, returned.c.item)
        .join(returned, returned.c.id == returned_file.c.returned)
        .where(returned_file.c.returned.in_(ids))
        .order_by(returned_file.c.returned, returned_file.c.n)
    )
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.returned].append(row)
    return list(found.values())


def written(tx: Transaction, ids: Sequence[int], now: datetime) -> None:
    """Mark files as written: their folder is synced."""
    tx.connection.execute(
        sa.update(returned_file).where(returned_file.c.id.in_(list(ids))).values(written_at=now)
    )


def untaken(
    connection: sa.Connection, tenant: str, procedure: str
) -> Iterator[tuple[str, int, datetime]]:
    """Give the files of replies in `out/` that were not fetched: name, id, time of writing."""
    rows = connection.execute(
        sa.select(returned_file).where(
            returned_file.c.written_at.is_not(None),
            returned_file.c.confirmed_at.is_(None),
            returned_file.c.tenant == tenant,
            returned_file.c.procedure == procedure,
        )
    )
    for row in rows:
        if row.written_at and isinstance(row.nn, int):  # not what is damaged
            yield name(row), row.id, row.written_at


def confirmed(tx: Transaction, ids: Sequence[int], now: datetime) -> None:
    """Note that the procedure took these files."""
    rows = tx.connection.execute(
        sa.update(returned_file)
        .where(returned_file.c.id.in_(list(ids)), returned_file.c.confirmed_at.is_(None))
        .values(confirmed_at=now)
        .returning(returned_file.c.returned, returned_file.c.n)
    ).all()
    for row in rows:
        found = tx.connection.execute(
            sa.select(returned.c.notice_id, returned.c.message_id).where(
                returned.c.id == row.returned
            )
        ).one_or_none()
        if found:  # else the row is damaged, and says of no reply that it is its file
            tx.note(found.notice_id, "reply.taken", now, message_id=found.message_id, file=row.n)


def again(tx: Transaction, notice_id: int) -> tuple[list[Row], int]:
    """Have the replies to a notice written again, the same bytes under the same names.

    Returns their files, and how many replies are erased: these cannot be.
    """
    of = sa.select(returned.c.id).where(returned.c.notice_id == notice_id)
    rows = tx.connection.execute(
        sa.update(returned_file)
        .where(returned_file.c.returned.in_(of.where(_kept)), returned_file.c.tenant.is_not(None))
        .values(written_at=None, confirmed_at=None)
        .returning(returned_file)
    ).all()
    gone = sa.select(sa.func.count(returned.c.id)).where(
        returned.c.notice_id == notice_id,
        returned.c.message_id.is_not(None),
        returned.c.erased_at.is_not(None),
    )
    return list(rows), int(tx.connection.scalar(gone) or 0)


def erasable(connection: sa.Connection, stored_before: datetime, limit: int) -> list[int]:
    """Return items whose content may go: all its files were fetched, or it is old enough.

    One that waits for a person, or whose files are not all written yet, is open, and stays.
    """
    files = returned_file.c.returned == returned.c.id
    taken = sa.and_(
        sa.exists().where(files, returned_file.c.tenant.is_not(None)),
        ~sa.exists().where(files, returned_file.c.confirmed_at.is_(None)),
        returned.c.acknowledged_at.is_not(None),
    )
    settled = sa.or_(returned.c.trouble.is_(None), returned.c.closed_at.is_not(None))
    unwritten_file = sa.exists().where(
        files, returned_file.c.tenant.is_not(None), returned_file.c.written_at.is_(None)
    )
    old = sa.and_(returned.c.stored_at <= stored_before, settled, ~unwritten_file)
    rows = connection.scalars(
        sa.select(returned.c.id)
        .where(_kept, sa.or_(old, taken))
        .order_by(returned.c.stored_at)
        .limit(limit)
    )
    return list(rows)


def erase(tx: Transaction, ids: Collection[int], now: datetime) -> set[str]:
    """Forget the keys and content of items; return the segments that may be unused after it."""
    mine = returned_file.c.returned.in_(list(ids))
    segments = set(
        tx.connection.scalars(
            sa.select(returned_file.c.segment).where(mine, returned_file.c.segment.is_not(None))
        )
    )
    tx.connection.execute(
        sa.update(returned_file)
        .where(mine)
        .values(bytes=None, segment=None, offset=None, length=None)
    )
    tx.connection.execute(
        sa.update(returned)
        .where(returned.c.id.in_(list(ids)))
        .values(key_wrapped=None, content=None, erased_at=now)
    )
    return segments - used(tx.connection, segments)


def used(connection: sa.Connection, segments: Iterable[str]) -> set[str]:
    """Return, of these segments, those in which a document of a reply lies."""
    return set(
        connection.scalars(
            sa.select(returned_file.c.segment)
            .where(returned_file.c.segment.in_(list(segments)))
            .distinct()
        )
    )
