"""The gateway itself, over TLS: each switch, each refusal, each answer, and what becomes of it."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from postfach_mailbox import (
    Absent,
    Deferred,
    Deposited,
    Held,
    Pending,
    Refused,
    Repeat,
    Unknown,
)
from postfach_mailbox.frames import AnswerValue
from postfach_mailbox.testkit.asked import Asked, InProcess, start_frame
from postfach_mailbox.testkit.bench import find_kit
from postfach_mailbox.testkit.letters import PDF, Letter, Letters
from postfach_mailbox_muk import Mailbox, kit
from postfach_mailbox_muk.assumed import QUIET, Code
from postfach_mailbox_muk.order import Reference, order_id
from postfach_mailbox_muk.sandbox import DELETED, FOREIGN, LOW, SUBSTANTIAL, UNKNOWN, Service
from postfach_mailbox_muk.sandbox.mailboxes import EICAR
from postfach_mailbox_muk.sandbox.service import settle

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A mailbox, and the gateway that decides as it is asked."""

    far_side: kit.FarSide
    mailbox: Asked
    letter: Letters

    @property
    def service(self) -> Service:
        return self.far_side.service

    @property
    def keys(self) -> list[str]:
        """The keys of all messages in mailboxes, in their order."""
        settle(self.service)
        return [each.facts["request"] for each in self.service.mailboxes.arrivals.all()]

    def ask(self, sent: Letter, seconds: int = 0) -> AnswerValue:
        """Ask as if the call had begun so many seconds earlier."""
        known = Reference.read(self.mailbox.kept[-1])
        earlier = replace(known, since=known.since - seconds)
        return self.mailbox.reconcile(sent.key, earlier.text)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(kit, "Office", Service)  # it decides when it is due
    with kit.bench(tmp_path) as bench:
        far_side = bench.far_side
        assert isinstance(far_side, kit.FarSide)
        far_side.service.after = 0.0
        mailbox = Asked(InProcess(start_frame(find_kit("muk"), bench)))
        letter = Letters(mailbox.capabilities, SUBSTANTIAL)
        yield World(far_side=far_side, mailbox=mailbox, letter=letter)


def test_taken_is_pending_and_only_the_mailbox_makes_it_a_deposit(world: World) -> None:
    world.service.after = None
    sent = world.letter(documents=[PDF, b"x" * 300_000])
    answer = world.mailbox.deposit(sent)
    assert isinstance(answer, Pending)
    assert isinstance(world.ask(sent), Pending)
    assert world.keys == []
    world.service.deposit(order_id(sent.key))
    found = world.mailbox.reconcile(sent.key, answer.reference)
    assert isinstance(found, Deposited)
    assert (found.source, found.reference) == ("mailbox", order_id(sent.key))
    assert found.evidence[0].in_receipt
    (arrival,) = world.service.mailboxes.arrivals.all()
    read = world.service.mailboxes.arrivals.read
    assert [read(arrival.id, f"file-0{n}") for n in (1, 2)] == list(sent.documents)
    assert read(arrival.id, "file-03") == b"<seal/>"
    ordered = json.loads(read(arrival.id, "order.json"))
    assert ordered["subject"] == sent.notice.subject
    assert ordered["senderReference"] == sent.key


def test_what_it_promises(world: World) -> None:
    told = world.mailbox.capabilities
    assert (told.repeat, told.confirms, told.assurance_level) == (
        Repeat.QUERYABLE,
        "later",
        "substantial",
    )
    assert told.normal("du-12345678") == "du-12345678"
    assert told.normal("de-12345678") is None


REFUSALS = {
    UNKNOWN: ("RECIPIENT_UNKNOWN", "PSEUDONYM_UNKNOWN"),
    FOREIGN: ("RECIPIENT_UNKNOWN", "PSEUDONYM_FOREIGN"),
    DELETED: ("RECIPIENT_DELETED", "ACCOUNT_DELETED"),
    LOW: ("TRUST_LEVEL", "LEVEL_TOO_LOW"),
}


@pytest.mark.parametrize("account", REFUSALS)
def test_an_order_that_is_refused_later_fails_with_the_mailboxes_reason(
    world: World, account: str
) -> None:
    sent = world.letter(to=account)
    sent = replace(sent, notice=sent.notice.model_copy(update={"assurance_level": "substantial"}))
    assert isinstance(world.mailbox.deposit(sent), Pending)
    for _ in range(2):  # and stays so
        answer = world.ask(sent)
        assert isinstance(answer, Refused)
        assert (answer.reason.code, answer.reason.mailbox_code) == REFUSALS[account]
    assert world.keys == []


def test_malware_is_refused(world: World) -> None:
    sent = world.letter(documents=[b"%PDF-1.4 " + EICAR])
    assert isinstance(world.mailbox.deposit(sent), Pending)
    answer = world.ask(sent)
    assert isinstance(answer, Refused)
    assert answer.reason.code == "MALWARE"


def test_a_reason_that_is_not_known_is_a_refusal_all_the_same(world: World) -> None:
    world.service.after = None
    sent = world.letter()
    world.mailbox.deposit(sent)
    world.service.refuse(order_id(sent.key), "NO_SUCH_REASON")
    answer = world.ask(sent)
    assert isinstance(answer, Refused)
    assert (answer.reason.code, answer.reason.mailbox_code) == ("OTHER", "NO_SUCH_REASON")


STEPS = ("upload", SUBSTANTIAL, "state")
FAULTS = ("busy", "error", "away", "drop-before", "drop-after", "wrong-type")


@pytest.mark.parametrize(("step", "fault"), list(itertools.product(STEPS, FAULTS)))
def test_whatever_fails_once_it_arrives_once(world: World, step: str, fault: str) -> None:
    world.service.switches.turn(step, fault, once=True)
    sent = world.letter()
    answer = world.mailbox.deposit(sent)
    for _ in range(5):  # as the hub does: asks in doubt, sends what is surely not there
        if isinstance(answer, Deposited):
            break
        assert isinstance(answer, Pending | Unknown | Deferred | Absent), answer
        in_doubt = isinstance(answer, Pending | Unknown)
        known = step == "state" and isinstance(answer, Deferred)
        answer = world.ask(sent, QUIET) if in_doubt or known else world.mailbox.deposit(sent)
    assert isinstance(answer, Deposited), answer
    assert world.keys == [sent.key]


def test_an_order_that_may_be_under_way_is_not_absent_yet(world: World) -> None:
    world.service.switches.turn(SUBSTANTIAL, "drop-before", once=True)
    sent = world.letter()
    assert isinstance(world.mailbox.deposit(sent), Unknown)
    answer = world.ask(sent, QUIET - 30)
    assert isinstance(answer, Unknown)
    assert answer.reason.code == "NOT_SETTLED"
    assert isinstance(world.ask(sent, QUIET), Absent)


def test_a_clock_that_is_ahead_makes_nothing_absent(world: World) -> None:
    world.service.switches.turn(SUBSTANTIAL, "drop-before", once=True)
    sent = world.letter()
    assert isinstance(world.mailbox.deposit(sent), Unknown)
    world.service.switches.turn("*", "clock-skew", 86_400)
    assert isinstance(world.ask(sent), Unknown)


def test_an_order_that_the_gateway_took_and_lost_stays_pending(world: World) -> None:
    world.service.switches.turn(SUBSTANTIAL, "forget")
    sent = world.letter()
    answer = world.mailbox.deposit(sent)
    assert isinstance(answer, Pending)
    known = Reference.read(answer.reference)
    old = replace(known, since=known.since - 10 * QUIET)
    assert isinstance(world.mailbox.reconcile(sent.key, old.text), Pending)


def test_the_same_notice_again_is_the_same_order(world: World) -> None:
    sent = world.letter()
    assert isinstance(world.mailbox.deposit(sent), Pending)
    assert isinstance(world.mailbox.deposit(sent), Pending)
    assert isinstance(world.ask(sent), Deposited)
    assert isinstance(world.mailbox.deposit(sent), Pending)
    assert world.keys == [sent.key]


def test_an_upload_that_the_gateway_lost_is_repeated(world: World) -> None:
    found = world.service.uploads.get
    world.service.uploads.get = lambda id_: None  # type: ignore[method-assign]  # it lost all
    answer = world.mailbox.deposit(world.letter())
    assert isinstance(answer, Deferred)
    assert answer.reason.code == Code.FILE_UNKNOWN
    world.service.uploads.get = found  # type: ignore[method-assign]  # and has them again
    assert isinstance(world.mailbox.deposit(world.letter()), Pending)


def test_a_certificate_that_is_not_known_holds_the_mailbox(world: World) -> None:
    world.far_side.wrong_credentials()
    answer = world.mailbox.deposit(world.letter())
    assert isinstance(answer, Held)
    assert "certificate" in answer.reason.text
    assert getattr(world.mailbox.health(), "status", "") == "down"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"subject": "x" * 256}, "Subject"),
        ({"text": "x" * 10_001}, "Text"),
        ({"service": "urn:" + "x" * 256}, "Service"),
        ({"case_reference": "x" * 256}, "CaseReference"),
    ],
)
def test_what_the_gateway_never_takes_is_refused_before_it_is_ordered(
    world: World, change: dict[str, str], named: str
) -> None:
    sent = world.letter()
    sent = replace(sent, notice=sent.notice.model_copy(update=change))
    answer = world.mailbox.deposit(sent)
    assert isinstance(answer, Refused)
    assert answer.reason.text.startswith(named)
    assert "xxx" not in answer.reason.text
    assert world.service.orders.all() == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": "http://canary.example"}, "url"),
        ({"url": "https://canary.example/path"}, "url"),
        ({"no_such": "canary"}, "no_such"),
        ({"text": ""}, "text"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(change: dict[str, str], named: str) -> None:
    config = {"url": "https://gateway.example", "certificate_file": "muk.p12", **change}
    with pytest.raises(ValidationError) as caught:
        Mailbox.Config.model_validate(config)
    assert named in str(caught.value)
    assert "canary" not in str(caught.value)
