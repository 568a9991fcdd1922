"""A parcel as a plugin is told of it: the payload of a call, and what stands in it.

Documents are named by where their ciphertext lies; only the mailbox's child decrypts them.
"""

from collections.abc import Sequence

from hub.model import Code, Document, Notice, StatusUpdate, Submission
from hub.parcel import DOCUMENT, PREPARED, SEALED, Parcel, context
from hub.vault import Extent
from postfach_mailbox import cipher, frames
from postfach_mailbox.notice import (
    AddressData,
    AuthorData,
    CodeData,
    DocumentData,
    NoticeData,
)
from postfach_mailbox.notice import StatusUpdate as StatusData


def payload(parcel: Parcel, attempt: int) -> tuple[frames.DepositPayload, list[str]]:
    """Return a deposit call's payload and the segments whose descriptors it counts in, in order."""
    segments: list[str] = []
    sources = tuple(
        _stored(segments, extent, context(parcel.delivery_key, DOCUMENT, n))
        for n, extent in enumerate(parcel.documents)
    )
    sealed, prepared = parcel.sealed, parcel.prepared
    if sealed is None:
        raise cipher.Damaged("a notice has no seal")
    return (
        frames.DepositPayload(
            key=parcel.delivery_key,
            notice=told(parcel),
            sources=sources,
            sealed_notice=DocumentData(
                id="seal",
                filename="bescheid-siegel.xml",
                content_type="application/xml",
                size=sealed.size,
                role="seal",
                sha256=sealed.sha256,
            ),
            sealed_notice_source=_source(
                segments, sealed.source, context(parcel.delivery_key, SEALED)
            ),
            prepared=None
            if prepared is None
            else _source(segments, prepared, context(parcel.delivery_key, PREPARED)),
            dek=parcel.key,
            attempt=attempt,
        ),
        segments,
    )


def told(parcel: Parcel) -> NoticeData:
    """Return what a mailbox is told of a notice. Raises Damaged where it is none."""
    if not isinstance(parcel.notice, Notice):
        raise cipher.Damaged("a status is no notice")
    return notice_data(
        parcel.notice,
        scheme=parcel.facts.scheme,
        address=parcel.facts.address,
        documents=parcel.documents,
    )


def status_data(parcel: Parcel) -> StatusData:
    """Return what a mailbox is told of the state of an application. Raises Damaged: it is none."""
    update = parcel.notice
    if not isinstance(update, StatusUpdate):
        raise cipher.Damaged("a notice is no status")
    return StatusData(
        key=parcel.delivery_key,
        message_id=update.message_id,
        application_id=update.application_id,
        mailbox=_address(update, parcel.facts.scheme, parcel.facts.address),
        author=_author(update),
        service=update.service,
        status=update.status.value,
        created_at=update.created_at,
        service_name=update.service_name,
        details=update.details,
        additional=update.additional,
        reference=update.reference,
    )


def notice_data(
    notice: Notice, *, scheme: str | None, address: str, documents: Sequence[Extent]
) -> NoticeData:
    """Return what a plugin is told of a notice; of each document what really lies there."""
    return NoticeData(
        message_id=notice.message_id,
        created_at=notice.created_at,
        author=_author(notice),
        mailbox=_address(notice, scheme, address),
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


def _author(of: Submission) -> AuthorData:
    return AuthorData(
        identifier=of.author.identifier,
        scheme=of.author.scheme,
        category=of.author.category,
        name=of.author.name,
    )


def _address(of: Submission, scheme: str | None, address: str) -> AddressData:
    return AddressData(id=address, scheme=scheme, holder=of.mailbox.holder)


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
