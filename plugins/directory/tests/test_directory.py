"""The mailbox that is a folder, on a real file system: what is taken, refused, and answered."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postfach_mailbox import Deferred, Delivery, DeliveryDocument, Deposited, Refused, Unknown
from postfach_mailbox_directory import DirectoryMailbox

XML = "application/xml"
Deliver = Callable[..., Delivery]
MakeDocument = Callable[..., DeliveryDocument]


def keys(root: Path, account: str = "anna") -> list[str]:
    return sorted(each.name for each in (root / account).iterdir())


def test_a_letter_holds_the_documents_under_their_own_names_and_the_seal(
    mailbox: DirectoryMailbox, root: Path, delivery: Deliver, document: MakeDocument
) -> None:
    given = {"Bescheid Nr. 7 (Änderung).pdf": b"\x00\xff" * 100_000, "anlage.pdf": b""}
    sent = delivery(documents=tuple(document(*each) for each in given.items()))
    outcome = mailbox.deposit(sent)
    assert isinstance(outcome, Deposited)
    folder = root / outcome.reference
    assert folder == root / "anna" / sent.key
    found = {each.name: each.read_bytes() for each in folder.iterdir()}
    assert found.pop(".answer.json") == outcome.evidence[0].data
    assert found.pop("bescheid-siegel.xml") == b"<seal/>"
    assert found == given
    assert list((root / ".incoming").iterdir()) == []


def test_the_answer_says_what_is_stored_and_names_no_file_and_no_subject(
    mailbox: DirectoryMailbox, delivery: Deliver, document: MakeDocument
) -> None:
    before = datetime.now(UTC)
    outcome = mailbox.deposit(delivery(documents=(document("canary.pdf", b"notice"),)))
    assert isinstance(outcome, Deposited)
    answer = json.loads(outcome.evidence[0].data)
    assert answer["documents"][0]["sha256"] == hashlib.sha256(b"notice").hexdigest()
    assert datetime.fromisoformat(answer["provided_at"]) == outcome.provided_at
    assert before <= outcome.provided_at <= datetime.now(UTC)
    assert outcome.source == "hub-clock"
    assert b"canary.pdf" not in outcome.evidence[0].data
    assert b"canary-subject" not in outcome.evidence[0].data


def test_the_same_key_twice_is_one_letter_and_the_first_answer(
    mailbox: DirectoryMailbox, root: Path, delivery: Deliver, document: MakeDocument
) -> None:
    first = mailbox.deposit(delivery())
    (root / "anna" / ".closed").touch()  # even a closed account keeps what it has confirmed
    other = DirectoryMailbox(DirectoryMailbox.Config(path=root))
    assert other.deposit(delivery(documents=(document("other.pdf", b"x"),))) == first
    assert keys(root) == [".closed", delivery().key]


def test_an_account_that_is_not_there_is_unknown(
    mailbox: DirectoryMailbox, delivery: Deliver
) -> None:
    outcome = mailbox.deposit(delivery(account="berta"))
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "RECIPIENT_UNKNOWN"
    assert mailbox.account("berta").status == "unknown"


def test_a_closed_account_is_deleted(
    mailbox: DirectoryMailbox, root: Path, delivery: Deliver
) -> None:
    assert mailbox.account("anna").status == "active"
    (root / "anna" / ".closed").touch()
    outcome = mailbox.deposit(delivery())
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "RECIPIENT_DELETED"
    assert mailbox.account("anna").status == "deleted"


@pytest.mark.parametrize("account", ["..", ".incoming", ".mailbox", "a/b", "../x", "anna/../anna"])
def test_an_account_is_never_a_path(
    mailbox: DirectoryMailbox, account: str, delivery: Deliver
) -> None:
    outcome = mailbox.deposit(delivery(account=account))
    assert isinstance(outcome, Refused)
    assert mailbox.account(account).status == "unknown"


def test_an_account_that_is_a_link_is_not_followed(
    mailbox: DirectoryMailbox,
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    delivery: Deliver,
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (root / "berta").symlink_to(elsewhere)
    assert isinstance(mailbox.deposit(delivery(account="berta")), Deferred)
    assert list(elsewhere.iterdir()) == []


def test_without_its_marker_the_mailbox_is_away_and_nothing_is_written(
    mailbox: DirectoryMailbox, root: Path, delivery: Deliver
) -> None:
    (root / ".mailbox").unlink()
    assert isinstance(mailbox.deposit(delivery()), Deferred)
    assert mailbox.health().status == "down"
    assert [each.name for each in root.rglob("*")] == ["anna"]
    (root / ".mailbox").touch()
    assert isinstance(mailbox.deposit(delivery()), Deposited)
    assert mailbox.health().status == "up"


def test_without_its_root_the_mailbox_is_away(tmp_path: Path, delivery: Deliver) -> None:
    mailbox = DirectoryMailbox(DirectoryMailbox.Config(path=tmp_path / "not-mounted"))
    assert isinstance(mailbox.deposit(delivery()), Deferred)
    with pytest.raises(OSError, match="No such file"):
        mailbox.account("anna")


@pytest.mark.parametrize("name", ["bescheid-siegel.xml", "Bescheid-Siegel.XML"])
def test_a_document_with_the_seals_name_keeps_it(
    mailbox: DirectoryMailbox, root: Path, name: str, delivery: Deliver, document: MakeDocument
) -> None:
    outcome = mailbox.deposit(delivery(documents=(document(name, b"notice", XML),)))
    assert isinstance(outcome, Deposited)
    assert (root / outcome.reference / name).read_bytes() == b"notice"
    assert (root / outcome.reference / "bescheid-siegel-2.xml").read_bytes() == b"<seal/>"


@pytest.mark.parametrize("name", ["../x.pdf", "a/b.pdf", ".hidden.pdf", "..", "", "ä" * 128, "\0"])
def test_a_name_that_is_no_plain_files_is_refused(
    mailbox: DirectoryMailbox, root: Path, name: str, delivery: Deliver, document: MakeDocument
) -> None:
    outcome = mailbox.deposit(delivery(documents=(document(name, b"x"),)))
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "CONTENT_INVALID"
    assert keys(root) == []
    assert list((root / ".incoming").iterdir()) == []


def test_two_documents_with_one_name_are_refused(
    mailbox: DirectoryMailbox, root: Path, delivery: Deliver, document: MakeDocument
) -> None:
    twice = (document("a.pdf", b"1"), document("a.pdf", b"2"))
    assert isinstance(mailbox.deposit(delivery(documents=twice)), Refused)
    assert keys(root) == []


def test_bytes_that_are_not_the_announced_ones_are_not_deposited(
    mailbox: DirectoryMailbox, root: Path, delivery: Deliver, document: MakeDocument
) -> None:
    wrong = document("a.pdf", b"other", sha256=hashlib.sha256(b"announced").hexdigest())
    outcome = mailbox.deposit(delivery(documents=(wrong,)))
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "PAYLOAD_DAMAGED"
    assert keys(root) == []


def test_a_letter_whose_answer_is_gone_is_a_question_for_a_person(
    mailbox: DirectoryMailbox, root: Path, delivery: Deliver
) -> None:
    mailbox.deposit(delivery())
    (root / "anna" / delivery().key / ".answer.json").unlink()
    assert isinstance(mailbox.deposit(delivery()), Unknown)


def test_what_a_dead_child_left_is_swept_after_a_day(
    mailbox: DirectoryMailbox, root: Path, delivery: Deliver
) -> None:
    for name in ("old", "new"):
        (root / ".incoming" / name).mkdir(parents=True)
        (root / ".incoming" / name / "a.pdf").touch()
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(root / ".incoming" / "old", (long_ago, long_ago))
    mailbox.deposit(delivery())
    assert [each.name for each in (root / ".incoming").iterdir()] == ["new"]


def test_no_descriptor_stays_open(mailbox: DirectoryMailbox, delivery: Deliver) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    for number in range(5):
        mailbox.deposit(delivery(str(number)))
        mailbox.deposit(delivery("1", account="berta"))
    assert count() == before
