"""States of applications as files: shown once for each key, with the first answer."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from postfach_mailbox import AddressData, AuthorData, Deferred, Deposited, Refused, StatusUpdate
from postfach_mailbox_directory import DirectoryMailbox

APPLICATION = "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"


def update(account: str = "anna", **changes: Any) -> StatusUpdate:
    fields: dict[str, Any] = {
        "key": "a" * 64,
        "message_id": "urn:1",
        "application_id": APPLICATION,
        "mailbox": AddressData(id=account),
        "author": AuthorData(identifier="1"),
        "service": "urn:x",
        "status": "RECEIVED",
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "details": "canary-details",
    }
    return StatusUpdate(**fields | changes)


def files(root: Path) -> list[Path]:
    return sorted((root / "anna" / "statuses").rglob("*.json"))


def test_a_state_is_a_file_and_its_answer_holds_no_text_of_it(
    mailbox: DirectoryMailbox, root: Path
) -> None:
    outcome = mailbox.set_status(update())
    assert isinstance(outcome, Deposited)
    (file,) = files(root)
    assert file.parent.name == APPLICATION
    held = json.loads(file.read_text("utf-8"))
    assert (held["shown"]["status"], held["shown"]["details"]) == ("RECEIVED", "canary-details")
    assert b"canary" not in outcome.evidence[0].data
    assert json.loads(outcome.evidence[0].data)["status"] == "RECEIVED"
    assert list((root / ".incoming").iterdir()) == []


def test_the_same_key_twice_is_shown_once_and_keeps_its_first_answer(
    mailbox: DirectoryMailbox, root: Path
) -> None:
    first = mailbox.set_status(update())
    (root / "anna" / ".closed").touch()  # even a closed account keeps what it has confirmed
    again = DirectoryMailbox(DirectoryMailbox.Config(path=root))
    assert again.set_status(update(status="COMPLETED")) == first
    assert len(files(root)) == 1


@pytest.mark.parametrize(("account", "code"), [("anna", "DELETED"), ("berta", "UNKNOWN")])
def test_an_account_that_is_closed_or_not_there_refuses(
    mailbox: DirectoryMailbox, root: Path, account: str, code: str
) -> None:
    (root / "anna" / ".closed").touch()
    outcome = mailbox.set_status(update(account))
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == f"RECIPIENT_{code}"


def test_without_its_marker_the_mailbox_is_away(mailbox: DirectoryMailbox, root: Path) -> None:
    (root / ".mailbox").unlink()
    assert isinstance(mailbox.set_status(update()), Deferred)
    assert not (root / "anna" / "statuses").exists()


def test_an_answer_that_cannot_be_read_is_in_doubt(mailbox: DirectoryMailbox, root: Path) -> None:
    mailbox.set_status(update())
    files(root)[0].write_text("{")
    assert mailbox.set_status(update()).kind == "unknown"
