"""The sandbox's token endpoint: who gets a token, and how long it is worth something."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from postfach_fitconnect.assumed import Problem
from postfach_fitconnect.sandbox import UNKNOWN
from postfach_fitconnect.sandbox.attempt import Heard, Request
from postfach_fitconnect.sandbox.trial import CLIENT, OTHER_CLIENT, SECRET, Trial, trying

RIGHT = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with trying(tmp_path_factory.mktemp("sandbox")) as trial:
        yield trial


@pytest.fixture
def trial(served: Trial) -> Iterator[Trial]:
    yield served
    served.platform.switches.turn("*", "good")
    served.platform.grants.seconds = 1800


def asked(trial: Trial, body: bytes, kind: str = "application/x-www-form-urlencoded") -> Heard:
    headers: dict[str, str | None] = {"Content-Type": kind}
    return trial.line.send(Request(method="POST", path="/token", headers=headers, body=body))


def used(trial: Trial, token: str) -> Heard:
    headers: dict[str, str | None] = {"Authorization": f"Bearer {token}"}
    path = f"/v2/destinations/{UNKNOWN}"
    return trial.line.send(Request(method="GET", path=path, headers=headers, body=b""))


def form(**changes: str) -> bytes:
    return urlencode({**RIGHT, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (form(client_secret="canary"), 401, "invalid_client"),
        (form(client_id="canary"), 401, "invalid_client"),
        (form(client_secret=""), 401, "invalid_client"),
        (form(grant_type="password"), 400, "unsupported_grant_type"),
        (form(scope="send canary"), 400, "invalid_scope"),
        (form(client_id=OTHER_CLIENT, scope="send"), 400, "invalid_scope"),
        (form(canary="1"), 400, "invalid_request"),
        (form() + b"&client_id=authority", 400, "invalid_request"),
        (b"canary", 400, "invalid_request"),
        (b"\xff=1", 400, "invalid_request"),
    ],
)
def test_a_wrong_wish_is_refused(trial: Trial, body: bytes, status: int, error: str) -> None:
    heard = asked(trial, body)
    assert (heard.status, heard.json) == (status, {"error": error})


def test_json_is_no_form(trial: Trial) -> None:
    assert asked(trial, form(), "application/json").json == {"error": "invalid_request"}


@pytest.mark.parametrize("scope", [{}, {"scope": "send"}, {"scope": "send receive"}])
def test_a_right_one_is_granted(trial: Trial, scope: dict[str, str]) -> None:
    heard = asked(trial, form(**scope))
    assert (heard.status, heard.json["token_type"], heard.json["expires_in"]) == (
        200,
        "Bearer",
        1800,
    )
    assert used(trial, heard.json["access_token"]).problem == Problem.DESTINATION_UNKNOWN


@pytest.mark.parametrize("skew", [1799, 1801])
def test_a_token_ends_by_the_clock_of_the_server(trial: Trial, skew: int) -> None:
    token = trial.line.token(CLIENT, SECRET).json["access_token"]
    trial.platform.switches.turn("*", "clock-skew", skew)
    heard = used(trial, token)
    if skew < 1800:
        assert heard.problem == Problem.DESTINATION_UNKNOWN
    else:
        assert (heard.status, heard.problem) == (401, Problem.TOKEN_INVALID)
        assert heard.headers["www-authenticate"].startswith("Bearer")
        fresh = trial.line.token(CLIENT, SECRET).json["access_token"]
        assert used(trial, fresh).problem == Problem.DESTINATION_UNKNOWN


def test_a_token_is_worth_nothing_when_its_client_is_gone(trial: Trial) -> None:
    token = trial.line.token(OTHER_CLIENT, SECRET).json["access_token"]
    known = trial.platform.grants.clients.pop(OTHER_CLIENT)
    try:
        assert used(trial, token).problem == Problem.TOKEN_INVALID
    finally:
        trial.platform.grants.clients[OTHER_CLIENT] = known
    assert used(trial, token).problem == Problem.DESTINATION_UNKNOWN
    trial.platform.grants.forget()
    assert used(trial, token).problem == Problem.TOKEN_INVALID
