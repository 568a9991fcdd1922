"""The service itself, over TLS: each switch, each refusal, each answer, and what becomes of it."""

import hashlib
import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from postfach_mailbox import (
    Deferred,
    Delivery,
    DeliveryDocument,
    Deposited,
    Held,
    Outcome,
    Refused,
    StatusUpdate,
    Unknown,
)
from postfach_mailbox.cipher import Damaged
from postfach_mailbox.frames import AnswerValue
from postfach_mailbox.testkit.asked import Asked, InProcess, now, start_frame
from postfach_mailbox.testkit.bench import Bench, find_kit
from postfach_mailbox.testkit.letters import PDF, Letter, Letters
from postfach_mailbox_bundid import Mailbox, kit
from postfach_mailbox_bundid.sandbox import DELETED, HIGH, LOW, UNKNOWN
from postfach_mailbox_bundid.sandbox.upload import EICAR

pytestmark = pytest.mark.slow


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with kit.bench(tmp_path) as made:
        yield made


@pytest.fixture
def far_side(bench: Bench) -> kit.FarSide:
    assert isinstance(bench.far_side, kit.FarSide)
    return bench.far_side


@pytest.fixture
def mailbox(bench: Bench) -> Asked:
    return Asked(InProcess(start_frame(find_kit("bundid"), bench)))


@pytest.fixture
def letter(mailbox: Asked) -> Letters:
    return Letters(mailbox.capabilities, HIGH)


def said(outcome: AnswerValue) -> tuple[str, str, str | None]:
    """Return kind, code and the service's own code of what is no deposit."""
    assert isinstance(outcome, Deferred | Refused | Held | Unknown), outcome
    return outcome.kind, outcome.reason.code, outcome.reason.mailbox_code


def stored(far_side: kit.FarSide, name: str) -> bytes:
    (arrival,) = far_side.service.arrivals.all()
    return far_side.service.arrivals.read(arrival.id, name)


def test_what_was_prepared_arrives_byte_for_byte(
    mailbox: Asked, far_side: kit.FarSide, letter: Letters
) -> None:
    sent = letter(documents=[PDF, b"\r\n--\r\n" * 100_000])
    prepared = mailbox.prepared(sent)
    outcome = mailbox.deposit(sent, prepared=prepared)
    assert isinstance(outcome, Deposited)
    assert stored(far_side, "envelope.json") == prepared
    (arrival,) = far_side.service.arrivals.all()
    assert outcome.reference == arrival.facts["id"]
    assert outcome.provided_at.isoformat(timespec="milliseconds") == arrival.at
    assert outcome.source == "mailbox"
    assert outcome.evidence[0].in_receipt


FAULTS = {
    "busy": ("deferred", "HTTP_429"),
    "error": ("unknown", "HTTP_500"),
    "away": ("unknown", "HTTP_503"),
    "drop-before": ("unknown", "ANSWER_LOST"),
    "drop-after": ("unknown", "ANSWER_LOST"),
    "wrong-type": ("unknown", "ANSWER_UNREADABLE"),
    "closed": ("refused", "RECIPIENT_DELETED"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_outcome(
    mailbox: Asked, far_side: kit.FarSide, letter: Letters, fault: str
) -> None:
    far_side.service.switches.turn(HIGH, fault, 3)
    sent = letter()
    assert said(mailbox.deposit(sent))[:2] == FAULTS[fault]
    there = fault in ("drop-after", "wrong-type")
    assert far_side.deposited == [sent.key] * there


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_clocks_that_are_apart_hold_the_mailbox_and_are_named(
    mailbox: Asked, far_side: kit.FarSide, letter: Letters, seconds: int
) -> None:
    far_side.service.switches.turn("*", "clock-skew", seconds)
    outcome = mailbox.deposit(letter())
    assert said(outcome) == ("held", "HTTP_401", "TOKEN_INVALID")
    assert isinstance(outcome, Held)
    assert "s apart" in outcome.reason.text
    health = mailbox.health()
    assert getattr(health, "status", "") == "down"
    far_side.service.switches.turn("*", "good")
    assert isinstance(mailbox.deposit(letter()), Deposited)


def test_a_clock_that_is_a_little_apart_harms_nothing(
    mailbox: Asked, far_side: kit.FarSide, letter: Letters
) -> None:
    far_side.service.switches.turn("*", "clock-skew", -30)
    assert isinstance(mailbox.deposit(letter()), Deposited)


@pytest.mark.parametrize(
    ("to", "level", "code"),
    [
        (UNKNOWN, "low", "RECIPIENT_UNKNOWN"),
        (DELETED, "low", "RECIPIENT_DELETED"),
        (LOW, "substantial", "TRUST_LEVEL"),
        (LOW, "high", "TRUST_LEVEL"),
    ],
)
def test_an_account_that_cannot_take_it_is_told(
    mailbox: Asked, letter: Letters, to: str, level: str, code: str
) -> None:
    made = letter(to=to)
    changed = made.notice.model_copy(update={"assurance_level": level})
    assert said(mailbox.deposit(replace(made, notice=changed)))[:2] == ("refused", code)


def with_prepared_of(mailbox: Asked, sent: Letter, other: Letter) -> AnswerValue:
    return mailbox.deposit(sent, prepared=mailbox.prepared(other))


OTHERS: dict[str, tuple[list[bytes], list[bytes]]] = {
    "DIGEST_WRONG": ([b"one", b"two"], [b"two", b"one"]),
    "LENGTH_WRONG": ([b"one more"], [b"one"]),
    "ATTACHMENT_MISSING": ([b"one"], [b"one", b"two"]),
    "ATTACHMENT_UNDECLARED": ([b"one", b"two"], [b"one"]),
}


@pytest.mark.parametrize("code", OTHERS)
def test_documents_that_are_not_those_announced_are_refused(
    mailbox: Asked, far_side: kit.FarSide, letter: Letters, code: str
) -> None:
    sent, announced = (letter(documents=each) for each in OTHERS[code])
    outcome = with_prepared_of(mailbox, sent, announced)
    assert said(outcome) == ("refused", "CONTENT_INVALID", code)
    assert far_side.deposited == []


def test_malware_is_named(mailbox: Asked, far_side: kit.FarSide, letter: Letters) -> None:
    outcome = mailbox.deposit(letter(documents=[PDF, EICAR]))
    assert said(outcome) == ("refused", "MALWARE", "MALWARE_FOUND")
    assert far_side.deposited == []


def test_a_document_that_is_damaged_on_the_way_is_deferred(
    bench: Bench, far_side: kit.FarSide, letter: Letters
) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise Damaged("a chunk does not open")
            return super().read(10)

    outcome = deposit_of(bench, letter, lambda: Breaks(b"x" * 1_000_000), 1_000_000)
    assert said(outcome) == ("deferred", "PAYLOAD_DAMAGED", None)
    assert far_side.deposited == []


@pytest.mark.parametrize("length", [2, 4])
def test_a_document_of_another_length_is_not_sent_whole(
    bench: Bench, far_side: kit.FarSide, letter: Letters, length: int
) -> None:
    outcome = deposit_of(bench, letter, partial(io.BytesIO, b"x" * length), 3)
    assert said(outcome)[0] == "deferred"
    assert far_side.deposited == []


def deposit_of(bench: Bench, letter: Letters, opener: Any, size: int) -> Outcome:
    """Deposit one document that is opened so, by the class itself."""
    config = Mailbox.Config.model_validate(dict(bench.config), context={"base": bench.folder})
    mailbox, made = Mailbox(config), letter(documents=[b"x" * size])
    prepared = mailbox.prepare(made.notice, made.key)
    assert isinstance(prepared, bytes)
    (facts,) = made.notice.documents
    document = DeliveryDocument(facts=facts, opener=opener)
    delivery = Delivery(
        key=made.key,
        notice=made.notice,
        documents=(document,),
        sealed_notice=document,
        prepared=prepared,
        attempt=1,
        deadline=now() + 20,
    )
    return mailbox.deposit(delivery, lambda _: None)


def update(application: str, status: str = "PROCESSING", **more: Any) -> StatusUpdate:
    fields: dict[str, Any] = {
        "key": hashlib.sha256(uuid.uuid4().bytes).hexdigest(),
        "message_id": f"urn:de:xta:messageid:test:{uuid.uuid4()}",
        "application_id": application,
        "mailbox": {"id": HIGH},
        "author": {"identifier": "130030000000", "name": "Amt " * 60},
        "service": "urn:de:fim:leika:leistung:99012012001000",
        "status": status,
        "created_at": datetime(2026, 2, 3, 10, 0, 0, 120_000, tzinfo=UTC),
        "service_name": "Bauantrag",
    }
    return StatusUpdate.model_validate(fields | more)


def test_a_state_says_all_that_it_was_given(mailbox: Asked, far_side: kit.FarSide) -> None:
    application = str(uuid.uuid4())
    more = {"details": "eins", "additional": "zwei", "reference": "BA-1"}
    outcome = mailbox.set_status(update(application.upper(), **more))
    assert isinstance(outcome, Deposited)
    assert json.loads(stored(far_side, "content.json")) == {
        "applicationId": application,
        "status": "PROCESSING",
        "publicServiceName": {"de": "Bauantrag"},
        "senderName": ("Amt " * 60)[:100],
        "statusDetails": {"de": "eins"},
        "additionalInformation": {"de": "zwei"},
        "reference": "BA-1",
        "createdDate": "2026-02-03T10:00:00.120Z",
    }


def test_a_state_that_goes_backwards_is_refused(mailbox: Asked, far_side: kit.FarSide) -> None:
    application = str(uuid.uuid4())
    assert isinstance(mailbox.set_status(update(application, "COMPLETED")), Deposited)
    outcome = mailbox.set_status(update(application, "RECEIVED"))
    assert said(outcome) == ("refused", "OTHER", "STATE_BACKWARDS")
    assert far_side.statuses == ["COMPLETED"]


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"closed"}))
def test_each_fault_means_the_same_to_a_state(
    mailbox: Asked, far_side: kit.FarSide, fault: str
) -> None:
    application = str(uuid.uuid4())
    far_side.service.switches.turn(application, fault, 3)
    assert said(mailbox.set_status(update(application)))[:2] == FAULTS[fault]


@pytest.mark.parametrize("field", ["details", "additional", "reference", "service_name"])
def test_a_state_that_says_too_much_is_refused_before_it_is_sent(
    mailbox: Asked, far_side: kit.FarSide, field: str
) -> None:
    far_side.down()
    outcome = mailbox.set_status(update(str(uuid.uuid4()), **{field: "x" * 101}))
    assert said(outcome)[:2] == ("refused", "CONTENT_INVALID")
