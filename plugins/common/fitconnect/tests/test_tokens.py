"""The token: asked for once, in time, and never shown."""

import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from postfach_fitconnect import FitConnect
from postfach_fitconnect.api import Api
from postfach_fitconnect.ending import Ended, said
from postfach_fitconnect.testkit import Far, answer
from postfach_fitconnect.testkit.parcels import giving, left, raising
from postfach_http import Answer, Lost, NotConnected, NotTrusted


@pytest.fixture
def api(settings: FitConnect, far: Far) -> Api:
    return Api(settings, far)


def test_a_token_is_asked_for_once_by_many(api: Api, far: Far) -> None:
    gate, begun = threading.Event(), threading.Event()

    def slow() -> Answer:
        begun.set()
        assert gate.wait(10)
        return answer(200, {"access_token": "token-1", "expires_in": 60})

    far.before("POST /token", slow)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(api.tokens.current(left))) for _ in range(8)
    ]
    for each in threads:
        each.start()
    assert begun.wait(10)
    gate.set()
    for each in threads:
        each.join()
    assert found == ["token-1"] * 8
    assert far.calls == ["POST /token"]


def test_what_is_sent_is_the_client_and_its_secret(settings: FitConnect, far: Far) -> None:
    api = Api(settings.model_copy(update={"scope": "send:region:DE"}), far)
    api.tokens.current(left)
    assert parse_qs(far.bodies[0].decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": ["Canary-Secret"],
        "scope": ["send:region:DE"],
    }


@pytest.mark.parametrize("lifetime", [1800, 60, 10, 0.5])
def test_a_token_is_renewed_before_its_end(
    api: Api, far: Far, monkeypatch: pytest.MonkeyPatch, lifetime: float
) -> None:
    now = [1000.0]
    monkeypatch.setattr("postfach_fitconnect.tokens._now", lambda: now[0])
    body = {"access_token": "old", "expires_in": lifetime}
    far.before("POST /token", giving(answer(200, body)))
    assert api.tokens.current(left) == "old"
    now[0] += (lifetime - min(60, lifetime / 2)) * 0.99
    assert api.tokens.current(left) == "old"
    now[0] += lifetime * 0.01 + 0.01
    assert api.tokens.current(left) == "token-1"


def test_a_token_that_another_call_has_renewed_is_not_renewed_again(api: Api, far: Far) -> None:
    api.tokens.current(left)
    far.token = "token-2"
    assert api.tokens.current(left, refused="token-1") == "token-2"
    assert api.tokens.current(left, refused="token-1") == "token-2"
    assert far.calls.count("POST /token") == 2


def test_a_changed_secret_is_read_at_the_next_token(
    settings: FitConnect, api: Api, far: Far
) -> None:
    api.tokens.current(left)
    settings.secret_file.write_text("Other\n")
    api.tokens.current(left, refused="token-1")
    assert parse_qs(far.bodies[-1].decode())["client_secret"] == ["Other"]


@pytest.mark.parametrize(
    ("play", "kind", "code"),
    [
        (raising(Lost("x")), "deferred", "TOKEN_LOST"),
        (raising(NotConnected("x")), "deferred", "UNREACHABLE"),
        (raising(NotTrusted("x")), "held", "TLS"),
        (giving(answer(400, {"error": "invalid_client"})), "held", "TOKEN_HTTP_400"),
        (giving(answer(401, {"error": 5})), "held", "TOKEN_HTTP_401"),
        (giving(answer(403)), "held", "TOKEN_HTTP_403"),
        (giving(answer(404)), "held", "TOKEN_HTTP_404"),
        (giving(answer(302)), "held", "TOKEN_HTTP_302"),
        (giving(answer(429)), "deferred", "TOKEN_HTTP_429"),
        (giving(answer(503)), "deferred", "TOKEN_HTTP_503"),
        (giving(answer(200, b"{")), "held", "TOKEN_UNREADABLE"),
        (giving(answer(200, {})), "held", "TOKEN_UNREADABLE"),
        (giving(answer(200, {"access_token": "a b"})), "held", "TOKEN_UNREADABLE"),
        (giving(answer(200, {"access_token": "a\r\nX: y"})), "held", "TOKEN_UNREADABLE"),
        (giving(answer(200, {"access_token": "a", "expires_in": -1})), "held", "TOKEN_UNREADABLE"),
        (
            giving(answer(200, {"access_token": "a", "expires_in": True})),
            "held",
            "TOKEN_UNREADABLE",
        ),
        (
            giving(answer(200, {"access_token": "a", "token_type": "mac"})),
            "held",
            "TOKEN_UNREADABLE",
        ),
    ],
    ids=range(17),
)
def test_no_token_is_our_fault_or_for_later(
    api: Api, far: Far, play: Callable[[], Answer], kind: str, code: str
) -> None:
    far.before("POST /token", play)
    with pytest.raises(Ended) as ended:
        api.tokens.current(left)
    outcome = ended.value.outcome
    assert outcome.kind == kind
    assert getattr(outcome, "reason").code == code  # noqa: B009
    assert "Canary" not in said(outcome)
    assert api.tokens.current(left) == "token-1"  # it is tried again


@pytest.mark.parametrize("content", [None, b"", b"\n", b"  \n", b"\xff\xfe"])
def test_a_secret_that_cannot_be_read_holds(
    settings: FitConnect, api: Api, far: Far, tmp_path: Path, content: bytes | None
) -> None:
    settings.secret_file.unlink()
    if content is not None:
        settings.secret_file.write_bytes(content)
    with pytest.raises(Ended) as ended:
        api.tokens.current(left)
    assert ended.value.outcome.kind == "held"
    assert str(tmp_path) not in said(ended.value.outcome)
    assert far.calls == []


def test_who_waits_for_a_token_waits_no_longer_than_its_call(api: Api) -> None:
    with api.tokens._lock, pytest.raises(Ended) as ended:
        api.tokens.current(lambda: 0.01)
    assert ended.value.outcome.kind == "deferred"
