"""The mailbox and a FIT-Connect that is played: what is sent, and what each end means."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from postfach_fitconnect import service as services
from postfach_fitconnect.api import Api
from postfach_fitconnect.assumed import DATA_BYTES_MAX, EVENT_PROBLEM, EventType, Problem
from postfach_fitconnect.testkit import DESTINATION, SCHEMA, SERVICE, URL, Far, Keys, problem
from postfach_http import Lost
from postfach_mailbox import (
    Absent,
    AddressData,
    Deferred,
    Delivery,
    Deposited,
    Pending,
    Refused,
    Unknown,
)
from postfach_mailbox_fitconnect.mailbox import Mailbox

pytestmark = pytest.mark.slow

Make = Callable[..., Delivery]
TO = {"mailbox": AddressData(id=DESTINATION), "service": SERVICE}


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys.new()


@pytest.fixture
def far(keys: Keys) -> Far:
    return Far(keys)


@pytest.fixture
def mailbox(far: Far, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setattr(services, "Api", lambda given: Api(given, far))
    given = {**settings, "submission_url": URL, "schema_uri": SCHEMA}
    return Mailbox(Mailbox.Config.model_validate(given))


class Kept(list[str]):
    """References that were kept, and how much had been uploaded by then."""

    def __init__(self, far: Far) -> None:
        super().__init__()
        self.far, self.calls = far, 0

    def __call__(self, reference: str) -> None:
        self.append(reference)
        self.calls = len([each for each in self.far.calls if each.startswith("PUT")])


@pytest.mark.slow
def test_the_id_is_kept_before_the_first_upload(mailbox: Mailbox, far: Far, make: Make) -> None:
    kept = Kept(far)
    answer = mailbox.deposit(make(documents=[b"1", b"22"], **TO), kept)
    assert isinstance(answer, Pending)
    assert (kept, kept.calls) == ([answer.reference], 0)
    assert answer.reference.startswith(far.only.id)
    assert len(far.only.uploaded) == 3  # and the seal
    assert far.only.submitted is not None


def test_only_the_destinations_word_is_a_deposit(mailbox: Mailbox, far: Far, make: Make) -> None:
    begun = time.time()
    answer = mailbox.deposit(make(**TO), Kept(far))
    assert isinstance(answer, Pending)
    assert isinstance(mailbox.reconcile("key", answer.reference), Pending)
    token = far.tell(far.only, EventType.ACCEPT, "destination")
    found = mailbox.reconcile("key", answer.reference)
    assert isinstance(found, Deposited)
    assert begun - 2 <= found.provided_at.timestamp() <= time.time() + 2
    assert found.source == "mailbox"
    assert found.reference == answer.reference
    assert token.encode() in [each.data for each in found.evidence]


def test_a_reject_is_a_refusal_with_its_problems(mailbox: Mailbox, far: Far, make: Make) -> None:
    answer = mailbox.deposit(make(**TO), Kept(far))
    assert isinstance(answer, Pending)
    said = {"type": f"{EVENT_PROBLEM}malware", "title": "Malware", "detail": "canary"}
    far.tell(far.only, EventType.REJECT, "destination", problems=[said])
    found = mailbox.reconcile("key", answer.reference)
    assert isinstance(found, Refused)
    assert found.reason.code == "MALWARE"
    assert "Malware" in found.reason.text
    assert "canary" not in found.reason.text


def test_a_lost_answer_is_found_by_asking(mailbox: Mailbox, far: Far, make: Make) -> None:
    def lose() -> Any:
        raise Lost("no answer")

    kept = Kept(far)
    # The PUT that submits is the one without a path below the submission: it comes last.
    far.after("PUT /v2/submissions", lambda: problem(Problem.BROKEN))
    assert isinstance(mailbox.deposit(make(**TO), kept), Deferred)  # an upload failed
    assert isinstance(mailbox.reconcile("key", kept[-1]), Absent)
    _lose_the_last(far, lose)
    assert isinstance(mailbox.deposit(make(**TO), kept), Unknown)
    assert isinstance(mailbox.reconcile("key", kept[-1]), Pending)
    assert isinstance(mailbox.reconcile("key", None), Absent)


def _lose_the_last(far: Far, then: Callable[[], Any]) -> None:
    """Lose the answer to the request that submits; its path is not known before."""
    ask = far.ask

    def losing(method: str, path: str, **rest: Any) -> Any:
        found = ask(method, path, **rest)
        if method == "PUT" and "/attachments/" not in path:
            return then()
        return found

    far.ask = losing  # type: ignore[method-assign]  # the played one does as it is told


def test_a_destination_that_is_none_is_refused(mailbox: Mailbox, far: Far, make: Make) -> None:
    far.before("GET /v2/destinations", lambda: problem(Problem.DESTINATION_UNKNOWN))
    answer = mailbox.deposit(make(**TO), Kept(far))
    assert isinstance(answer, Refused)
    assert answer.reason.code == "RECIPIENT_UNKNOWN"
    far.before("GET /v2/destinations", lambda: problem(Problem.DESTINATION_GONE))
    answer = mailbox.deposit(make(**TO), Kept(far))
    assert isinstance(answer, Refused)
    assert answer.reason.code == "RECIPIENT_DELETED"


def test_data_that_are_too_large_are_refused_and_nothing_is_asked(
    mailbox: Mailbox, far: Far, make: Make
) -> None:
    """Control characters grow to six bytes each as they are written."""
    text = "\u0001" * (DATA_BYTES_MAX // 6)
    outcome = mailbox.deposit(make(text=text, **TO), Kept(far))
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "TOO_LARGE"
    assert not far.calls
    assert len(text) < (mailbox.capabilities().text_max or 0)


def test_all_that_intake_lets_through_is_taken(mailbox: Mailbox, far: Far, make: Make) -> None:
    documents = [str(number).encode() for number in range(mailbox.capabilities().max_count)]
    assert isinstance(mailbox.deposit(make(documents=documents, **TO), Kept(far)), Pending)
    assert len(far.only.uploaded) == 100


def test_the_data_are_not_to_be_read_on_the_way(mailbox: Mailbox, far: Far, make: Make) -> None:
    mailbox.deposit(make(documents=[b"Canary-D"], subject="Canary-S", **TO), Kept(far))
    assert far.only.submitted is not None
    sent = json.dumps(far.only.submitted).encode() + b"".join(far.bodies)
    assert b"Canary" not in sent
