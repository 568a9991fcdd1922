"""Submitting: what each failure means to the notice."""

from collections.abc import Callable
from typing import Any

import pytest

from postfach_fitconnect import Reference, Service
from postfach_fitconnect.assumed import Problem
from postfach_fitconnect.testkit import (
    DESTINATION,
    SERVICE,
    Far,
    answer,
    problem,
)
from postfach_fitconnect.testkit.parcels import (
    deposit,
    giving,
    parcel,
    raising,
)
from postfach_http import Answer, Lost, NotConnected, NotTrusted
from postfach_mailbox import Deferred, Held, Pending, Refused

BEFORE = {
    "destination": "GET /v2/destinations/",
    "key": f"GET /v2/destinations/{DESTINATION}/keys",
    "create": "POST /v2/submissions",
    "upload": "PUT /v2/submissions/",
}
FAILURES: dict[str, tuple[Callable[[], Answer], str]] = {
    "lost": (raising(Lost("x")), "deferred"),
    "away": (raising(NotConnected("x")), "deferred"),
    "untrusted": (raising(NotTrusted("x")), "held"),
    "403": (giving(answer(403)), "held"),
    "408": (giving(answer(408)), "deferred"),
    "429": (giving(answer(429, **{"retry-after": "7"})), "deferred"),
    "500": (giving(answer(500)), "deferred"),
    "503": (giving(problem(Problem.AWAY)), "deferred"),
    "404 of anybody": (giving(answer(404)), "held"),
    "redirect": (giving(answer(302)), "held"),
    "418": (giving(answer(418)), "deferred"),
}


@pytest.mark.parametrize("when", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("step", BEFORE)
def test_what_fails_before_submitting_is_surely_not_deposited(
    service: Service, far: Far, step: str, failure: str, when: bool
) -> None:
    play, kind = FAILURES[failure]
    (far.after if when else far.before)(BEFORE[step], play)
    outcome, _ = deposit(service)
    assert outcome.kind == kind
    assert not [each for each in far.submissions.values() if each.submitted]
    if failure == "429":
        assert isinstance(outcome, Deferred)
        assert outcome.not_before is not None
        assert outcome.not_before.total_seconds() == 7
    again, kept = deposit(service)
    assert isinstance(again, Pending)
    (submitted,) = [each for each in far.submissions.values() if each.submitted]
    assert Reference.read(kept[-1]).submission == submitted.id


SUBMIT: dict[str, tuple[Callable[[], Answer], str]] = {
    "lost": (raising(Lost("x")), "unknown"),
    "500": (giving(answer(500)), "unknown"),
    "503": (giving(problem(Problem.AWAY)), "unknown"),
    "404 of anybody": (giving(answer(404)), "unknown"),
    "400 of anybody": (giving(answer(400)), "unknown"),
    "302": (giving(answer(302)), "unknown"),
    "409": (giving(problem(Problem.SUBMISSION_SUBMITTED)), "unknown"),
    "cut": (giving(Answer(status=202, headers={}, body=b"", sent=False)), "unknown"),
    "problem with another status": (giving(problem(Problem.TOO_LARGE, 400)), "unknown"),
}


@pytest.mark.parametrize("when", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", SUBMIT)
def test_what_may_have_been_submitted_is_unknown(
    service: Service, far: Far, failure: str, when: bool
) -> None:
    play, kind = SUBMIT[failure]
    (far.after if when else far.before)("PUT /v2/submissions/", play)
    outcome, kept = deposit(service, parcel())
    assert outcome.kind == kind
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (raising(NotConnected("x")), "deferred"),
        (raising(NotTrusted("x")), "held"),
        (giving(answer(429)), "deferred"),
        (giving(answer(403)), "held"),
        (giving(Answer(status=503, headers={}, body=b"", sent=False)), "deferred"),
        (giving(problem(Problem.SUBMISSION_UNKNOWN)), "deferred"),
        (giving(problem(Problem.REQUEST_INVALID)), "refused"),
        (giving(problem(Problem.TOO_LARGE)), "refused"),
    ],
    ids=["away", "untrusted", "429", "403", "503 half way", "gone", "invalid", "large"],
)
def test_what_was_surely_not_submitted_is_not_unknown(
    service: Service, far: Far, play: Callable[[], Answer], kind: str
) -> None:
    far.before("PUT /v2/submissions/", play)
    assert deposit(service, parcel())[0].kind == kind


@pytest.mark.parametrize(
    ("which", "code"),
    [
        (Problem.TOO_LARGE, "TOO_LARGE"),
        (Problem.TYPE_UNSUPPORTED, "TYPE_REFUSED"),
        (Problem.ATTACHMENT_UNANNOUNCED, "CONTENT_INVALID"),
    ],
)
def test_a_document_that_the_service_never_takes_is_refused(
    service: Service, far: Far, which: Problem, code: str
) -> None:
    far.before("PUT /v2/submissions/", giving(problem(which)))
    outcome, _ = deposit(service)
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == code
    assert outcome.reason.mailbox_code == which.value
    assert "Canary" not in outcome.model_dump_json()


@pytest.mark.parametrize("step", [*BEFORE.values(), "PUT"])
def test_a_refused_token_is_renewed_once_and_all_is_sent_again(
    service: Service, far: Far, step: str
) -> None:
    far.before(step, giving(problem(Problem.TOKEN_INVALID)))
    outcome, kept = deposit(service)
    assert isinstance(outcome, Pending)
    assert far.calls.count("POST /token") == 2
    assert len(kept) == 1
    assert len(far.submissions) == 1


def test_a_token_that_is_refused_again_holds(service: Service, far: Far) -> None:
    for _ in range(2):
        far.before("PUT /v2/submissions/", giving(problem(Problem.TOKEN_INVALID)))
    outcome, _ = deposit(service, parcel())
    assert isinstance(outcome, Held)
    assert far.only.submitted is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "decommissioned"}, "RECIPIENT_DELETED"),
        ({"status": "inactive"}, "DESTINATION_INACTIVE"),
        ({"status": "created"}, "DESTINATION_INACTIVE"),
        ({"services": []}, "CONTENT_INVALID"),
        ({"services": [{"identifier": SERVICE}]}, "CONTENT_INVALID"),
        ({"encryptionKid": "unknown"}, "DESTINATION_KEY"),
        ({"encryptionKid": "kid-destination"}, "DESTINATION_KEY"),
        ({"encryptionKid": 1}, "DESTINATION_UNREADABLE"),
        ({"status": "new"}, "DESTINATION_UNREADABLE"),
        ({"destinationId": SERVICE}, "DESTINATION_UNREADABLE"),
    ],
)
def test_a_destination_that_cannot_be_used_gets_nothing(
    service: Service, far: Far, change: dict[str, Any], code: str
) -> None:
    right = dict(far.destination)
    far.destination.update(change)
    outcome, kept = deposit(service)
    assert isinstance(outcome, Deferred | Refused)
    assert outcome.reason.code == code
    assert not kept
    assert not far.submissions
    far.destination = right  # it is looked at again
    assert isinstance(deposit(service)[0], Pending)


@pytest.mark.parametrize("step", ["GET /v2/destinations/", "POST /v2/submissions"])
@pytest.mark.parametrize(
    "fault",
    [
        (Problem.DESTINATION_UNKNOWN, "RECIPIENT_UNKNOWN", "DESTINATION_UNKNOWN"),
        (Problem.DESTINATION_GONE, "RECIPIENT_DELETED", "DESTINATION_GONE"),
    ],
)
def test_no_destination_is_the_recipients_or_our_own_fault(
    service: Service, far: Far, step: str, fault: tuple[Problem, str, str]
) -> None:
    which, code, ours = fault
    far.before(step, giving(problem(which)))
    outcome, _ = deposit(service)
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == code
    far.before(step, giving(problem(which)))
    outcome, _ = deposit(service, parcel(ours=True))
    assert isinstance(outcome, Held)
    assert outcome.reason.code == ours


def test_a_destination_is_asked_for_once_in_a_while(service: Service, far: Far) -> None:
    for _ in range(3):
        deposit(service)
    assert far.calls.count(f"GET /v2/destinations/{DESTINATION}") == 1
    assert far.calls.count("POST /token") == 1


@pytest.mark.parametrize(
    "body",
    [
        {"submissionId": "x", "caseId": DESTINATION},
        {"submissionId": DESTINATION},
        {"submissionId": DESTINATION, "caseId": DESTINATION, "destinationId": "other"},
        [],
        b"{",
    ],
    ids=["no id", "no case", "other destination", "list", "no JSON"],
)
def test_a_submission_without_fit_ids_is_not_gone_on_with(
    service: Service, far: Far, body: object
) -> None:
    far.after("POST /v2/submissions", giving(answer(201, body)))
    outcome, kept = deposit(service)
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "ANSWER_UNREADABLE"
    assert not kept
