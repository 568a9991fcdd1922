"""A notice, or status, on its way to a mailbox, from memory or from the journal.

What is kept of a notice (`content`: subject, text, names) is JSON under the notice's own key. A
parcel names documents by where their ciphertext lies; only the mailbox's child decrypts them. What
a plugin is told of it: hub.telling.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from hub import evidence
from hub.issuing import Facts
from hub.journal import Row, posting
from hub.journal.taking import NewPayload, Taken
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
    with _opening():
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
            notice=_handed_in(found, kept, rows),
            documents=tuple(extent_of(row) for row in rows if row.item == DOCUMENT),
            sealed=sealed,
            prepared=_blob(prepared, key, own) if prepared else None,
            made_by=prepared.made_by if prepared else None,
        )


def vouch(found: Row, rows: Sequence[Row], taken: Taken | None) -> None:
    """Hold a notice's rows against what the evidence log says of its taking.

    What receipts say of a notice, and where it goes, stands in both: a row that was changed since
    would have it told, or delivered, wrongly.
    taken: None where the log knows nothing of it
    Raises `cipher.Damaged`.
    """
    if taken is None:
        return
    with _opening():
        entry = json.loads(taken.body)
        said = dict(entry["subject"])
        told = said.get("address") != found.address and taken.admitted  # in its normal form since
        post = found.follows is not None
        mine = {
            "message_id": found.message_id,
            "claim": found.claim,
            "envelope_sha256": found.envelope_sha256,
            "mailbox": said.get("mailbox") if post else found.mailbox,
            "address": said.get("address") if told else found.address,
        }
        for n, document in enumerate(digests(rows)):
            mine[f"document_{n}_sha256"] = document.handed_in
        if found.status is not None:
            mine["status"] = found.status
        name = found.message_id.lower()
        key = f"{found.tenant}\0{name}".encode()
        same = (
            hashlib.sha256(taken.body).hexdigest() == taken.digest
            and mine == said
            and entry["at"] == evidence.stamp(found.accepted_at)
            and hashlib.sha256(key).hexdigest() == bound_to(found)
            and found.message_key == (posting.KEY + name if post else name)
            and (found.tenant, found.procedure) in taken.places
        )
    if not same:
        raise cipher.Damaged("a notice's rows are not what the evidence log says of its taking")


@contextmanager
def _opening() -> Iterator[None]:
    """Let whatever a changed row brings out be known as damage to this notice."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise cipher.Damaged("what is stored of a notice is not as the hub keeps it") from error


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
    with _opening():
        own = bound_to(found)
        key = vault.unwrap(found.key_wrapped, own.encode("ascii"))
        return _handed_in(found, _read(_one(rows, CONTENT), key, own, vault), rows)


def _handed_in(found: Row, kept: bytes, rows: Sequence[Row]) -> Submission:
    """Return what was handed in; its rows must say the same where receipts are made of them."""
    read = _status if found.kind == Kind.STATUS else _notice
    notice = read.validate_json(kept)  # ValueError: by a version that this one cannot read
    kinds = (found.case_reference, [(one.id, one.size) for one in digests(rows)])
    if kinds != (notice.case_reference, [(one.id, one.size) for one in notice.documents]):
        raise cipher.Damaged("a notice's rows name another case, or other documents, than it does")
    return notice


def _one(rows: Sequence[Row], item: str) -> Row:
    for row in rows:
        if row.item == item:
            return row
    raise cipher.Damaged(f"a notice has no {item}")


def extent_of(row: Row) -> Extent:
    """Return where a payload row lies in the vault. Raises ValueError where it names no place."""
    place = (row.offset, row.length, row.size)
    if not row.segment or not all(isinstance(one, int) and 0 <= one < 2**53 for one in place):
        raise ValueError("no place in a segment")
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
