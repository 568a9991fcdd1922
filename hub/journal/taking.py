"""Drops: what was taken, repeated or refused.

A drop's row carries its claim. Only after its commit are the claimed files removed or moved; who
finds the files of a claim that has a row finishes them and issues nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import Row, drop, entry, notice, payload
from hub.model import Kind

TAKEN, REPEATED, REFUSED, STUCK = "taken", "repeated", "refused", "stuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A notice's row as intake makes it; the names are the table's.

    kind: notice, or status, which alone has application_id, status and status_at
    """

    tenant: str
    procedure: str
    message_id: str
    message_key: str
    delivery_key: str
    claim: str
    envelope_sha256: str
    case_reference: str | None
    mailbox: str
    scheme: str
    address: str
    state: str
    held_from: str | None
    held_at: datetime | None
    held_reason: str | None
    accepted_at: datetime
    not_before: datetime | None
    obsolete_after: datetime | None
    due_at: datetime | None
    deadline: datetime
    key_wrapped: bytes
    kind: str = Kind.NOTICE.value
    application_id: str | None = None
    status: str | None = None
    status_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPayload:
    """One thing of a notice that is kept encrypted: inline (`data`) or in a segment.

    made_by: distribution and version of the plugin that made it, of prepared bytes
    """

    item: str
    n: int
    size: int
    sha256: str
    document_id: str | None = None
    data: bytes | None = None
    segment: str | None = None
    offset: int | None = None
    length: int | None = None
    made_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A notice that is in the journal already: enough to tell a repeat from a conflict."""

    id: int
    procedure: str
    envelope_sha256: str


_KNOWN = sa.select(
    notice.c.id, notice.c.message_key, notice.c.procedure, notice.c.envelope_sha256
).where(
    notice.c.tenant == sa.bindparam("of"),
    notice.c.message_key.in_(sa.bindparam("keys", expanding=True)),
)
_INSERT = sa.insert(notice).returning(notice.c.id, sort_by_parameter_order=True)
_STORE = sa.insert(payload)


def known(
    connection: sa.Connection, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Known]:
    """Return which of these (tenant, message key) the journal knows."""
    by_tenant: dict[str, list[str]] = {}
    for tenant, key in keys:
        by_tenant.setdefault(tenant, []).append(key)
    found = {}
    for tenant, message_keys in by_tenant.items():
        rows = connection.execute(_KNOWN, {"of": tenant, "keys": message_keys})
        for row in rows:
            found[tenant, row.message_key] = Known(
                id=row.id, procedure=row.procedure, envelope_sha256=row.envelope_sha256
            )
    return found


def insert(tx: Transaction, notices: Sequence[tuple[NewNotice, Sequence[NewPayload]]]) -> list[int]:
    """Insert notices with their payload rows; returns their ids in order.

    Raises sqlalchemy.exc.IntegrityError where a MessageID is known: look with `known` in the same
    transaction first; its write lock keeps the answer true.
    """
    if not notices:
        return []
    rows = [
        {column.name: getattr(new, column.name) for column in fields(new)}
        | {"open": True, "failures": 0, "crashes": 0, "suspect": False, "fence": 0}
        for new, _ in notices
    ]
    ids = [row.id for row in tx.connection.execute(_INSERT, rows)]
    store(tx, [(number, one) for number, (_, own) in zip(ids, notices, strict=True) for one in own])
    return ids


def store(tx: Transaction, items: Sequence[tuple[int, NewPayload]]) -> None:
    """Store payload rows of notices, by notice id."""
    rows = []
    for number, one in items:
        row = {column.name: getattr(one, column.name) for column in fields(one)}
        rows.append(row | {"notice_id": number, "bytes": row.pop("data")})
    if rows:
        tx.connection.execute(_STORE, rows)


def replace(tx: Transaction, notice_id: int, new: NewPayload) -> None:
    """Store something of a notice in the stead of what it had of that kind."""
    tx.connection.execute(
        sa.delete(payload).where(payload.c.notice_id == notice_id, payload.c.item == new.item)
    )
    store(tx, [(notice_id, new)])


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDrop:
    """A drop's row."""

    claim: str
    tenant: str
    procedure: str
    stem: str
    kind: str
    at: datetime
    notice_id: int | None = None
    envelope_sha256: str | None = None
    refusal: str | None = None
    code: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The entry of the evidence log that a notice was taken: its bytes and their digest.

    places: tenant and procedure of each drop of it
    admitted: whether its address was brought into its mailbox's own form since
    """

    body: bytes
    digest: str
    places: frozenset[tuple[str, str]]
    admitted: bool


_TAKEN = (
    sa.select(entry.c.notice_id, entry.c.kind, entry.c.body, entry.c.digest)
    .where(
        entry.c.notice_id.in_(sa.bindparam("ids", expanding=True)),
        entry.c.kind.in_(("notice.taken", "status.taken", "notice.freed")),
    )
    .order_by(entry.c.id)
)

_PLACES = sa.select(drop.c.notice_id, drop.c.tenant, drop.c.procedure).where(
    drop.c.notice_id.in_(sa.bindparam("ids", expanding=True))
)


def taken(connection: sa.Connection, rows: Iterable[Row]) -> dict[int, Taken]:
    """Return what the evidence log says of the taking of notices, by id; of a post job, of its."""
    whose = {row.id: row.id if row.follows is None else row.follows for row in rows}
    ids = {"ids": list(set(whose.values()))}
    places: dict[int, set[tuple[str, str]]] = {}
    for place in connection.execute(_PLACES, ids):
        places.setdefault(place.notice_id, set()).add((place.tenant, place.procedure))
    first: dict[int, Any] = {}
    admitted = set()
    for one in connection.execute(_TAKEN, ids):
        if one.kind == "notice.freed":
            admitted.add(one.notice_id)
        else:
            first.setdefault(one.notice_id, one)
    return {
        number: Taken(
            body=first[of].body,
            digest=first[of].digest,
            places=frozenset(places.get(of, ())),
            admitted=of in admitted,
        )
        for number, of in whose.items()
        if of in first
    }


def drops(tx: Transaction, rows: Sequence[NewDrop]) -> None:
    """Insert drops; a claim that is there already raises IntegrityError: it was worked before."""
    if rows:
        values: list[dict[str, Any]] = [
            {column.name: getattr(row, column.name) for column in fields(row)} | {"aged_out": False}
            for row in rows
        ]
        tx.connection.execute(sa.insert(drop), values)


def kinds(connection: sa.Connection, claims: Iterable[str]) -> dict[str, str]:
    """Return, of these claims, the kind of those that are in the journal."""
    rows = connection.execute(
        sa.select(drop.c.claim, drop.c.kind).where(drop.c.claim.in_(list(claims)))
    )
    return {row.claim: row.kind for row in rows}


def stuck_files(connection: sa.Connection, tenant: str, procedure: str) -> set[str]:
    """Return what was refused but cannot be moved out of a spool's `in/` (device, inode, ctime)."""
    rows = connection.execute(
        sa.select(drop.c.file).where(
            drop.c.kind == STUCK, drop.c.tenant == tenant, drop.c.procedure == procedure
        )
    )
    return {row.file for row in rows}
