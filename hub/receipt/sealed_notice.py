"""Writes the sealed notice: what the hub vouches for in a mailbox, as canonical XML."""

from datetime import datetime
from typing import Final

from lxml import etree

from hub.model import SHA256, Author, Notice
from hub.receipt.elements import (
    add,
    add_documents,
    add_mailbox,
    canonical,
    in_base64,
    in_utc,
    new_root,
)
from hub.receipt.values import DocumentDigest

MOST_ENVELOPE: Final = 64 * 1024  # bytes of an envelope inside a sealed notice


def render_sealed_notice(
    notice: Notice,
    *,
    envelope: bytes | None,
    envelope_sha256: str,
    documents: tuple[DocumentDigest, ...],
    accepted_at: datetime,
    issuer: str,
) -> bytes:
    """Return the SealedNotice of a notice as canonical XML, without its seal.

    envelope: the bytes as read; left out above 64 KiB, where the digest alone stands for them
    documents: one per document of the notice, in its order
    Raises ValueError where they do not belong to the notice's documents.
    """
    root = new_root("SealedNotice")
    add(root, "EnvelopeDigest", envelope_sha256, method=SHA256)
    if envelope is not None and len(envelope) <= MOST_ENVELOPE:
        add(root, "Envelope", in_base64(envelope))
    add(root, "MessageID", notice.message_id)
    _add_author(root, notice.author)
    add_mailbox(root, notice.mailbox)
    add(root, "Subject", notice.subject)
    add(root, "LegalBasis", notice.legal_basis.value)
    if [one.id for one in documents] != [one.id for one in notice.documents]:
        raise ValueError("digests of other documents than the notice's")
    add_documents(root, "Document", documents, [one.filename for one in notice.documents])
    add(root, "AcceptedAt", in_utc(accepted_at))
    add(root, "Issuer", issuer)
    return canonical(root)


def _add_author(root: etree._Element, author: Author) -> None:
    add(
        root,
        "Author",
        author.identifier,
        identifierScheme=author.scheme,
        category=author.category,
        name=author.name,
    )
