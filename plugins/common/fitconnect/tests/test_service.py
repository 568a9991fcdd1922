"""Accounts, health, settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from postfach_fitconnect import Bridge, FitConnect, Service
from postfach_fitconnect.assumed import ISSUERS, PROBLEM_STATUS, REFUSALS, EventType, Problem
from postfach_fitconnect.ending import NotNow
from postfach_fitconnect.testkit import DESTINATION, Far, answer, problem
from postfach_fitconnect.testkit.parcels import giving, raising
from postfach_http import Answer, Lost, NotConnected, NotTrusted
from postfach_mailbox import Account


def test_a_destination_is_an_account(service: Service, far: Far) -> None:
    assert service.account(DESTINATION) == Account(status="active")
    far.destination["status"] = "decommissioned"
    assert service.account(DESTINATION) == Account(status="deleted")
    far.before("GET /v2/destinations", giving(problem(Problem.DESTINATION_UNKNOWN)))
    assert service.account(DESTINATION) == Account(status="unknown")
    far.before("GET /v2/destinations", giving(problem(Problem.DESTINATION_GONE)))
    assert service.account(DESTINATION) == Account(status="deleted")


AWAY: dict[str, Callable[[], Answer]] = {
    "lost": raising(Lost("x")),
    "away": raising(NotConnected("x")),
    "untrusted": raising(NotTrusted("x")),
    "500": giving(answer(500)),
    "403": giving(answer(403)),
    "404 of anybody": giving(answer(404)),
}


@pytest.mark.parametrize("play", AWAY)
def test_who_cannot_be_asked_says_nothing_of_an_account(
    service: Service, far: Far, play: str
) -> None:
    far.before("GET /v2/destinations", AWAY[play])
    with pytest.raises(NotNow):
        service.account(DESTINATION)


@pytest.mark.parametrize("change", [{"status": "inactive"}, {"encryptionKid": "x"}])
def test_a_destination_that_is_of_no_use_now_is_no_account_that_is_gone(
    service: Service, far: Far, change: dict[str, Any]
) -> None:
    far.destination.update(change)
    with pytest.raises(NotNow):
        service.account(DESTINATION)


def test_health_is_up(service: Service) -> None:
    assert service.health().status == "up"
    assert service.health(DESTINATION).status == "up"


@pytest.mark.parametrize("step", ["POST /token", "GET /.well-known", "GET /v2/destinations"])
@pytest.mark.parametrize("play", AWAY)
def test_health_is_down_where_nothing_could_be_submitted(
    service: Service, far: Far, step: str, play: str
) -> None:
    far.before(step, AWAY[play])
    found = service.health(DESTINATION)
    assert found.status == "down"
    assert found.text
    assert "Canary" not in found.text


def test_health_looks_at_the_destination_as_it_is_now(service: Service, far: Far) -> None:
    assert service.health(DESTINATION).status == "up"
    far.destination["status"] = "inactive"
    assert service.health(DESTINATION).status == "down"


def table(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    found = {
        "submission_url": "https://submission.example",
        "token_url": "https://token.example/token",
        "client_id": "client",
        "secret_file": "secret",
    }
    return {**found, **changes}


def read(tmp_path: Path, **changes: Any) -> FitConnect:
    given = table(tmp_path, **changes)
    return FitConnect.model_validate(given, context={"base": tmp_path})


def test_settings_are_few(tmp_path: Path) -> None:
    found = read(tmp_path, submission_url="https://submission.example/")
    assert found.submission_url == "https://submission.example"
    assert found.secret_file == tmp_path / "secret"
    bridge = Bridge.model_validate(table(tmp_path, destination=DESTINATION.upper()))
    assert bridge.destination == DESTINATION


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("submission_url", "http://submission.example"),
        ("submission_url", "https://user:word@submission.example"),
        ("submission_url", "https://submission.example?x=1"),
        ("token_url", "token"),
        ("client_id", ""),
        ("client_id", "a b"),
        ("scope", ""),
        ("scope", "a\nb"),
        ("proxy", "https://proxy.example"),
        ("max_file", 0),
        ("max_file", 2**40),
        ("large_at_once", 0),
        ("client_secret", "Canary"),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        read(tmp_path, **{key: value})
    assert [each["loc"] for each in refused.value.errors()] == [(key,)]
    assert "Canary" not in str(refused.value)


@pytest.mark.parametrize("value", ["", "x", DESTINATION + "0"])
def test_a_bridge_needs_a_destination(tmp_path: Path, value: str) -> None:
    with pytest.raises(ValidationError, match="destination"):
        Bridge.model_validate(table(tmp_path, destination=value))


def test_what_is_assumed_is_complete() -> None:
    assert set(ISSUERS) == set(EventType)
    assert set(PROBLEM_STATUS) == set(Problem)
    assert not [each for each in REFUSALS if PROBLEM_STATUS[each] in (401, 403, 429, 500, 503)]
