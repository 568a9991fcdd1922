"""The switches of the sandbox: by destination and step, and its own."""

import http.client
import json
from collections.abc import Iterator

import pytest

from postfach_fitconnect.assumed import EventType, Problem
from postfach_fitconnect.sandbox import ACTIVE, OTHER, State
from postfach_fitconnect.sandbox.attempt import Attempt, Heard, Request
from postfach_fitconnect.sandbox.switching import Levers, Step
from postfach_fitconnect.sandbox.trial import CLIENT, SECRET, Trial, trying
from postfach_sandbox.faults import GOOD

pytestmark = pytest.mark.slow

BROKEN = (ConnectionError, http.client.HTTPException)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with trying(tmp_path_factory.mktemp("sandbox")) as trial:
        yield trial


@pytest.fixture
def trial(served: Trial) -> Iterator[Trial]:
    yield served
    served.platform.switches.turn("*", "good")
    served.platform.submissions.accept_after = 0.0


def manage(trial: Trial, path: str, body: bytes = b"", method: str = "POST") -> Heard:
    headers: dict[str, str | None] = {"Content-Type": "text/plain"} if body else {}
    return trial.line.send(Request(method=method, path=path, headers=headers, body=body))


def state(trial: Trial, attempt: Attempt) -> State | None:
    record = trial.platform.records.get(attempt.submission)
    return record.state if record is not None else None


def last(attempt: Attempt) -> str:
    return str(*attempt.events[-1]["events"])


@pytest.mark.parametrize(
    ("do", "status", "problem"),
    [("busy", 429, Problem.BUSY), ("error", 500, Problem.BROKEN), ("away", 503, Problem.AWAY)],
)
@pytest.mark.parametrize("step", [Step.CREATE, Step.ATTACHMENT, Step.SUBMIT])
def test_a_step_fails_as_it_is_told(
    trial: Trial, step: Step, do: str, status: int, problem: Problem
) -> None:
    trial.platform.switches.turn(f"{ACTIVE}/{step}", do, 7)
    attempt, other = trial.attempt(), trial.attempt(OTHER)
    heard = attempt.run()
    assert (heard.step, heard.status, heard.problem) == (step, status, problem)
    assert heard.headers.get("retry-after") == ("7" if do == "busy" else None)
    assert state(trial, attempt) in (None, State.CREATED)
    assert other.run().status == 202


@pytest.mark.parametrize("do", ["drop-before", "drop-after"])
@pytest.mark.parametrize("step", [Step.CREATE, Step.ATTACHMENT, Step.SUBMIT])
def test_a_connection_breaks_before_or_after(trial: Trial, step: Step, do: str) -> None:
    trial.platform.switches.turn(step, do, once=True)
    attempt, before = trial.attempt(), len(trial.platform.records.all())
    with pytest.raises(BROKEN):
        attempt.run()
    made = len(trial.platform.records.all()) - before
    stored = do == "drop-after"
    match step:
        case Step.CREATE:
            assert made == stored
        case Step.ATTACHMENT:
            folder = trial.platform.records.file(attempt.submission, ".")
            assert len(list(folder.glob("*.jwe"))) == stored
        case _:
            assert state(trial, attempt) == (State.ACCEPTED if stored else State.CREATED)


@pytest.mark.parametrize("step", [Step.TOKEN, Step.JWKS])
def test_steps_without_a_destination_fail_too(trial: Trial, step: Step) -> None:
    trial.platform.switches.turn(step, "away")
    if step is Step.TOKEN:
        heard = trial.line.token(CLIENT, SECRET)
    else:
        heard = trial.attempt().ask("/.well-known/jwks.json")
    assert (heard.status, heard.problem) == (503, Problem.AWAY)
    assert trial.attempt().run().status == 202


def test_the_wrong_type_comes_after_storing(trial: Trial) -> None:
    trial.platform.switches.turn("submit", "wrong-type")
    attempt = trial.attempt()
    heard = attempt.run()
    assert (heard.status, heard.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert state(trial, attempt) is State.ACCEPTED


def test_a_closed_destination_was_given_up(trial: Trial) -> None:
    trial.platform.switches.turn(ACTIVE, "closed")
    attempt = trial.attempt()
    assert attempt.run().problem == Problem.DESTINATION_GONE
    assert attempt.ask(f"/v2/destinations/{ACTIVE}").json["status"] == "decommissioned"
    assert trial.attempt(OTHER).run().status == 202


def test_what_waits_is_accepted_by_hand(trial: Trial) -> None:
    trial.platform.switches.turn(ACTIVE, "by-hand")
    attempt = trial.attempt()
    assert attempt.run().status == 202
    assert last(attempt) == EventType.SUBMIT
    assert trial.platform.arrivals.all()[-1].facts["submission"] == attempt.submission
    shown = {each["submission"]: each for each in _listed(trial)}
    assert shown[attempt.submission]["state"] == "submitted"
    assert manage(trial, f"/accept?submission={attempt.submission}").status == 200
    assert last(attempt) == EventType.ACCEPT
    again = manage(trial, f"/accept?submission={attempt.submission}")
    assert (again.status, again.json["error"]) == (422, "submission: is accepted")


def _listed(trial: Trial) -> list[dict[str, str]]:
    return list(json.loads(manage(trial, "/submissions", method="GET").body))


def test_what_waits_is_rejected_by_hand(trial: Trial) -> None:
    trial.platform.switches.turn(ACTIVE, "by-hand", once=True)
    attempt = trial.attempt()
    assert attempt.run().status == 202
    path = f"/reject?submission={attempt.submission}"
    assert manage(trial, f"{path}&problem=canary").status == 422
    assert manage(trial, f"{path}&problem=malware").status == 200
    assert last(attempt) == EventType.REJECT
    assert manage(trial, path).status == 422
    assert manage(trial, f"/accept?submission={OTHER}").status == 404


def test_what_is_wrong_is_not_accepted_by_hand(trial: Trial) -> None:
    trial.platform.submissions.accept_after = None
    attempt = trial.attempt()
    attempt.clear["data"] = b"{}"
    assert attempt.run().status == 202
    assert manage(trial, f"/accept?submission={attempt.submission}").status == 422
    assert last(attempt) == EventType.SUBMIT


def test_late_is_by_the_clock_of_the_server(trial: Trial) -> None:
    trial.platform.switches.turn(ACTIVE, "accept-late", 1000)
    attempt = trial.attempt()
    assert attempt.run().status == 202
    assert last(attempt) == EventType.SUBMIT
    trial.platform.switches.turn(ACTIVE, "clock-skew", 990)
    assert last(attempt) == EventType.SUBMIT
    trial.platform.switches.turn(ACTIVE, "clock-skew", 1010)
    assert last(attempt) == EventType.ACCEPT
    assert len(attempt.events) == 3  # once


def test_a_submission_is_withdrawn_and_cannot_be_where_that_is_off(trial: Trial) -> None:
    attempt, kept = trial.attempt(), trial.attempt()
    assert [attempt.create().status, kept.create().status] == [201, 201]
    assert attempt.ask(f"/v2/submissions/{attempt.submission}", "DELETE").status == 204
    assert last(attempt) == EventType.DELETE
    again = attempt.ask(f"/v2/submissions/{attempt.submission}", "DELETE")
    assert again.problem == Problem.SUBMISSION_UNKNOWN
    trial.platform.switches.turn("*", "no-delete")
    assert kept.ask(f"/v2/submissions/{kept.submission}", "DELETE").status == 405
    for number in (0, 1):
        assert kept.upload(number).status == 204
    assert kept.submit().status == 202
    trial.platform.switches.turn("*", "good")
    late = kept.ask(f"/v2/submissions/{kept.submission}", "DELETE")
    assert late.problem == Problem.SUBMISSION_SUBMITTED


def test_a_switch_of_one_step_is_not_used_up_by_another(trial: Trial) -> None:
    for account in ("*", ACTIVE, f"{ACTIVE}/submit"):
        manage(trial, f"/switch?account={account}&do=reject&once=1")
        first, second = trial.attempt(), trial.attempt()
        assert [first.run().status, second.run().status] == [202, 202]
        assert [last(first), last(second)] == [EventType.REJECT, EventType.ACCEPT]


def test_the_most_exact_switch_counts() -> None:
    levers = Levers()
    for account, do in (("*", "slow"), (ACTIVE, "busy"), ("submit", "error")):
        levers.turn(account, do)
    assert levers.take(f"{ACTIVE}/submit").do == "error"
    assert levers.take(f"{ACTIVE}/create").do == "busy"
    assert levers.take(f"{OTHER}/create").do == "slow"
    assert levers.take("/token").do == "slow"
    levers.turn(f"{ACTIVE}/submit", "away", once=True)
    assert [levers.take(f"{ACTIVE}/submit").do for _ in range(2)] == ["away", "error"]
    levers.turn("*", "good")
    assert levers.take(f"{ACTIVE}/submit") is GOOD
