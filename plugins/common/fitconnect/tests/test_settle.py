"""Asking what became of a submission: only what is proven moves a notice."""

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

import pytest

from postfach_fitconnect import Service
from postfach_fitconnect.assumed import (
    API_PROBLEM,
    BRIDGE_PROBLEM,
    EVENT_PROBLEM,
    QUIET,
    EventType,
    Problem,
)
from postfach_fitconnect.testkit import (
    DESTINATION,
    URL,
    Far,
    Keys,
    answer,
    claims,
    payload,
    problem,
    sign,
)
from postfach_fitconnect.testkit.parcels import deposit, giving, parcel, raising
from postfach_http import Answer, Lost, NotConnected, NotTrusted
from postfach_mailbox import Absent, Deposited, Pending, Unknown
from postfach_mailbox.outcomes import Refused as RefusedOutcome


def submitted(service: Service) -> str:
    return deposit(service, parcel())[1][-1]


def created(service: Service, far: Far) -> str:
    """Return the reference of a submission whose last request never arrived."""
    far.before("PUT /v2/submissions/", raising(Lost("x")))
    return submitted(service)


def test_submitted_and_nothing_more_is_pending(service: Service) -> None:
    reference = submitted(service)
    found = service.reconcile(reference)
    assert isinstance(found, Pending)
    assert found.reference == reference


def test_accept_is_a_deposit_by_its_time_with_its_token(service: Service, far: Far) -> None:
    reference = submitted(service)
    token = far.tell(far.only, EventType.ACCEPT, by="destination")
    found = service.reconcile(reference)
    assert isinstance(found, Deposited)
    assert found.provided_at.timestamp() == payload(token)["iat"]
    assert (found.reference, found.source, found.warnings) == (reference, "mailbox", ())
    assert found.evidence[0].data == token.encode()
    assert [each.in_receipt for each in found.evidence] == [True, False, False]


def test_reject_is_refused_with_its_problems_and_no_text_of_the_case(
    service: Service, far: Far
) -> None:
    reference = submitted(service)
    problems = [
        {"type": EVENT_PROBLEM + "syntax-violation", "title": "Not JSON", "detail": "Canary"},
        {"type": "urn:other", "title": "<b>odd</b>\n", "instance": "Canary"},
    ]
    far.tell(far.only, EventType.REJECT, by="destination", problems=problems)
    found = service.reconcile(reference)
    assert isinstance(found, RefusedOutcome)
    assert found.reason.code == "CONTENT_INVALID"
    assert found.reason.mailbox_code == "syntax-violation"
    assert "syntax-violation (Not JSON)" in found.reason.text
    assert "Canary" not in found.reason.text
    assert "<" not in found.reason.text


@pytest.mark.parametrize(
    ("kinds", "code", "mailbox_code"),
    [
        ([], "OTHER", None),
        (["urn:odd"], "OTHER", "urn:odd"),
        ([BRIDGE_PROBLEM + "mailbox-unknown"], "RECIPIENT_UNKNOWN", "mailbox-unknown"),
        ([BRIDGE_PROBLEM + "mailbox-deleted"], "RECIPIENT_DELETED", "mailbox-deleted"),
        ([BRIDGE_PROBLEM + "trust-level-too-low"], "TRUST_LEVEL", "trust-level-too-low"),
        ([BRIDGE_PROBLEM + "schema-invalid"], "CONTENT_INVALID", "schema-invalid"),
        (["urn:odd", EVENT_PROBLEM + "malware"], "MALWARE", "malware"),
        ([EVENT_PROBLEM + "not-fetched"], "OTHER", "not-fetched"),
        ([""], "OTHER", None),
        (["x" * 900], "OTHER", "x" * 100),
    ],
)
def test_problems_of_a_reject_have_a_meaning(
    service: Service, far: Far, kinds: list[str], code: str, mailbox_code: str | None
) -> None:
    reference = submitted(service)
    problems = [{"type": each, "title": "t" * 900} for each in kinds * 5]
    far.tell(far.only, EventType.REJECT, by="service", problems=problems)
    found = service.reconcile(reference)
    assert isinstance(found, RefusedOutcome)
    assert (found.reason.code, found.reason.mailbox_code) == (code, mailbox_code)


def wrong(keys: Keys, how: str, far: Far) -> str:
    """Return an accept that is not wholly right."""
    about, by = far.only, keys.destination
    said = claims(EventType.ACCEPT, DESTINATION, about.id, about.case)
    match how:
        case "signature":
            by = replace(keys.stranger, kid=keys.destination.kid)
        case "issuer":
            said["iss"] = URL.replace("submission", "other")
        case "service":
            said["iss"], by = URL, keys.service
        case "subject":
            said["sub"] = f"submission:{about.case}"
        case "case":
            said["txn"] = f"case:{about.id}"
        case "type":
            said["events"] = {EventType.ACCEPT.value.replace("accept", "welcome"): {}}
        case "two":
            said["events"][EventType.SUBMIT.value] = {}
        case "future":
            said["iat"] = int(time.time()) + 86400
        case "key":
            by = keys.stranger
    return sign(said, by)


WRONG = ["signature", "issuer", "service", "subject", "case", "type", "two", "future", "key"]


@pytest.mark.parametrize("how", WRONG)
def test_an_accept_that_is_not_wholly_right_leaves_it_pending(
    service: Service, far: Far, keys: Keys, how: str
) -> None:
    reference = submitted(service)
    token = wrong(keys, how, far)
    far.only.log.append(token)
    found = service.reconcile(reference)
    assert isinstance(found, Pending)
    assert found.evidence[-1].data == token.encode()
    far.tell(far.only, EventType.ACCEPT, by="destination")  # others still count
    found = service.reconcile(reference)
    assert isinstance(found, Deposited)
    assert len(found.warnings) == 1


@pytest.mark.parametrize("how", WRONG)
def test_an_unproven_accept_alone_is_neither_deposit_nor_absent(
    service: Service, far: Far, keys: Keys, how: str
) -> None:
    reference = created(service, far)
    far.only.log.append(wrong(keys, how, far))
    found = service.reconcile(reference)
    assert isinstance(found, Unknown)
    assert found.reason.code == "EVENTS_REFUSED"
    assert far.submissions  # it was not withdrawn


def test_the_right_key_counts_when_it_is_new(service: Service, far: Far, keys: Keys) -> None:
    reference = submitted(service)
    far.only.log.append(
        sign(
            claims(EventType.ACCEPT, DESTINATION, far.only.id, far.only.case),
            replace(keys.stranger, kid="new"),
        )
    )
    assert isinstance(service.reconcile(reference), Pending)
    far.jwks["new"] = replace(keys.stranger, kid="new").jwk("PS512", "verify")
    assert isinstance(service.reconcile(reference), Deposited)


def test_what_was_never_submitted_is_withdrawn_before_it_is_absent(
    service: Service, far: Far
) -> None:
    reference = created(service, far)
    assert isinstance(service.reconcile(reference), Absent)
    assert far.submissions == {}
    assert isinstance(service.reconcile(reference), Absent)


def test_nothing_kept_is_absent(service: Service, far: Far) -> None:
    assert isinstance(service.reconcile(None), Absent)
    assert far.calls == []


def test_a_submit_that_arrives_between_two_questions_is_seen(service: Service, far: Far) -> None:
    reference = created(service, far)

    def late() -> Answer:
        far.tell(far.only, EventType.SUBMIT)
        return problem(Problem.SUBMISSION_SUBMITTED)

    far.before("DELETE", late)
    assert isinstance(service.reconcile(reference), Pending)


def test_a_log_that_is_behind_is_not_absent(service: Service, far: Far) -> None:
    reference = created(service, far)
    far.before("DELETE", giving(problem(Problem.SUBMISSION_SUBMITTED)))
    found = service.reconcile(reference)
    assert isinstance(found, Unknown)
    assert found.reason.code == "EVENTS_BEHIND"


@pytest.mark.parametrize("status", [403, 404, 405, 501])
@pytest.mark.parametrize(
    ("later", "absent"), [(0.0, False), (QUIET - 60, False), (QUIET + 60, True)]
)
def test_what_cannot_be_withdrawn_is_absent_only_after_a_while(
    service: Service, far: Far, status: int, later: float, absent: bool
) -> None:
    reference = created(service, far)
    date = formatdate(time.time() + later, usegmt=True)
    far.before("DELETE", giving(answer(status, date=date)))
    assert service.reconcile(reference).kind == ("absent" if absent else "unknown")


def test_without_a_proven_creation_time_does_not_help(service: Service, far: Far) -> None:
    reference = created(service, far)
    far.only.log.clear()
    date = formatdate(time.time() + 2 * QUIET, usegmt=True)
    far.before("DELETE", giving(answer(405, date=date)))
    assert isinstance(service.reconcile(reference), Unknown)


ASKING: list[tuple[Callable[[], Answer], str]] = [
    (raising(Lost("x")), "unknown"),
    (raising(NotConnected("x")), "deferred"),
    (raising(NotTrusted("x")), "held"),
    (giving(answer(429)), "deferred"),
    (giving(answer(403)), "held"),
    (giving(answer(500)), "unknown"),
    (giving(answer(404)), "unknown"),
    (giving(answer(410)), "unknown"),
    (giving(problem(Problem.NOT_FOUND)), "unknown"),
    (giving(problem(Problem.SUBMISSION_UNKNOWN, 400)), "unknown"),
    (giving(answer(404, {"type": API_PROBLEM + "submission-not-found"})), "unknown"),
    (giving(answer(404, {"type": "submission-not-found"}, "application/problem+json")), "unknown"),
    (giving(answer(200, b"[")), "unknown"),
    (giving(answer(200, [])), "unknown"),
    (giving(answer(200, {"eventLog": "x"})), "unknown"),
    (giving(answer(200, {"eventLog": ["x"] * 65})), "unknown"),
    (giving(answer(200, {"eventLog": [None, 1]})), "unknown"),
    (giving(Answer(status=200, headers={}, body=b"{}", whole=False)), "unknown"),
]


@pytest.mark.parametrize(("play", "kind"), ASKING, ids=range(len(ASKING)))
def test_who_cannot_be_asked_says_nothing(
    service: Service, far: Far, play: Callable[[], Answer], kind: str
) -> None:
    reference = submitted(service)
    far.tell(far.only, EventType.ACCEPT, by="destination")
    far.before("GET /v2/submissions/", play)
    assert service.reconcile(reference).kind == kind


@pytest.mark.parametrize(
    "play",
    [raising(Lost("x")), giving(answer(500)), giving(answer(400))],
    ids=["lost", "500", "400"],
)
def test_a_withdrawal_without_answer_is_unknown(
    service: Service, far: Far, play: Callable[[], Answer]
) -> None:
    reference = created(service, far)
    far.after("DELETE", play)
    assert isinstance(service.reconcile(reference), Unknown)


@pytest.mark.parametrize("step", ["GET /.well-known", "GET /v2/destinations"])
def test_keys_that_cannot_be_had_now_prove_and_refuse_nothing(
    service: Service, again: Service, far: Far, step: str
) -> None:
    reference = submitted(service)
    far.tell(far.only, EventType.ACCEPT, by="destination")
    far.before(step, giving(answer(503)))
    assert again.reconcile(reference).kind == "unknown"
    assert isinstance(again.reconcile(reference), Deposited)


def test_a_log_without_end_is_not_believed(service: Service, far: Far) -> None:
    reference = submitted(service)
    token = far.tell(far.only, EventType.ACCEPT, by="destination")
    far.only.log.extend([token] * 64)
    found = service.reconcile(reference)
    assert isinstance(found, Unknown)
    assert found.reason.code == "EVENTS_UNREADABLE"


@pytest.mark.parametrize("reference", ["", "x", DESTINATION, f"{DESTINATION}/{DESTINATION}"])
def test_a_reference_of_something_else_is_unknown(service: Service, reference: str) -> None:
    assert isinstance(service.reconcile(reference), Unknown)
