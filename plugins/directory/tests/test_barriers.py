"""What is confirmed is on the disk: also what an earlier call left, and each state."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postfach_mailbox import AddressData, AuthorData, Delivery, Deposited, StatusUpdate
from postfach_mailbox_directory import DirectoryMailbox

Deliver = Callable[..., Delivery]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Give the paths of what is synced from here on, as they are called then."""
    found, fsync = list[Path](), os.fsync

    def watched(fd: int) -> None:
        found.append(Path(f"/proc/self/fd/{fd}").readlink())
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watched)
    return found


def test_a_letter_that_is_there_is_made_durable_before_it_is_confirmed(
    root: Path, mailbox: DirectoryMailbox, delivery: Deliver, synced: list[Path]
) -> None:
    mailbox.deposit(delivery())
    synced.clear()
    assert isinstance(mailbox.deposit(delivery()), Deposited)
    assert synced == [root / "anna"]


def test_a_state_is_durable_with_its_name_before_it_is_confirmed(
    root: Path, mailbox: DirectoryMailbox, synced: list[Path]
) -> None:
    update = StatusUpdate(
        key="a" * 64,
        message_id="urn:1",
        application_id="0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05",
        mailbox=AddressData(id="anna"),
        author=AuthorData(identifier="1"),
        service="urn:x",
        status="RECEIVED",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    folder = root / "anna" / "statuses" / update.application_id
    for times in (1, 2):
        assert isinstance(mailbox.set_status(update), Deposited)
        assert synced.count(folder) == times
    assert [path for path in synced if path.parent == root / ".incoming"]
