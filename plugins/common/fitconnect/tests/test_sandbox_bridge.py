"""Bridge mode: what is submitted is handed to a mailbox service, whose refusal rejects it."""

import functools
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest

from postfach_fitconnect import Data, FitConnect, Parcel, Service
from postfach_fitconnect.assumed import BRIDGE_PROBLEM, EventType
from postfach_fitconnect.sandbox import BRIDGE, Destination, Handed, State
from postfach_fitconnect.sandbox.attempt import SCHEMA, SERVICE
from postfach_fitconnect.sandbox.platform import DESTINATIONS
from postfach_fitconnect.sandbox.trial import Trial, trying
from postfach_mailbox import Deposited, Pending, Refused

pytestmark = pytest.mark.slow


class Code(StrEnum):
    GONE = "MAILBOX_DELETED"
    LEVEL = "TRUST_LEVEL_TOO_LOW"


class Refusal(Exception):
    def __init__(self, code: Code) -> None:
        super().__init__("canary")
        self.code = code


class Office:
    """The mailbox service behind the bridge."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, list[Handed], datetime]] = []
        self.submissions: list[str] = []
        self.failure: Exception | None = None
        self.gate: threading.Event | None = None
        self.entered = threading.Semaphore(0)

    def receive(
        self, envelope: bytes, files: Sequence[Handed], *, submission: str, at: datetime
    ) -> None:
        self.entered.release()
        if self.gate is not None:
            assert self.gate.wait(20)
        if self.failure is not None:
            raise self.failure
        self.submissions.append(submission)
        self.taken.append((envelope, list(files), at))


@pytest.fixture(scope="module")
def office() -> Office:
    return Office()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, office: Office) -> Iterator[Trial]:
    bridge = Destination(
        services={SERVICE: frozenset({SCHEMA})}, forwards={SERVICE: office.receive}
    )
    with trying(tmp_path_factory.mktemp("sandbox"), {**DESTINATIONS, BRIDGE: bridge}) as trial:
        yield trial


@pytest.fixture
def trial(served: Trial, office: Office) -> Iterator[Trial]:
    office.taken.clear()
    office.failure = office.gate = None
    yield served
    served.platform.switches.turn("*", "good")


def test_data_and_files_are_handed_over_byte_for_byte_and_in_order(
    trial: Trial, office: Office
) -> None:
    attempt = trial.attempt(BRIDGE)
    assert attempt.run().status == 202
    ((envelope, files, at),) = office.taken
    assert office.submissions[-1] == attempt.submission
    assert (envelope, files) == (attempt.data, attempt.files)
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=30)
    assert [*attempt.events[-1]["events"]] == [EventType.ACCEPT]


@pytest.mark.parametrize(
    ("code", "slug"),
    [(Code.GONE, "mailbox-deleted"), (Code.LEVEL, "trust-level-too-low")],
)
def test_a_refusal_becomes_a_reject(trial: Trial, office: Office, code: Code, slug: str) -> None:
    office.failure = Refusal(code)
    attempt = trial.attempt(BRIDGE)
    assert attempt.run().status == 202
    (problem,) = attempt.events[-1]["events"][EventType.REJECT]["problems"]
    assert problem["type"] == f"{BRIDGE_PROBLEM}{slug}"
    assert "canary" not in str(problem)
    assert office.taken == []


def test_what_is_wrong_is_not_handed_over(trial: Trial, office: Office) -> None:
    attempt = trial.attempt(BRIDGE)
    attempt.clear["1"] = b"other"
    assert attempt.run().status == 202
    assert [*attempt.events[-1]["events"]] == [EventType.REJECT]
    assert office.taken == []


def test_what_waits_is_not_handed_over_before_its_time(trial: Trial, office: Office) -> None:
    trial.platform.switches.turn(BRIDGE, "accept-late", 1000)
    attempt = trial.attempt(BRIDGE)
    assert attempt.run().status == 202
    assert len(attempt.events) == 2
    assert office.taken == []
    trial.platform.switches.turn(BRIDGE, "clock-skew", 1010)
    assert len(attempt.events) == 3
    submitted = office.taken[0][2]
    assert abs(submitted - datetime.now(UTC)) < timedelta(seconds=30)  # when it was submitted


def test_a_service_that_is_away_is_asked_again(trial: Trial, office: Office) -> None:
    office.failure = ConnectionRefusedError()
    attempt = trial.attempt(BRIDGE)
    assert attempt.run().status == 202
    assert len(attempt.events) == 2  # submitted, and nothing said
    office.failure = None
    assert [*attempt.events[-1]["events"]] == [EventType.ACCEPT]
    assert len(attempt.events) == 3
    assert len(office.taken) == 1


def test_it_is_handed_over_once_when_several_look_at_it(trial: Trial, office: Office) -> None:
    trial.platform.switches.turn(BRIDGE, "accept-late", 1000)
    attempt = trial.attempt(BRIDGE)
    assert attempt.run().status == 202
    while office.entered.acquire(blocking=False):
        pass
    office.gate = threading.Event()
    trial.platform.switches.turn(BRIDGE, "clock-skew", 1010)
    settle = functools.partial(trial.platform.decider.settle, attempt.submission)
    threads = [threading.Thread(target=settle) for _ in range(4)]
    for each in threads:
        each.start()
    assert office.entered.acquire(timeout=20)
    assert not office.entered.acquire(timeout=0.2)  # the others wait
    office.gate.set()
    for each in threads:
        each.join(20)
    assert len(office.taken) == 1
    assert len(attempt.events) == 3


def test_another_failure_is_no_word_of_the_service(trial: Trial, office: Office) -> None:
    office.failure = RuntimeError("canary")
    attempt = trial.attempt(BRIDGE)
    heard = attempt.run()
    assert (heard.status, b"canary" in heard.body) == (500, False)
    record = trial.platform.records.get(attempt.submission)
    assert record is not None
    assert record.state is State.SUBMITTED
    office.failure = None
    assert [*attempt.events[-1]["events"]] == [EventType.ACCEPT]


def test_the_client_learns_it_through_the_bridge(trial: Trial, office: Office) -> None:
    service = Service(FitConnect.model_validate(trial.settings))
    parcel = Parcel(
        destination=BRIDGE, service=SERVICE, data=Data(content=b'{"content":"a"}', schema=SCHEMA)
    )
    kept: list[str] = []
    trial.platform.switches.turn(BRIDGE, "by-hand")
    assert isinstance(service.deposit(parcel, kept.append, lambda: 20.0), Pending)
    office.failure = Refusal(Code.GONE)
    trial.platform.decider.accept(kept[0].partition("/")[0])
    outcome = service.reconcile(kept[0])
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "RECIPIENT_DELETED"
    office.failure = None
    trial.platform.switches.turn("*", "good")
    assert isinstance(service.deposit(parcel, kept.append, lambda: 20.0), Deposited)
    assert [each[0] for each in office.taken] == [b'{"content":"a"}']
