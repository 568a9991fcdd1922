"""What the tests of this mailbox share: a root with one account, and letters to it."""

import hashlib
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postfach_mailbox import Delivery, DeliveryDocument
from postfach_mailbox.notice import AddressData, AuthorData, CodeData, DocumentData, NoticeData
from postfach_mailbox_directory import DirectoryMailbox

NEVER = time.clock_gettime(time.CLOCK_BOOTTIME) + 86400
PDF, XML = "application/pdf", "application/xml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a mailbox's root with the account `anna`."""
    (tmp_path / ".mailbox").touch()
    (tmp_path / "anna").mkdir()
    return tmp_path


@pytest.fixture
def mailbox(root: Path) -> DirectoryMailbox:
    return DirectoryMailbox(DirectoryMailbox.Config(path=root))


def _document(name: str, data: bytes, kind: str = PDF, **wrong: str) -> DeliveryDocument:
    facts = DocumentData(
        id="d1",
        filename=name,
        content_type=kind,
        size=len(data),
        role="attachment",
        sha256=wrong.get("sha256", hashlib.sha256(data).hexdigest()),
    )
    return DeliveryDocument(facts=facts, opener=lambda: io.BytesIO(data))


def _delivery(
    key: str = "1", account: str = "anna", documents: tuple[DeliveryDocument, ...] | None = None
) -> Delivery:
    letters = (_document("bescheid.pdf", b"notice"),) if documents is None else documents
    notice = NoticeData(
        message_id="urn:de:xta:messageid:a:1",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        author=AuthorData(identifier="1"),
        mailbox=AddressData(id=account),
        service="urn:x",
        message_type=CodeData(value="x"),
        subject="canary-subject",
        legal_basis="OZG9",
        assurance_level="low",
        documents=tuple(each.facts for each in letters),
    )
    return Delivery(
        key=hashlib.sha256(key.encode()).hexdigest(),
        notice=notice,
        documents=letters,
        sealed_notice=_document("bescheid-siegel.xml", b"<seal/>", XML),
        prepared=None,
        attempt=1,
        deadline=NEVER,
    )


@pytest.fixture
def document() -> Callable[..., DeliveryDocument]:
    return _document


@pytest.fixture
def delivery() -> Callable[..., Delivery]:
    return _delivery
