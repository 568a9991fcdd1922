"""A notice on its way to a mailbox: from memory or from the journal to a call's payload.

What is kept of a notice (`content`: subject, text, names) is JSON under the notice's own key. A
parcel names documents by where their ciphertext lies; only the mailbox's child decrypts them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from hub.issuing import Facts
from hub.journal import Row
from hub.journal.taking import NewPayload
from hub.model import Code, Document, Notice
from hub.receipt import DocumentDigest
from hub.vault import Extent, Segment, Vault
from postfach_mailbox import cipher, frames
from postfach_mailbox.notice import (
    AddressData,
    AuthorData,
    CodeData,
    DocumentData,
    NoticeData,
)

INLINE = frames.INLINE_MAX  # bytes up to which a blob lies in its row, above in the vault
DOCUMENT, CONTENT, SEALED, PREPARED = "document", "content", "sealed", "prepared"
_notice = TypeAdapter(Notice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """All that a deposit needs, and what its receipts will say.

    key: the notice's own key; documents: one extent each, in the notice's order
    sealed: the sealed notice's bytes, or where they lie
    prepared: what the mailbox made to be sent at every attempt, made_by which plugin
    """

    facts: Facts
    delivery_key: str
    key: bytes
    notice: Notice
    documents: tuple[Extent, ...]
    sealed: bytes | Extent
    sealed_sha256: str
    sealed_size: int
    prepared: bytes | Extent | None = None
    made_by: str | None = None


def context(delivery_key: str, item: str, n: int = 0) -> bytes:
    """Return what a blob of a notice is bound to, so that no blob opens in another's place."""
    return f"{delivery_key}:{item}:{n}".encode("ascii")


def content(notice: Notice, documents: Sequence[Extent]) -> bytes:
    """Return what is kept of a notice, without the bytes of its documents."""
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
    key = vault.unwrap(found.key_wrapped, found.delivery_key.encode("ascii"))
    sealed_row = _one(rows, SEALED)
    sealed = _blob(sealed_row, key, found.delivery_key)
    kept = _read(_one(rows, CONTENT), key, found.delivery_key, vault)
    prepared = next((row for row in rows if row.item == PREPARED), None)
    return Parcel(
        facts=facts(found, rows),
        delivery_key=found.delivery_key,
        key=key,
        notice=_handed_in(kept),
        documents=tuple(extent_of(row) for row in rows if row.item == DOCUMENT),
        sealed=sealed,
        sealed_sha256=sealed_row.sha256,
        sealed_size=sealed_row.size,
        prepared=_blob(prepared, key, found.delivery_key) if prepared else None,
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
    )


def read_content(found: Row, rows: Sequence[Row], vault: Vault) -> Notice:
    """Return the notice as it was handed in, without the bytes of its documents."""
    key = vault.unwrap(found.key_wrapped, found.delivery_key.encode("ascii"))
    return _handed_in(_read(_one(rows, CONTENT), key, found.delivery_key, vault))


def _handed_in(kept: bytes) -> Notice:
    try:
        return _notice.validate_json(kept)
    except ValueError as error:  # written by a version that this one cannot read
        raise cipher.Damaged("a notice is not as this version keeps it") from error


def payload(parcel: Parcel, attempt: int) -> tuple[frames.DepositPayload, list[str]]:
    """Return a deposit call's payload and the segments whose descriptors it counts in, in order."""
    segments: list[str] = []
    sources = tuple(
        _stored(segments, extent, context(parcel.delivery_key, DOCUMENT, n))
        for n, extent in enumerate(parcel.documents)
    )
    sealed, prepared = parcel.sealed, parcel.prepared
    return (
        frames.DepositPayload(
            key=parcel.delivery_key,
            notice=told(parcel),
            sources=sources,
            sealed_notice=DocumentData(
                id="seal",
                filename="bescheid-siegel.xml",
                content_type="application/xml",
                size=parcel.sealed_size,
                role="seal",
                sha256=parcel.sealed_sha256,
            ),
            sealed_notice_source=_source(segments, sealed, context(parcel.delivery_key, SEALED)),
            prepared=None
            if prepared is None
            else _source(segments, prepared, context(parcel.delivery_key, PREPARED)),
            dek=parcel.key,
            attempt=attempt,
        ),
        segments,
    )


def told(parcel: Parcel) -> NoticeData:
    """Return what a mailbox is told of a notice."""
    return notice_data(
        parcel.notice,
        scheme=parcel.facts.scheme,
        address=parcel.facts.address,
        documents=parcel.documents,
    )


def notice_data(
    notice: Notice, *, scheme: str | None, address: str, documents: Sequence[Extent]
) -> NoticeData:
    """Return what a plugin is told of a notice; of each document what really lies there."""
    return NoticeData(
        message_id=notice.message_id,
        created_at=notice.created_at,
        author=AuthorData(
            identifier=notice.author.identifier,
            scheme=notice.author.scheme,
            category=notice.author.category,
            name=notice.author.name,
        ),
        mailbox=AddressData(id=address, scheme=scheme, holder=notice.mailbox.holder),
        service=notice.service,
        message_type=_code(notice.message_type),
        subject=notice.subject,
        legal_basis=notice.legal_basis.value,
        assurance_level=notice.assurance_level.value,
        documents=tuple(
            _document(one, extent) for one, extent in zip(notice.documents, documents, strict=True)
        ),
        case_reference=notice.case_reference,
        in_reply_to=notice.in_reply_to,
        business_scenario=_code(notice.business_scenario) if notice.business_scenario else None,
        text=notice.text,
        application_id=notice.application_id,
        not_before=notice.not_before,
        obsolete_after=notice.obsolete_after,
        postal_address=notice.postal_address,
        test=notice.test,
    )


def _document(one: Document, extent: Extent) -> DocumentData:
    return DocumentData(
        id=one.id,
        filename=one.filename,
        content_type=one.content_type,
        size=extent.size,
        role=one.role.value,
        sha256=extent.sha256,
        # Rows hold none: of a notice from the journal its content does.
        sha512=extent.sha512 or one.sha512,
    )


def _code(code: Code) -> CodeData:
    return CodeData(
        value=code.value,
        list_uri=code.list_uri,
        list_version=code.list_version,
        payload_schema=code.payload_schema,
    )


def _source(
    segments: list[str], blob: bytes | Extent, bound: bytes
) -> frames.Inline | frames.Stored:
    return frames.Inline(data=blob) if isinstance(blob, bytes) else _stored(segments, blob, bound)


def _stored(segments: list[str], extent: Extent, bound: bytes) -> frames.Stored:
    if extent.segment not in segments:
        segments.append(extent.segment)
    return frames.Stored(
        fd=segments.index(extent.segment),
        offset=extent.offset,
        length=extent.length,
        size=extent.size,
        context=bound,
    )


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
