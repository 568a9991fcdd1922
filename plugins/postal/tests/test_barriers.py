"""A letter's decision is on the disk before the letter can be taken away."""

import hashlib
import io
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postfach_mailbox import Delivery, DeliveryDocument, Deposited
from postfach_mailbox.notice import AddressData, AuthorData, CodeData, DocumentData, NoticeData
from postfach_mailbox_postal import PostalMailbox

KEY = hashlib.sha256(b"1").hexdigest()
DATA = b"notice"


@pytest.fixture
def delivery() -> Delivery:
    facts = DocumentData(
        id="d1",
        filename="bescheid.pdf",
        content_type="application/pdf",
        size=len(DATA),
        role="notice",
        sha256=hashlib.sha256(DATA).hexdigest(),
    )
    document = DeliveryDocument(facts=facts, opener=lambda: io.BytesIO(DATA))
    notice = NoticeData(
        message_id="urn:de:xta:messageid:a:1",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        author=AuthorData(identifier="1", name="Bauamt"),
        mailbox=AddressData(id="anna"),
        service="urn:x",
        message_type=CodeData(value="x"),
        subject="Ihre Baugenehmigung",
        legal_basis="OZG9",
        assurance_level="low",
        documents=(facts,),
        postal_address=("Frau", "Erika Nachtigall", "Amselweg 1", "18055 Rostock"),
    )
    return Delivery(
        key=KEY,
        notice=notice,
        documents=(document,),
        sealed_notice=document,
        prepared=None,
        attempt=1,
        deadline=time.clock_gettime(time.CLOCK_BOOTTIME) + 86400,
    )


def test_answer_and_letter_are_durable_before_it_can_be_taken(
    relay: PostalMailbox, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, fsync, rename = list[str](), os.fsync, os.rename

    def synced(fd: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{fd}').readlink().name}")
        fsync(fd)

    def renamed(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        steps.append(f"name {new}")
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    assert isinstance(relay.deposit(delivery), Deposited)
    order = [f"sync {KEY}", f"sync .{KEY}.new", f"name {KEY}.json", "sync .handed", f"name {KEY}"]
    assert [step for step in steps if step in order] == order
    assert steps[-2:] == ["sync jobs", "sync .making"]
