"""What the sandbox takes, shows, and keeps apart."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from postfach_fitconnect.assumed import API_PROBLEM, Problem
from postfach_fitconnect.sandbox import DECOMMISSIONED, INACTIVE, OTHER, UNKNOWN, Destination
from postfach_fitconnect.sandbox.attempt import Attempt, Line
from postfach_fitconnect.sandbox.platform import DESTINATIONS
from postfach_fitconnect.sandbox.records import State
from postfach_fitconnect.sandbox.trial import OTHER_CLIENT, Trial, trying

pytestmark = pytest.mark.slow

PICKY = "6e1f3a52-0000-4000-8000-00000000d003"


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    picky = Destination(services={"urn:de:fim:leika:leistung:99000000000001": frozenset({"urn:a"})})
    places = {**DESTINATIONS, PICKY: picky}
    with trying(tmp_path_factory.mktemp("sandbox"), places) as trial:
        yield trial


def going_on(attempt: Attempt, case: str) -> Attempt:
    attempt.order = lambda each: {**each, "caseId": case}
    return attempt


def test_the_valid_submission_is_taken_and_kept_in_clear(trial: Trial) -> None:
    attempt = trial.attempt()
    heard = attempt.run()
    assert (heard.step, heard.status) == ("submit", 202)
    record = trial.platform.records.get(attempt.submission)
    assert record is not None
    assert record.state is State.ACCEPTED
    arrival = trial.platform.arrivals.all()[-1]
    read = trial.platform.arrivals.read
    assert (record.arrival, arrival.facts["submission"]) == (arrival.id, attempt.submission)
    assert (arrival.facts["case"], arrival.facts["problems"]) == (attempt.case, [])
    assert read(arrival.id, "data.json") == attempt.data
    kept = [read(arrival.id, name) for name in ("file-01", "file-02")]
    assert kept == [each.data for each in attempt.files]
    structure = json.loads(read(arrival.id, "metadata.json"))["contentStructure"]
    assert [each["hash"]["content"] for each in structure["attachments"]] == [
        hashlib.sha512(each).hexdigest() for each in kept
    ]
    assert [each["filename"] for each in arrival.facts["attachments"]] == [
        each.filename for each in attempt.files
    ]


def test_a_submission_without_attachments_is_taken(trial: Trial) -> None:
    attempt = trial.attempt()
    attempt.files, attempt.announced, attempt.uploads = [], [], []
    assert attempt.run().status == 202


def test_data_may_be_xml(trial: Trial) -> None:
    attempt = trial.attempt()
    attempt.data, attempt.data_type = b"<bescheid/>", "application/xml"
    assert attempt.run().status == 202
    arrival = trial.platform.arrivals.all()[-1]
    assert arrival.facts["problems"] == []
    assert trial.platform.arrivals.read(arrival.id, "data.xml") == attempt.data


def test_an_attachment_may_be_uploaded_again_before_the_submit(trial: Trial) -> None:
    attempt = trial.attempt()
    right = attempt.files[0]
    attempt.files[0] = dataclasses.replace(right, data=b"first")
    assert attempt.create().status == 201
    assert attempt.upload(0).status == 204
    attempt.files[0] = right
    assert [attempt.upload(number).status for number in (1, 0)] == [204, 204]
    assert attempt.submit().status == 202
    assert trial.platform.arrivals.all()[-1].facts["problems"] == []


def test_a_case_goes_on(trial: Trial) -> None:
    first = trial.attempt()
    assert first.run().status == 202
    second = going_on(trial.attempt(), first.case)
    elsewhere = going_on(trial.attempt(OTHER), first.case)
    assert second.run().status == 202
    assert second.case == first.case
    assert elsewhere.run().problem == Problem.CASE_UNKNOWN
    shown = second.ask(f"/v2/cases/{first.case}").json
    ids = [each["submissionId"] for each in shown["submissions"]]
    assert (shown["destinationId"], ids) == (
        first.destination,
        [first.submission, second.submission],
    )


def test_a_submission_is_its_clients_alone(trial: Trial) -> None:
    own, other = trial.attempt(), trial.attempt(client=OTHER_CLIENT)
    assert own.create().status == 201
    path = f"/v2/submissions/{own.submission}"
    other.submission, other.announced = own.submission, own.announced
    answers = [
        other.ask(f"{path}/events"),
        other.ask(path, "DELETE"),
        other.upload(0),
        other.submit(),
    ]
    assert [each.problem for each in answers] == [Problem.FORBIDDEN] * 4
    assert other.ask(f"/v2/cases/{own.case}").problem == Problem.CASE_UNKNOWN
    for number in (0, 1):
        assert own.upload(number).status == 204
    assert own.submit().status == 202


@pytest.mark.parametrize(
    ("method", "path", "status", "problem"),
    [
        ("GET", "/v2/destinations/{unknown}", 404, Problem.DESTINATION_UNKNOWN),
        ("GET", "/v2/destinations/canary", 400, Problem.REQUEST_INVALID),
        ("GET", "/v2/destinations/{unknown}/keys/canary", 404, Problem.DESTINATION_UNKNOWN),
        ("GET", "/v2/destinations/{active}/keys/canary", 404, Problem.KEY_UNKNOWN),
        ("GET", "/v2/submissions/{unknown}/events", 404, Problem.SUBMISSION_UNKNOWN),
        ("DELETE", "/v2/submissions/{unknown}", 404, Problem.SUBMISSION_UNKNOWN),
        ("GET", "/v2/cases/{unknown}", 404, Problem.CASE_UNKNOWN),
        ("GET", "/v2/replies/{unknown}", 404, Problem.REPLY_UNKNOWN),
        ("GET", "/v2/replies?limit=0", 400, Problem.REQUEST_INVALID),
        ("GET", "/v2/replies?limit=501", 400, Problem.REQUEST_INVALID),
        ("GET", "/v2/replies?limit=canary", 400, Problem.REQUEST_INVALID),
        ("PUT", "/v2/replies/{unknown}/acknowledge", 404, Problem.REPLY_UNKNOWN),
        ("GET", "/v2/replies/{unknown}/attachments/{unknown}", 404, Problem.REPLY_UNKNOWN),
        ("GET", "/v2/submission", 404, Problem.NOT_FOUND),
        ("GET", "/v1/submissions", 404, Problem.NOT_FOUND),
        ("GET", "/v2/submissions", 405, Problem.REQUEST_INVALID),
    ],
)
def test_what_is_not_there_is_not_answered(
    trial: Trial, method: str, path: str, status: int, problem: Problem
) -> None:
    attempt = trial.attempt()
    heard = attempt.ask(path.format(unknown=UNKNOWN, active=attempt.destination), method)
    assert (heard.status, heard.problem) == (status, problem)
    assert heard.json["type"] == f"{API_PROBLEM}{problem}"
    assert b"anary" not in heard.body


def test_a_destination_shows_itself_and_its_keys(trial: Trial) -> None:
    attempt = trial.attempt()
    shown = attempt.ask(f"/v2/destinations/{attempt.destination}").json
    assert (shown["status"], "services" in shown) == ("active", False)
    jwk = attempt.ask(f"/v2/destinations/{attempt.destination}/keys/{shown['encryptionKid']}").json
    assert (jwk["alg"], jwk["key_ops"], set(jwk) & {"d", "p", "q"}) == (
        "RSA-OAEP-256",
        ["wrapKey"],
        set(),
    )
    (picky,) = attempt.ask(f"/v2/destinations/{PICKY}").json["services"]
    assert picky["submissionSchemas"] == [{"schemaUri": "urn:a", "mimeType": "application/json"}]
    statuses = [
        attempt.ask(f"/v2/destinations/{each}").json["status"]
        for each in (INACTIVE, DECOMMISSIONED)
    ]
    assert statuses == ["inactive", "decommissioned"]


def test_an_upload_that_breaks_off_leaves_nothing(trial: Trial) -> None:
    attempt = trial.attempt()
    assert attempt.create().status == 201
    attempt.spoils["attachment"] = lambda each: each.headers.update({"Content-Length": "100000"})
    attempt.line = Line(trial.port, trial.files.ca, seconds=0.3)
    with pytest.raises(TimeoutError):
        attempt.upload(0)
    attempt.spoils.clear()
    attempt.line = trial.line
    assert attempt.upload(1).status == 204
    assert attempt.submit().problem == Problem.ATTACHMENT_MISSING


def test_all_is_there_after_a_restart(tmp_path: Path) -> None:
    with trying(tmp_path, accept_after=None) as trial:
        attempt, open_one = trial.attempt(), trial.attempt()
        assert attempt.run().status == 202
        assert open_one.create().status == 201
        assert open_one.upload(0).status == 204
        before = trial.platform.records.all()
    with trying(tmp_path, port=trial.port) as trial:
        assert trial.platform.records.all() == before
        assert attempt.ask("/v2/replies").problem == Problem.TOKEN_INVALID  # tokens are forgotten
        attempt.token = open_one.token = trial.attempt().token
        assert open_one.upload(1).status == 204
        assert open_one.submit().status == 202
        trial.platform.decider.accept(attempt.submission)
        assert [len(each.events) for each in (attempt, open_one)] == [3, 3]
