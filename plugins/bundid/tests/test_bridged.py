"""Through FIT-Connect: both sandboxes over TLS, each fault, each answer, and what becomes of it."""

import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postfach_fitconnect.sandbox import BRIDGE, State
from postfach_fitconnect.sandbox.switching import Spoil, Step
from postfach_mailbox import (
    Absent,
    Deferred,
    Deposited,
    Held,
    Pending,
    Refused,
    Repeat,
    StatusUpdate,
    Unknown,
)
from postfach_mailbox.frames import AnswerValue
from postfach_mailbox.testkit.asked import Asked, InProcess, start_frame
from postfach_mailbox.testkit.bench import find_kit
from postfach_mailbox.testkit.letters import PDF, Letter, Letters
from postfach_mailbox_bundid import answers, bridged, kit, kit_bridged
from postfach_mailbox_bundid.assumed import Code
from postfach_mailbox_bundid.sandbox import HIGH, LOW, UNKNOWN, Refusal, bridging
from postfach_sandbox import ca

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A mailbox, FIT-Connect, and the mailboxes behind its bridge."""

    folder: Path
    far_side: kit_bridged.FarSide
    mailbox: Asked
    letter: Letters

    @property
    def keys(self) -> list[str]:
        """The keys of all messages in mailboxes, in their order."""
        records = {each.id: each for each in self.far_side.platform.records.all()}
        found = self.far_side.service.arrivals.all()
        return [records[each.facts["submission"]].request or "" for each in found]

    def ask(self, sent: Letter) -> AnswerValue:
        return self.mailbox.reconcile(sent.key, self.mailbox.kept[-1])

    def turn(self, account: str, do: str, *, once: bool = False) -> None:
        self.far_side.platform.switches.turn(account, do, once=once)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with kit_bridged.bench(tmp_path) as bench:
        far_side = bench.far_side
        assert isinstance(far_side, kit_bridged.FarSide)
        far_side.platform.destinations[BRIDGE] = bridging.bridge(far_side.service)
        used = replace(find_kit("bundid"), bench=kit_bridged.bench)
        mailbox = Asked(InProcess(start_frame(used, bench)))
        yield World(
            folder=tmp_path,
            far_side=far_side,
            mailbox=mailbox,
            letter=Letters(mailbox.capabilities, HIGH),
        )


def test_what_was_prepared_arrives_byte_for_byte(world: World) -> None:
    sent = world.letter(documents=[PDF, b"\r\n--\r\n" * 50_000])
    prepared = json.loads(world.mailbox.prepared(sent))
    begun = datetime.now(UTC)
    outcome = world.mailbox.deposit(sent, prepared=json.dumps(prepared).encode())
    assert isinstance(outcome, Deposited)
    assert outcome.source == "mailbox"
    assert abs((outcome.provided_at - begun).total_seconds()) < 30
    assert [each.name for each in outcome.evidence if each.in_receipt] == [
        "01-accept-submission.jwt"
    ]
    (arrival,) = world.far_side.service.arrivals.all()
    read = world.far_side.service.arrivals.read
    assert read(arrival.id, "content.json").decode() == prepared["content"]
    assert json.loads(read(arrival.id, "envelope.json"))["sha512sum"] == prepared["sha512sum"]
    assert [read(arrival.id, f"file-0{n}") for n in (1, 2)] == list(sent.documents)
    assert outcome.reference.split("/")[0] == arrival.facts["submission"]


def test_it_is_asked_by_its_submission(world: World) -> None:
    told = world.mailbox.capabilities
    assert (told.repeat, told.confirms, told.status) == (Repeat.QUERYABLE, "later", True)


@pytest.mark.parametrize("fault", ["busy", "error", "away", "drop-before"])
def test_a_service_that_does_not_answer_the_bridge_is_waited_for(world: World, fault: str) -> None:
    world.far_side.service.switches.turn(HIGH, fault, 3)
    sent = world.letter()
    assert isinstance(world.mailbox.deposit(sent), Pending)
    assert isinstance(world.ask(sent), Pending)
    assert world.keys == []
    world.far_side.service.switches.turn("*", "good")
    assert isinstance(world.ask(sent), Deposited)
    assert world.keys == [sent.key]


@pytest.mark.parametrize("fault", ["drop-after", "wrong-type"])
def test_what_the_service_stored_is_not_stored_again_by_the_bridge(
    world: World, fault: str
) -> None:
    world.far_side.service.switches.turn(HIGH, fault)
    sent = world.letter()
    assert isinstance(world.mailbox.deposit(sent), Deposited)  # the bridge asked twice
    assert world.keys == [sent.key]


STEPS = ("token", "destination", "key", "create", "attachment", "submit", "events")
FAULTS = ("busy", "error", "away", "drop-before", "drop-after", "wrong-type")


@pytest.mark.parametrize(("step", "fault"), list(itertools.product(STEPS, FAULTS)))
def test_whatever_fails_once_at_fit_connect_it_arrives_once(
    world: World, step: str, fault: str
) -> None:
    world.turn(step, fault, once=True)
    sent = world.letter()
    answer = world.mailbox.deposit(sent)
    for _ in range(3):  # as the hub does: asks in doubt, sends what is surely not there
        if isinstance(answer, Deposited):
            break
        assert isinstance(answer, Pending | Unknown | Deferred | Absent | Held), answer
        in_doubt = isinstance(answer, Pending | Unknown)
        answer = world.ask(sent) if in_doubt else world.mailbox.deposit(sent)
    assert isinstance(answer, Deposited), answer
    assert world.keys == [sent.key]


@pytest.mark.parametrize("spoil", [each for each in Spoil if each is not Spoil.TAGS])
def test_an_accept_that_is_not_wholly_right_is_none(world: World, spoil: Spoil) -> None:
    world.turn(BRIDGE, spoil)
    sent = world.letter()
    answer = world.mailbox.deposit(sent)
    assert isinstance(answer, Pending | Unknown), answer
    assert isinstance(world.ask(sent), Pending | Unknown)
    (record,) = world.far_side.platform.in_state(State.ACCEPTED)
    world.far_side.platform.decider.accept(record.id)  # a right one beside it
    found = world.ask(sent)
    assert isinstance(found, Deposited)
    assert found.warnings
    assert world.keys == [sent.key]


def test_an_accept_of_other_bytes_is_none(world: World) -> None:
    """Which bytes were sent is known to the call that sent them, to no later one."""
    world.turn(BRIDGE, Spoil.TAGS)
    assert isinstance(world.mailbox.deposit(world.letter()), Pending)


REFUSALS = {
    UNKNOWN: ("RECIPIENT_UNKNOWN", "mailbox-unknown"),
    LOW: ("TRUST_LEVEL", "trust-level-too-low"),
}


@pytest.mark.parametrize("account", REFUSALS)
def test_the_services_refusal_is_the_notices(world: World, account: str) -> None:
    sent = world.letter(to=account)
    sent = replace(sent, notice=sent.notice.model_copy(update={"assurance_level": "high"}))
    answer = world.mailbox.deposit(sent)
    assert isinstance(answer, Refused)
    assert (answer.reason.code, answer.reason.mailbox_code) == REFUSALS[account]
    assert isinstance(world.ask(sent), Refused)  # and stays so
    assert world.keys == []


@pytest.mark.parametrize("code", [*answers.REFUSALS, *answers.OURS])
def test_each_refusal_of_the_service_means_what_it_means_directly(
    world: World, code: Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise Refusal(code, "as the test says")

    monkeypatch.setattr(world.far_side.service, "receive", refuse)
    world.far_side.platform.destinations[BRIDGE] = bridging.bridge(world.far_side.service)
    answer = world.mailbox.deposit(world.letter())
    if code in answers.OURS:
        assert isinstance(answer, Held), answer
    else:
        assert isinstance(answer, Refused), answer
        assert answer.reason.code == answers.REFUSALS[code]


def submissions(world: World) -> int:
    return len(world.far_side.platform.records.all())


def test_a_reject_that_is_our_fault_holds_the_mailbox(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = world.far_side.service.senders
    world.far_side.wrong_credentials()
    answer = world.mailbox.deposit(world.letter())
    assert isinstance(answer, Held)
    assert (answer.reason.code, answer.reason.mailbox_code) == ("REJECTED", "certificate-refused")
    assert getattr(world.mailbox.health(), "status", "") == "down"
    assert isinstance(world.mailbox.deposit(world.letter()), Held)
    assert submissions(world) == 1  # nothing more was sent
    world.far_side.service.senders = known
    assert isinstance(world.mailbox.deposit(world.letter()), Held)
    monkeypatch.setattr(bridged, "PAUSE", 0.0)
    assert getattr(world.mailbox.health(), "status", "") == "up"
    assert isinstance(world.mailbox.deposit(world.letter()), Deposited)


def test_another_certificate_is_tried_at_once(world: World) -> None:
    known = world.far_side.service.senders
    world.far_side.wrong_credentials()
    assert isinstance(world.mailbox.deposit(world.letter()), Held)
    world.far_side.service.senders = known
    renewed = kit.certificates().authority.client(kit.SENDER, bits=2048)
    ca.write_client(world.folder / "certificates", kit.SENDER, renewed)
    assert getattr(world.mailbox.health(), "status", "") == "up"
    assert isinstance(world.mailbox.deposit(world.letter()), Deposited)


def test_a_reject_that_is_our_fault_and_learnt_later_ends_the_doubt(world: World) -> None:
    world.turn(BRIDGE, "by-hand")
    sent = world.letter()
    assert isinstance(world.mailbox.deposit(sent), Pending)
    world.far_side.wrong_credentials()
    world.far_side.platform.decider.accept(world.mailbox.kept[-1].partition("/")[0])
    assert isinstance(world.ask(sent), Absent)
    assert isinstance(world.mailbox.deposit(sent), Held)
    assert world.keys == []


def update(world: World, status: str, application: str) -> StatusUpdate:
    made = world.letter()
    return StatusUpdate.model_validate(
        {
            "key": made.key,
            "message_id": made.notice.message_id,
            "application_id": application,
            "mailbox": made.notice.mailbox,
            "author": made.notice.author,
            "service": made.notice.service,
            "status": status,
            "created_at": made.notice.created_at,
        }
    )


def test_states_are_shown_in_their_order_and_do_not_go_back(world: World) -> None:
    application = str(uuid.uuid4())
    for status in ("PROCESSING", "COMPLETED"):
        assert isinstance(world.mailbox.set_status(update(world, status, application)), Deposited)
    answer = world.mailbox.set_status(update(world, "RECEIVED", application))
    assert isinstance(answer, Refused)
    assert (answer.reason.code, answer.reason.mailbox_code) == ("OTHER", "state-backwards")
    assert world.far_side.statuses == ["PROCESSING", "COMPLETED"]


def test_a_state_whose_answer_is_lost_is_asked_for(world: World) -> None:
    world.turn(Step.SUBMIT, "drop-after", once=True)
    told = update(world, "PROCESSING", str(uuid.uuid4()))
    assert isinstance(world.mailbox.set_status(told), Unknown)
    assert isinstance(world.mailbox.reconcile(told.key, world.mailbox.kept[-1]), Deposited)
    assert world.far_side.statuses == ["PROCESSING"]


def test_a_state_that_was_never_submitted_is_absent(world: World) -> None:
    world.turn(Step.SUBMIT, "drop-before", once=True)
    told = update(world, "PROCESSING", str(uuid.uuid4()))
    assert isinstance(world.mailbox.set_status(told), Unknown)
    assert isinstance(world.mailbox.reconcile(told.key, world.mailbox.kept[-1]), Absent)
    assert world.far_side.statuses == []
