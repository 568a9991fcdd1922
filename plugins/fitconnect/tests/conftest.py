"""What the tests share: settings, and notices to deposit."""

import hashlib
import io
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from postfach_mailbox import (
    AddressData,
    AuthorData,
    CodeData,
    Delivery,
    DeliveryDocument,
    DocumentData,
    NoticeData,
)

DESTINATION = "6e1f3a52-0000-4000-8000-00000000d001"
PDF = b"%PDF-1.4 notice"


class Make(Protocol):
    def __call__(self, documents: Sequence[bytes] = (PDF,), **fields: Any) -> Delivery: ...


def _document(number: int, role: str, name: str, data: bytes) -> DeliveryDocument:
    facts = DocumentData.model_validate(
        {
            "id": f"d{number}",
            "filename": name,
            "content_type": "application/xml" if role == "seal" else "application/pdf",
            "size": len(data),
            "role": role,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    )
    return DeliveryDocument(facts=facts, opener=lambda: io.BytesIO(data))


@pytest.fixture
def make() -> Make:
    """Make deliveries; `fields` are those of the notice."""

    def delivery(documents: Sequence[bytes] = (PDF,), **fields: Any) -> Delivery:
        made = tuple(
            _document(number, "attachment" if number > 1 else "notice", f"{number}.pdf", data)
            for number, data in enumerate(documents, 1)
        )
        notice = NoticeData(
            message_id="urn:de:xta:messageid:amt:1",
            created_at=datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC),
            author=AuthorData(identifier="130030000000"),
            mailbox=AddressData(id=DESTINATION),
            service="urn:de:fim:leika:leistung:99012012001000",
            message_type=CodeData(value="Bescheid"),
            subject="Ihr Bescheid",
            legal_basis="NONE",
            assurance_level="low",
            documents=tuple(each.facts for each in made),
        )
        return Delivery(
            key="a" * 64,
            notice=notice.model_copy(update=fields),
            documents=made,
            sealed_notice=_document(0, "seal", "bescheid-siegel.xml", b"<seal/>"),
            prepared=None,
            attempt=1,
            deadline=time.clock_gettime(time.CLOCK_BOOTTIME) + 60,
        )

    return delivery


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Give the settings that must be there."""
    (tmp_path / "secret").write_text("not-a-secret\n")
    return {
        "submission_url": "https://submission.example/api",
        "token_url": "https://token.example/token",
        "client_id": "amt",
        "secret_file": str(tmp_path / "secret"),
    }
