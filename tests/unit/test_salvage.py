"""What is read of a lost hub's receipts: those that our own key sealed, and no others."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import receipt, salvage, seal, starter
from hub.config import Config, load
from hub.journal.remains import Found
from hub.receipt import MailboxEvidence, Outcome, Receipt
from hub.seal import Seal

AT = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
MESSAGE_ID = "urn:de:xta:messageid:bauamt:00000000-0000-4000-8000-000000000001"
RECEIPT_ID = "0f0e0d0c-0b0a-4009-8807-060504030201"
Hub = tuple[Config, Seal]


def make(folder: Path) -> Hub:
    config = load(starter.init(folder, AT).config, {})
    return config, seal.load(config.seal.key, config.seal.password_file, config.folder)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return make(tmp_path / "hub")


def sealed(by: Seal) -> bytes:
    answer = MailboxEvidence(name="answer", media_type="text/plain", data=b"yes")
    made = Receipt(
        receipt_id=RECEIPT_ID,
        outcome=Outcome.DEPOSITED,
        issued_at=AT,
        issuer="hub.example.mv",
        log_id="5e0d3e8e-3c1f-4d0e-9a51-3f8c1f1f0a11",
        log_digest="a" * 64,
        message_id=MESSAGE_ID,
        accepted_at=AT,
        deposited_at=AT,
        deposited_source="mailbox",
        evidence=(answer,),
    )
    return by.sign(receipt.render(made), AT)


def lying(config: Config) -> Path:
    return config.folder_of("rostock", "bauamt") / "out"


def found(hub: Hub) -> list[Found]:
    return list(salvage.receipts(*hub, lambda _receipt_id: False))


def test_a_receipt_of_ours_is_read_with_its_name(hub: Hub) -> None:
    (lying(hub[0]) / "one.x.102.deposited.xml").write_bytes(sealed(hub[1]))
    (one,) = found(hub)
    assert (one.stem, one.nn, one.suffix) == ("one.x", 102, "deposited")
    assert (one.tenant, one.procedure, one.outcome) == ("rostock", "bauamt", "DEPOSITED")
    assert (one.message_id, one.log_entry) == (MESSAGE_ID, "a" * 64)
    assert one.accepted_at == AT.replace(microsecond=123000)
    assert one.data == sealed_bytes(hub)


def sealed_bytes(hub: Hub) -> bytes:
    return (lying(hub[0]) / "one.x.102.deposited.xml").read_bytes()


def test_a_receipt_that_is_known_is_no_find(hub: Hub) -> None:
    (lying(hub[0]) / "one.02.deposited.xml").write_bytes(sealed(hub[1]))
    assert list(salvage.receipts(*hub, lambda receipt_id: receipt_id == RECEIPT_ID)) == []


def test_another_hubs_seal_over_the_same_words_counts_for_nothing(hub: Hub, tmp_path: Path) -> None:
    _, stranger = make(tmp_path / "stranger")
    (lying(hub[0]) / "one.02.deposited.xml").write_bytes(sealed(stranger))
    assert found(hub) == []


def test_our_key_beside_anothers_words_counts_for_nothing(hub: Hub) -> None:
    changed = sealed(hub[1]).replace(b"DEPOSITED", b"FAILED")
    (lying(hub[0]) / "one.02.failed.xml").write_bytes(changed)
    assert found(hub) == []


@pytest.mark.parametrize(
    "put",
    [
        lambda path, _data: path.write_bytes(b"<Receipt/>"),
        lambda path, _data: path.write_bytes(b"not XML"),
        lambda path, _data: path.mkdir(),
        lambda path, _data: os.mkfifo(path),
        lambda path, data: (path.with_name("aside").write_bytes(data), path.symlink_to("aside")),
        lambda path, data: path.with_name("one.deposited.xml").write_bytes(data),
        lambda path, data: path.with_name("one.2.reply.xml").write_bytes(data),
    ],
    ids=["no receipt", "no XML", "folder", "pipe", "link", "no number", "reply"],
)
def test_what_is_no_receipt_is_passed_over(hub: Hub, put: Callable[[Path, bytes], object]) -> None:
    put(lying(hub[0]) / "one.02.deposited.xml", sealed(hub[1]))
    assert found(hub) == []


def test_a_folder_that_is_gone_holds_nothing(hub: Hub) -> None:
    shutil.rmtree(lying(hub[0]))
    assert found(hub) == []
