"""A notice, or status, on its way to a mailbox, from memory or from the journal.

What is kept of a notice (`content`: subject, text, names) is JSON under the notice's own key. A
parcel names documents by where their ciphertext lies; only the mailbox's child decrypts them. What
a plugin is told of it: hub.telling.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from hub.issuing import Facts
from hub.journal import Row, posting
from hub.journal.taking import NewPayload
from hub.model import Kind, Notice, StatusUpdate, Submission
from hub.receipt import DocumentDigest
from hub.vault import Extent, Segment, Vault
from postfach_mailbox import cipher, frames

INLINE = frames.INLINE_MAX  # bytes up to which a blob lies in its row, above in the vault
DOCUMENT, CONTENT, SEALED, PREPARED = "document", "content", "sealed", "prepared"
_notice, _status = TypeAdapter(Notice), TypeAdapter(StatusUpdate)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedNotice:
    """A sealed notice: its bytes, or where they lie."""

    source: bytes | Extent
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """All that a deposit, or setting a status, needs, and what its receipts will say.

    key: the notice's own key; documents: one extent each, in the notice's order
    sealed: the sealed notice's bytes, or where they lie; a status has none
    prepared: what the mailbox made to be sent at every attempt, made_by which plugin
    """

    facts: Facts
    delivery_key: str
    key: bytes
    notice: Submission
    documents: tuple[Extent, ...] = ()
    sealed: SealedNotice | None = None
    prepared: bytes | Extent | None = None
    made_by: str | None = None


def context(delivery_key: str, item: str, n: int = 0) -> bytes:
    """Return what a blob of a notice is bound to, so that no blob opens in another's place."""
    return f"{delivery_key}:{item}:{n}".encode("ascii")


def content(notice: Submission, documents: Sequence[Extent]) -> bytes:
    """Return what is kept of a notice, without the bytes of its documents, or of a status."""
    if isinstance(notice, StatusUpdate):
        return _status.dump_json(notice)
    bare = tuple(
        replace(one, data=None, sha512=extent.sha512)
        for one, extent in zip(notice.documents, documents, strict=True)
    )
    return _notice.dump_json(replace(notice, documents=bare))


def stored(
    segment: Segment, key: bytes, delivery_key: str, item: str, data: bytes
) -> tuple[NewPayload, Extent | None]:
    """Encrypt a blob into its row, or into the segment when it is larger than a row should be."""
    bound = context(delivery_key, item)
    if len(data) <= INLINE:
        sha256 = hashlib.sha256(data).hexdigest()
        sealed = cipher.seal(key, bound, data)
        return NewPayload(item=item, n=0, size=len(data), sha256=sha256, data=sealed), None
    extent = segment.add(key, bound, [data], len(data))
    return extent_row(item, 0, extent), extent


def extent_row(item: str, n: int, extent: Extent, document_id: str | None = None) -> NewPayload:
    """Return the payload row of something that lies in the vault."""
    return NewPayload(
        item=item,
        n=n,
        size=extent.size,
        sha256=extent.sha256,
        document_id=document_id,
        segment=extent.segment,
        offset=extent.offset,
        length=extent.length,
    )


def digests(rows: Sequence[Row]) -> tuple[DocumentDigest, ...]:
    """Return the digests that receipts name, from a notice's payload rows."""
    return tuple(
        DocumentDigest(id=row.document_id, handed_in=row.sha256, size=row.size)
        for row in rows
        if row.item == DOCUMENT
    )


def unpack(found: Row, rows: Sequence[Row], vault: Vault) -> Parcel:
    """Return the parcel of a notice from its row and its payload rows.

    Raises `cipher.Damaged` or StorageFailed when what lies there does not open.
    """
    own = bound_to(found)
    key = vault.unwrap(found.key_wrapped, own.encode("ascii"))
    sealed = None
    if found.kind == Kind.NOTICE:
        row = _one(rows, SEALED)
        source = _blob(row, key, own)
        sealed = SealedNotice(source=source, sha256=row.sha256, size=row.size)
    kept = _read(_one(rows, CONTENT), key, own, vault)
    prepared = next((row for row in rows if row.item == PREPARED), None)
    return Parcel(
        facts=facts(found, rows),
        delivery_key=own,
        key=key,
        notice=_handed_in(found.kind, kept),
        documents=tuple(extent_of(row) for row in rows if row.item == DOCUMENT),
        sealed=sealed,
        prepared=_blob(prepared, key, own) if prepared else None,
        made_by=prepared.made_by if prepared else None,
    )


def facts(found: Row, rows: Sequence[Row]) -> Facts:
    """Return what receipts say of a notice, from its row and its payload rows."""
    return Facts(
        message_id=found.message_id,
        case_reference=found.case_reference,
        scheme=found.scheme,
        address=found.address,
        documents=digests(rows),
        accepted_at=found.accepted_at,
        kind=kind_of(found),
    )


def kind_of(found: Row) -> Kind:
    """Return what a row of the journal is: a post job is a notice that follows another one."""
    return Kind(found.kind) if found.follows is None else Kind.POST


def bound_to(found: Row) -> str:
    """Return the delivery key that a row's payload is bound to, and that its mailbox is told.

    Of a post job it is that of the notice which failed.
    """
    key: str = found.delivery_key
    return key if found.follows is None else key.removeprefix(posting.KEY)


def read_content(found: Row, rows: Sequence[Row], vault: Vault) -> Submission:
    """Return the notice, or status, as it was handed in, without the bytes of its documents."""
    own = bound_to(found)
    key = vault.unwrap(found.key_wrapped, own.encode("ascii"))
    return _handed_in(found.kind, _read(_one(rows, CONTENT), key, own, vault))


def _handed_in(kind: str, kept: bytes) -> Submission:
    try:
        read = _status if kind == Kind.STATUS else _notice
        return read.validate_json(kept)
    except ValueError as error:  # written by a version that this one cannot read
        raise cipher.Damaged("a notice is not as this version keeps it") from error


def _one(rows: Sequence[Row], item: str) -> Row:
    for row in rows:
        if row.item == item:
            return row
    raise cipher.Damaged(f"a notice has no {item}")


def extent_of(row: Row) -> Extent:
    """Return where a payload row lies in the vault."""
    return Extent(
        segment=row.segment, offset=row.offset, length=row.length, size=row.size, sha256=row.sha256
    )


def _blob(row: Row, key: bytes, delivery_key: str) -> bytes | Extent:
    if row.bytes is None:
        return extent_of(row)
    return cipher.unseal(key, context(delivery_key, row.item, row.n), row.bytes)


def _read(row: Row, key: bytes, delivery_key: str, vault: Vault) -> bytes:
    found = _blob(row, key, delivery_key)
    if isinstance(found, bytes):
        return found
    with vault.read(found, key, context(delivery_key, row.item, row.n)) as stream:
        return stream.read()
