"""Notices to deposit, made to fit what a mailbox says of itself, with documents as in the vault.

Subject, text and file name hold words that may turn up nowhere else (CANARIES).
"""

import hashlib
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from postfach_mailbox import cipher
from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.notice import AddressData, AuthorData, CodeData, DocumentData, NoticeData
from postfach_mailbox.payloads import DepositPayload, Inline, Stored

CANARIES = ("Schnabeltier", "Zitronenfalter", "Ringelnatter")
"""Words in subject, text and file names: no outcome and no receipt may hold them."""
ADDRESS = ("Frau Nachtigall", "Amselweg 1", "19053 Schwerin")
"""Where a relay sends it; no outcome and no receipt may hold it either."""
SEAL = b"<seal/>"
KEY = bytes(range(32))
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice, its documents and the key under which it is deposited."""

    key: str
    notice: NoticeData
    documents: tuple[bytes, ...]

    @property
    def digests(self) -> list[str]:
        """Return the SHA-256 of each document."""
        return [hashlib.sha256(each).hexdigest() for each in self.documents]

    @contextmanager
    def packed(
        self, attempt: int = 1, prepared: bytes | None = None
    ) -> Iterator[tuple[DepositPayload, int]]:
        """Yield what goes to the child, and the open file of ciphertext beside it."""
        with tempfile.TemporaryFile() as file:
            contexts = [b"kit/" + str(number).encode() for number in range(len(self.documents))]
            sources = []
            for context, data in zip(contexts, self.documents, strict=True):
                sources.append(_stored(file.tell(), context, data))
                file.write(cipher.seal(KEY, context, data))
            ready = None
            if prepared is not None:
                ready = _stored(file.tell(), b"kit/prepared", prepared)
                file.write(cipher.seal(KEY, b"kit/prepared", prepared))
            file.flush()
            payload = DepositPayload(
                key=self.key,
                notice=self.notice,
                sources=tuple(sources),
                sealed_notice=_facts("seal", "bescheid-siegel.xml", "application/xml", SEAL),
                sealed_notice_source=Inline(data=SEAL),
                prepared=ready,
                dek=KEY,
                attempt=attempt,
            )
            yield payload, file.fileno()


class Letters:
    """Makes letters to one account that fit a mailbox's capabilities."""

    def __init__(self, capabilities: Capabilities, account: str) -> None:
        self._told, self.account = capabilities, account

    def __call__(
        self, *, to: str | None = None, documents: Sequence[bytes] = (PDF,), key: str | None = None
    ) -> Letter:
        """Make a letter.

        to: another account; key: another letter's, to deposit it again
        documents: the first is the notice itself
        """
        told, media_type = self._told, self._media_type()
        facts = tuple(
            _facts(
                "notice" if number == 0 else "attachment",
                f"{CANARIES[2]}-{number + 1}.pdf",
                media_type,
                data,
                number,
            )
            for number, data in enumerate(documents)
        )
        notice = NoticeData(
            message_id=f"urn:de:xta:messageid:kit:{uuid.uuid4()}",
            created_at=datetime.now(UTC),
            author=AuthorData(identifier="130030000000", scheme="ags", name="Amt"),
            mailbox=AddressData(id=to or self.account, scheme=told.scheme),
            service="urn:de:fim:leika:leistung:99012012001000",
            message_type=CodeData(value="Bescheid"),
            subject=f"{CANARIES[0]} und mehr"[: told.subject_max],
            text=f"{CANARIES[1]} und mehr"[: told.text_max],
            legal_basis=min(told.legal_bases),
            assurance_level="low",
            documents=facts,
            postal_address=ADDRESS if told.relays else (),
        )
        return Letter(key=key or new_key(), notice=notice, documents=tuple(documents))

    def _media_type(self) -> str:
        return (
            "application/pdf" if self._told.takes("application/pdf") else self._told.media_types[0]
        )


def new_key() -> str:
    """Return a key that no deposit had yet: 64 hex characters."""
    return hashlib.sha256(uuid.uuid4().bytes).hexdigest()


def _facts(
    role: str, filename: str, content_type: str, data: bytes, number: int = 0
) -> DocumentData:
    return DocumentData.model_validate(
        {
            "id": f"d{number + 1}",
            "filename": filename,
            "content_type": content_type,
            "size": len(data),
            "role": role,
            "sha256": hashlib.sha256(data).hexdigest(),
            "sha512": hashlib.sha512(data).hexdigest(),
        }
    )


def _stored(offset: int, context: bytes, data: bytes) -> Stored:
    length = cipher.blob_length(len(data))
    return Stored(fd=0, offset=offset, length=length, size=len(data), context=context)
