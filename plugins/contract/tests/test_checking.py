"""One call of a check or an observer: what it cannot say it has not said."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from postfach_mailbox import calls, cipher, frames
from postfach_mailbox.checking import Passed
from postfach_mailbox.frames import Call, Operation, Stored
from postfach_mailbox.loading import Loaded
from postfach_mailbox.notice import AddressData, AuthorData, CodeData, DocumentData, NoticeData
from postfach_mailbox.observing import NoticeEvent, Observed
from postfach_mailbox.outcomes import Health, Reason, Unknown

DEK = bytes(range(32))
TEXT = b"what the citizen reads" * 10_000
LATER = time.clock_gettime(time.CLOCK_BOOTTIME) + 86400  # of the run that loads this
AT = datetime(2026, 3, 1, tzinfo=UTC)
NOTICE = NoticeData(
    message_id="m",
    created_at=AT,
    author=AuthorData(identifier="1"),
    mailbox=AddressData(id="abc"),
    service="urn:x",
    message_type=CodeData(value="x"),
    subject="s",
    legal_basis="OZG9",
    assurance_level="low",
    documents=(
        DocumentData(
            id="d1",
            filename="bescheid.pdf",
            content_type="application/pdf",
            size=len(TEXT),
            role="notice",
            sha256=hashlib.sha256(TEXT).hexdigest(),
        ),
    ),
)
BLOB = cipher.seal(DEK, b"n/d1", TEXT)
SOURCE = Stored(fd=0, offset=0, length=len(BLOB), size=len(TEXT), context=b"n/d1")
CHECK = frames.CheckPayload(notice=NOTICE, sources=(SOURCE,), dek=DEK)


def perform(does: Callable[..., object], what: Call, blob: bytes = BLOB) -> Any:
    class Hooks:
        def __getattr__(self, name: str) -> Callable[..., object]:
            return does

    hooks: Any = Hooks()
    nothing: Any = None
    with tempfile.TemporaryFile() as file:
        file.write(blob)
        file.flush()
        loaded = Loaded(hooks, nothing, (Operation.CHECK, Operation.OBSERVE))
        return calls.perform(loaded, what, [file.fileno()], lambda reference: None)


def check_call(deadline: float = LATER) -> Call:
    return Call(id=1, operation=Operation.CHECK, deadline=deadline, payload=CHECK, fds=0)


def test_a_check_reads_documents_as_a_mailbox_does() -> None:
    def does(submission: Any) -> Passed:
        with submission.documents[0].open() as stream:
            assert stream.read() == TEXT
        assert submission.notice.subject == "s"
        left = LATER - time.clock_gettime(time.CLOCK_BOOTTIME)
        assert submission.seconds_left() == pytest.approx(left, abs=60)
        return Passed()

    assert perform(does, check_call()) == Passed()


class Prejudiced(Passed):
    """A subclass may hold anything."""


@pytest.mark.parametrize(
    "answer",
    [None, True, Unknown(reason=Reason(code="X", text="x")), Prejudiced(), Health(status="up")],
)
def test_an_answer_that_is_no_verdict_is_undecided(answer: object) -> None:
    assert perform(lambda submission: answer, check_call()).kind == "undecided"


def test_an_exception_of_a_check_and_damaged_content_are_undecided() -> None:
    def fails(submission: Any) -> Passed:
        raise ValueError("canary-7f3a")

    answer = perform(fails, check_call())
    assert answer.kind == "undecided"
    assert "canary" not in answer.reason.text

    def reads(submission: Any) -> Passed:
        submission.documents[0].open().read()
        return Passed()

    blob = bytearray(BLOB)
    blob[-1] ^= 1
    assert perform(reads, check_call(), bytes(blob)).kind == "undecided"


def test_a_check_that_is_called_too_late_is_not_run_and_is_undecided() -> None:
    ran: list[object] = []
    answer = perform(ran.append, check_call(deadline=0.0))
    assert (answer.kind, ran) == ("undecided", [])


def test_an_observer_gets_events_and_anything_but_observed_is_a_failure() -> None:
    event = NoticeEvent(id=1, event="notice.taken", at=AT, tenant="rostock")
    told = frames.ObservePayload(events=(event,))
    what = Call(id=1, operation=Operation.OBSERVE, deadline=LATER, payload=told, fds=0)
    seen = []

    def does(events: Any) -> Observed:
        seen.extend(events)
        return Observed()

    assert perform(does, what) == Observed()
    assert seen == [event]
    assert perform(lambda events: None, what).kind == "failed"
