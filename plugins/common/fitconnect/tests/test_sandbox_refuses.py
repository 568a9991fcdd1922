"""Wrong requests, each sent over TLS and refused at once, and the valid ones beside them."""

import base64
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from postfach_fitconnect.assumed import PROBLEM_STATUS, Problem
from postfach_fitconnect.sandbox import DECOMMISSIONED, INACTIVE, UNKNOWN, Destination
from postfach_fitconnect.sandbox.attempt import Attempt, Request
from postfach_fitconnect.sandbox.platform import DESTINATIONS
from postfach_fitconnect.sandbox.trial import Trial, trying

PICKY = "6e1f3a52-0000-4000-8000-00000000d003"  # offers another service only
Spoil = Callable[[Attempt], object]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    picky = Destination(services={"urn:de:fim:leika:leistung:99000000000001": frozenset({"urn:a"})})
    places = {**DESTINATIONS, PICKY: picky}
    with trying(tmp_path_factory.mktemp("sandbox"), places) as trial:
        yield trial


def header(step: str, name: str, value: str | None) -> Spoil:
    return lambda attempt: attempt.spoils.update(
        {step: lambda each: each.headers.update({name: value})}
    )


def body(step: str, data: bytes) -> Spoil:
    def change(request: Request) -> None:
        request.body = data

    return lambda attempt: attempt.spoils.update({step: change})


def at(step: str, name: str) -> Spoil:
    """Send to another submission or attachment: `name` is the part of the path that changes."""

    def change(request: Request) -> None:
        parts = request.path.split("/")
        parts[{"submission": 3, "attachment": 5}[name]] = str(uuid4())
        request.path = "/".join(parts)

    return lambda attempt: attempt.spoils.update({step: change})


def order(**fields: Any) -> Spoil:
    return lambda attempt: setattr(attempt, "order", lambda each: {**each, **fields})


def without(name: str) -> Spoil:
    def change(each: dict[str, Any]) -> None:
        del each[name]

    return lambda attempt: setattr(attempt, "order", change)


def outer(**fields: Any) -> Spoil:
    return lambda attempt: setattr(attempt, "outer", lambda each: {**each, **fields})


def jose(part: str, **members: Any) -> Spoil:
    return lambda attempt: attempt.jose.update({part: members})


def altered(part: str, change: Callable[[bytes], bytes]) -> Spoil:
    return lambda attempt: attempt.altered.update({part: change})


def to(destination: str) -> Spoil:
    return lambda attempt: setattr(attempt, "destination", destination)


def uploads(*numbers: int) -> Spoil:
    return lambda attempt: setattr(attempt, "uploads", list(numbers))


def submitted_before(attempt: Attempt) -> None:
    """Submit once before the last step does it again."""
    attempt.spoils["submit"] = _first(attempt, attempt.submit)


def upload_after(attempt: Attempt) -> None:
    """Submit before the attachment that is looked at is uploaded."""
    attempt.announced, attempt.files, attempt.uploads = (
        attempt.announced[:1],
        attempt.files[:1],
        [0, 0],
    )
    seen: list[int] = []

    def change(request: Request) -> None:
        del request
        seen.append(1)
        if len(seen) == 2:
            assert attempt.submit().status == 202

    attempt.spoils["attachment"] = change


def withdrawn_before(attempt: Attempt) -> None:
    path = "/v2/submissions/{}"
    attempt.spoils["submit"] = _first(
        attempt, lambda: attempt.ask(path.format(attempt.submission), "DELETE")
    )


def _first(attempt: Attempt, work: Callable[[], object]) -> Callable[[Request], None]:
    def change(request: Request) -> None:
        del request
        del attempt.spoils["submit"]
        work()

    return change


def part(number: int, data: bytes) -> Callable[[bytes], bytes]:
    """Put other bytes in the place of one of the five parts."""

    def change(token: bytes) -> bytes:
        parts = token.split(b".")
        parts[number] = data
        return b".".join(parts)

    return change


def doubled(token: bytes) -> bytes:
    """Name `alg` twice in the header; what is encrypted stays."""
    head = b'{"alg":"RSA-OAEP-256","alg":"RSA-OAEP-256","enc":"A256GCM"}'
    return part(0, base64.urlsafe_b64encode(head).rstrip(b"="))(token)


BAD, SEAL, TYPE = Problem.REQUEST_INVALID, Problem.ENCRYPTION_INVALID, Problem.TYPE_UNSUPPORTED
TOKEN, NONE, DONE = (
    Problem.TOKEN_INVALID,
    Problem.SUBMISSION_UNKNOWN,
    Problem.SUBMISSION_SUBMITTED,
)
MISSING = Problem.ATTACHMENT_MISSING

# Each is valid but for the one thing that its name says; its name begins with the step that is
# refused.
WRONG: dict[str, tuple[Spoil, Problem]] = {
    # who calls
    "create: no token": (header("create", "Authorization", None), TOKEN),
    "create: basic": (header("create", "Authorization", "Basic YTpi"), TOKEN),
    "submit: unknown token": (header("submit", "Authorization", "Bearer x"), TOKEN),
    # creating
    "create: not JSON": (body("create", b"{"), BAD),
    "create: a list": (body("create", b"[]"), BAD),
    "create: a name twice": (body("create", b'{"a":1,"a":1}'), BAD),
    "create: as text": (header("create", "Content-Type", "text/plain"), TYPE),
    "create: chunked": (header("create", "Transfer-Encoding", "chunked"), BAD),
    "create: too large": (body("create", b" " * 17_000_000), Problem.TOO_LARGE),
    "create: a field too many": (order(canary=1), BAD),
    "create: no destination": (without("destinationId"), BAD),
    "create: no announcement": (without("announcedAttachments"), BAD),
    "create: no service": (without("publicService"), BAD),
    "create: destination no UUID": (order(destinationId="canary"), BAD),
    "create: attachment no UUID": (order(announcedAttachments=["canary"]), BAD),
    "create: attachment twice": (order(announcedAttachments=[UNKNOWN] * 2), BAD),
    "create: 101 attachments": (
        order(announcedAttachments=[str(uuid4()) for _ in range(101)]),
        BAD,
    ),
    "create: service no URN": (order(publicService={"identifier": "canary", "name": "a"}), BAD),
    "create: unknown destination": (to(UNKNOWN), Problem.DESTINATION_UNKNOWN),
    "create: decommissioned": (to(DECOMMISSIONED), Problem.DESTINATION_GONE),
    "create: inactive": (to(INACTIVE), Problem.DESTINATION_INACTIVE),
    "create: service not offered": (to(PICKY), Problem.SERVICE_UNKNOWN),
    "create: unknown case": (order(caseId=UNKNOWN), Problem.CASE_UNKNOWN),
    # attachments
    "attachment: unknown submission": (at("attachment", "submission"), NONE),
    "attachment: not announced": (at("attachment", "attachment"), Problem.ATTACHMENT_UNANNOUNCED),
    "attachment: as PDF": (header("attachment", "Content-Type", "application/pdf"), TYPE),
    "attachment: chunked": (header("attachment", "Transfer-Encoding", "chunked"), BAD),
    "attachment: in clear": (body("attachment", b"%PDF-1.4"), SEAL),
    "attachment: RSA-OAEP": (jose("0", alg="RSA-OAEP"), SEAL),
    "attachment: A128GCM": (jose("0", enc="A128GCM"), SEAL),
    "attachment: compressed": (jose("0", zip="DEF"), SEAL),
    "attachment: without kid": (jose("0", kid=None), SEAL),
    "attachment: another kid": (jose("0", kid="canary"), SEAL),
    "attachment: unknown member": (jose("0", canary=1), SEAL),
    "attachment: four parts": (altered("0", lambda each: each.rpartition(b".")[0]), SEAL),
    "attachment: header no JSON": (altered("0", part(0, b"AAAA")), SEAL),
    "attachment: header a list": (altered("0", part(0, b"W10")), SEAL),
    "attachment: member twice": (altered("0", doubled), SEAL),
    "attachment: padded base64": (altered("0", lambda each: each + b"=="), SEAL),
    "attachment: no base64": (altered("0", part(3, b"%%%%")), SEAL),
    "attachment: short key": (altered("0", part(1, b"AAAA")), SEAL),
    "attachment: short IV": (altered("0", part(2, b"AAAA")), SEAL),
    "attachment: short tag": (altered("0", part(4, b"AAAA")), SEAL),
    "attachment: after the submit": (upload_after, DONE),
    # submitting
    "submit: unknown submission": (at("submit", "submission"), NONE),
    "submit: an attachment is missing": (uploads(0), MISSING),
    "submit: before all attachments": (uploads(), MISSING),
    "submit: as text": (header("submit", "Content-Type", "text/plain"), TYPE),
    "submit: chunked": (header("submit", "Transfer-Encoding", "chunked"), BAD),
    "submit: not JSON": (body("submit", b"{"), BAD),
    "submit: data in clear": (outer(encryptedData="{}"), SEAL),
    "submit: no data": (outer(encryptedData=""), BAD),
    "submit: data as object": (outer(encryptedData={}), BAD),
    "submit: a field too many": (outer(canary=1), BAD),
    "submit: metadata compressed": (jose("metadata", zip="DEF"), SEAL),
    "submit: data A128GCM": (jose("data", enc="A128GCM"), SEAL),
    "submit: twice": (submitted_before, DONE),
    "submit: withdrawn": (withdrawn_before, NONE),
}
TWICE = {"submit: twice", "attachment: after the submit"}  # what came before is taken


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_refused_and_leaves_nothing(trial: Trial, name: str) -> None:
    spoil, problem = WRONG[name]
    step = name.partition(":")[0]
    attempt = trial.attempt()
    spoil(attempt)
    before = len(trial.platform.arrivals.all())
    heard = attempt.run()
    assert (heard.step, heard.problem, heard.status) == (step, problem, PROBLEM_STATUS[problem])
    assert heard.headers["content-type"].startswith("application/problem+json")
    assert heard.json["status"] == heard.status
    assert heard.json["title"]
    assert b"anary" not in heard.body  # nothing of what was sent
    assert len(trial.platform.arrivals.all()) - before == (name in TWICE)


def test_there_are_enough_of_them() -> None:
    assert len(WRONG) >= 25
