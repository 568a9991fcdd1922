"""Receipts: their bytes, where they were written, and when they were fetched.

A receipt is stored once, byte-final. A handout is a file that it becomes: one for each stem under
which the notice was dropped. `nn` counts per stem and spool, over refusals and notices.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.errors import DataInvalid
from hub.journal import Transaction, numbering
from hub.journal.tables import Row, drop, handout, receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A receipt to be stored and handed out under each of `stems`."""

    receipt_id: str
    outcome: str
    suffix: str
    final: bool
    data: bytes
    issued_at: datetime
    tenant: str
    procedure: str
    stems: tuple[str, ...]
    notice_id: int | None = None
    claim: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """A receipt file: its spool, its name, its bytes.

    receipt_id: of one that was read back from the journal, to be looked at before it is written
    """

    id: int
    tenant: str
    procedure: str
    stem: str
    nn: int
    suffix: str
    data: bytes
    receipt_id: str | None = None

    @property
    def name(self) -> str:
        """The file name in `out/`."""
        return name(self)


def name(file: Row | Handout) -> str:
    """Return a file's name in `out/`; of a damaged one, what it would be."""
    return f"{file.stem}.{str(file.nn).zfill(2)}.{file.suffix}.xml"


def issue(tx: Transaction, issues: Sequence[Issue]) -> list[Handout]:
    """Store receipts and the files they are to become; the files follow after the commit."""
    if not issues:
        return []
    rows = [
        {
            "receipt_id": one.receipt_id,
            "notice_id": one.notice_id,
            "claim": one.claim,
            "outcome": one.outcome,
            "suffix": one.suffix,
            "final": one.final,
            "bytes": one.data,
            "issued_at": one.issued_at,
        }
        for one in issues
    ]
    statement = sa.insert(receipt).returning(receipt.c.id, sort_by_parameter_order=True)
    ids = [row.id for row in tx.connection.execute(statement, rows)]
    wanted = [
        _Wanted(
            receipt=number,
            tenant=one.tenant,
            procedure=one.procedure,
            stem=stem,
            suffix=one.suffix,
            data=one.data,
        )
        for number, one in zip(ids, issues, strict=True)
        for stem in one.stems
    ]
    return _hand_out(tx, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    receipt: int
    tenant: str
    procedure: str
    stem: str
    suffix: str
    data: bytes
    receipt_id: str | None = None


_HAND_OUT = sa.insert(handout).returning(handout.c.id, sort_by_parameter_order=True)


def _hand_out(tx: Transaction, wanted: Sequence[_Wanted]) -> list[Handout]:
    if not wanted:
        return []
    last = numbering.last(tx.connection, {(one.tenant, one.procedure, one.stem) for one in wanted})
    rows = []
    for one in wanted:
        spool = (one.tenant, one.procedure, one.stem)
        last[spool] += 1
        rows.append(
            {
                "receipt": one.receipt,
                "tenant": one.tenant,
                "procedure": one.procedure,
                "stem": one.stem,
                "nn": last[spool],
            }
        )
    ids = [row.id for row in tx.connection.execute(_HAND_OUT, rows)]
    return [
        _file(one, number, int(str(row["nn"])))
        for number, one, row in zip(ids, wanted, rows, strict=True)
    ]


def again(tx: Transaction, notice_id: int, stem: str | None = None) -> list[Handout]:
    """Hand out every receipt of a notice again, byte for byte; returns the files to write.

    stem: the stem of a repeated drop; None: under every stem that the notice was dropped by
    """
    receipts = tx.connection.execute(
        sa.select(receipt).where(receipt.c.notice_id == notice_id).order_by(receipt.c.id)
    ).all()
    if not (dropped := stems_of(tx.connection, [notice_id])):
        raise DataInvalid(
            "no drop leads to this notice any more", where=f"notice {notice_id}", fix="hub doctor"
        )
    tenant, procedure, stems = dropped[notice_id]
    files: list[Handout] = []
    for found in receipts:
        for one in stems if stem is None else [stem]:
            wanted = _Wanted(
                receipt=found.id,
                tenant=tenant,
                procedure=procedure,
                stem=one,
                suffix=found.suffix,
                data=found.bytes,
                receipt_id=found.receipt_id,
            )
            known = tx.connection.execute(
                sa.update(handout)
                .where(handout.c.receipt == found.id, handout.c.stem == one)
                .values(written_at=None)
                .returning(handout.c.id, handout.c.nn)
            ).first()
            if known:
                files.append(_file(wanted, known.id, known.nn))
            else:
                files.extend(_hand_out(tx, [wanted]))
    return files


def _file(wanted: _Wanted, number: int, nn: int) -> Handout:
    return Handout(
        id=number,
        tenant=wanted.tenant,
        procedure=wanted.procedure,
        stem=wanted.stem,
        nn=nn,
        suffix=wanted.suffix,
        data=wanted.data,
        receipt_id=wanted.receipt_id,
    )


_STEMS = (
    sa.select(drop.c.notice_id, drop.c.tenant, drop.c.procedure, drop.c.stem)
    .where(drop.c.notice_id.in_(sa.bindparam("of", expanding=True)))
    .order_by(drop.c.at, drop.c.claim)
)


def stems_of(
    connection: sa.Connection, notice_ids: Iterable[int]
) -> dict[int, tuple[str, str, list[str]]]:
    """Return tenant, procedure and the stems, oldest first, under which notices were dropped."""
    rows = connection.execute(_STEMS, {"of": list(notice_ids)})
    found: dict[int, tuple[str, str, list[str]]] = {}
    for row in rows:
        stems = found.setdefault(row.notice_id, (row.tenant, row.procedure, []))[2]
        if row.stem not in stems:
            stems.append(row.stem)
    return found


def receipted(connection: sa.Connection, notice_ids: Iterable[int]) -> set[int]:
    """Return which of these notices have a receipt already."""
    rows = connection.execute(
        sa.select(receipt.c.notice_id).where(receipt.c.notice_id.in_(list(notice_ids)))
    )
    return {row.notice_id for row in rows}


_OF_ITS_DROP = sa.exists().where(
    drop.c.tenant == handout.c.tenant,
    drop.c.procedure == handout.c.procedure,
    drop.c.stem == handout.c.stem,
    sa.or_(drop.c.notice_id == receipt.c.notice_id, drop.c.claim == receipt.c.claim),
)


def unwritten(
    connection: sa.Connection,
    before: datetime,
    now: datetime,
    *,
    after: int = 0,
    limit: int = 500,
) -> list[Handout]:
    """Return files that were to be written before a time and are not marked so: a crash's rest.

    Also one whose time is damaged, or still to come, but none for a spool that its drop was not in.
    after: only ids above it; to go on where the last call ended
    """
    rows = connection.execute(
        sa.select(handout, receipt.c.suffix, receipt.c.bytes, receipt.c.receipt_id)
        .join(receipt, receipt.c.id == handout.c.receipt)
        .where(
            handout.c.written_at.is_(None),
            sa.or_(receipt.c.issued_at <= before, receipt.c.issued_at > now),
            handout.c.id > after,
            _OF_ITS_DROP,
        )
        .order_by(handout.c.id)
        .limit(limit)
    )
    names = ("id", "tenant", "procedure", "stem", "nn", "suffix", "receipt_id")
    return [Handout(**{name: getattr(row, name) for name in names}, data=row.bytes) for row in rows]


def written(tx: Transaction, ids: Sequence[int], now: datetime) -> None:
    """Mark files as written: their folder is synced."""
    if ids:
        tx.connection.execute(
            sa.update(handout).where(handout.c.id.in_(list(ids))).values(written_at=now)
        )


def untaken(
    connection: sa.Connection, tenant: str, procedure: str
) -> Iterator[tuple[str, int, datetime]]:
    """Give the files in a spool's `out/` that were not fetched: name, id, time of writing."""
    rows = connection.execute(
        sa.select(handout, receipt.c.suffix)
        .join(receipt, receipt.c.id == handout.c.receipt)
        .where(
            handout.c.written_at.is_not(None),
            handout.c.confirmed_at.is_(None),
            handout.c.tenant == tenant,
            handout.c.procedure == procedure,
        )
    )
    for row in rows:
        if row.written_at and isinstance(row.nn, int):  # not what is damaged
            yield name(row), row.id, row.written_at


def confirmed(tx: Transaction, ids: Sequence[int], now: datetime) -> None:
    """Note that the procedure took these files: deletion is its acknowledgement."""
    rows = tx.connection.execute(
        sa.select(handout.c.id, receipt.c.receipt_id, receipt.c.notice_id)
        .join(receipt, receipt.c.id == handout.c.receipt)
        .where(handout.c.id.in_(list(ids)), handout.c.confirmed_at.is_(None))
    ).all()
    if not rows:
        return
    tx.connection.execute(
        sa.update(handout)
        .where(handout.c.id.in_([row.id for row in rows]))
        .values(confirmed_at=now)
    )
    for row in rows:
        tx.note(row.notice_id, "receipt.taken", now, receipt=row.receipt_id)


def next_number(connection: sa.Connection, tenant: str, procedure: str, stem: str) -> int:
    """Return the number of the next file of a stem, over receipts and replies."""
    place = tenant, procedure, stem
    return 1 + numbering.last(connection, [place])[place]
