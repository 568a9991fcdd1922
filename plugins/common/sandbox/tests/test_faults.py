import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from aiohttp import web

from postfach_sandbox.arrivals import Arrivals
from postfach_sandbox.faults import Switch, Switches, acted
from postfach_sandbox.server import serving


class Post:
    """A sandbox with one path, /letters/ACCOUNT."""

    def __init__(self, folder: Path) -> None:
        self.arrivals, self.switches = Arrivals(folder), Switches(more=["own"])
        self.port = 0

    def make_app(self) -> web.Application:
        app = web.Application()
        app.router.add_put("/letters/{account}", self.take)
        self.switches.equip(app)
        return app

    async def take(self, request: web.Request) -> web.StreamResponse:
        account = request.match_info["account"]

        async def work(switch: Switch) -> web.StreamResponse:
            if switch.do == "closed" or account == "nobody":
                return web.json_response({}, status=410)
            with self.arrivals.begin() as incoming:
                incoming.write("letter", await request.read())
                incoming.keep({"account": account, "do": switch.do})
            return web.json_response({"stored": True})

        return await acted(request, self.switches, account, work)

    def ask(
        self, path: str = "/letters/anna", method: str = "PUT"
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, b"text" if method == "PUT" else None)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    post = Post(tmp_path)
    with serving(post.make_app) as served:
        post.port = served.port
        yield post


def test_a_good_request_is_stored_and_answered(post: Post) -> None:
    assert post.ask()[:2] == (200, b'{"stored": true}')
    assert len(post.arrivals.all()) == 1


@pytest.mark.parametrize(("do", "status"), [("busy", 429), ("error", 500), ("away", 503)])
def test_a_fault_before_storing_stores_nothing(post: Post, do: str, status: int) -> None:
    post.switches.turn("anna", do, 7)
    found, _, headers = post.ask()
    assert found == status
    assert headers.get("Retry-After") == ("7" if do == "busy" else None)
    assert post.arrivals.all() == []
    assert post.ask("/letters/ben")[0] == 200


@pytest.mark.parametrize(("do", "stored"), [("drop-before", 0), ("drop-after", 1)])
def test_a_broken_connection_gives_no_answer(post: Post, do: str, stored: int) -> None:
    post.switches.turn("*", do, once=True)
    with pytest.raises(ConnectionError):
        post.ask()
    assert len(post.arrivals.all()) == stored
    assert post.ask()[0] == 200  # once


@pytest.mark.parametrize("do", ["drop-after", "wrong-type"])
def test_a_refusal_is_not_lost(post: Post, do: str) -> None:
    post.switches.turn("*", do)
    assert post.ask("/letters/nobody")[:2] == (410, b"{}")


def test_slow_stores_and_answers_later(post: Post) -> None:
    post.switches.turn("anna", "slow", 0.3)
    before = datetime.now(UTC)
    assert post.ask()[0] == 200
    assert datetime.now(UTC) - before >= timedelta(seconds=0.3)
    assert len(post.arrivals.all()) == 1


def test_the_wrong_type_comes_after_storing(post: Post) -> None:
    post.switches.turn("anna", "wrong-type")
    status, body, headers = post.ask()
    assert (status, headers.get_content_type()) == (200, "text/html")
    assert b"Welcome" in body
    assert len(post.arrivals.all()) == 1


def test_the_handler_sees_a_closed_account_and_switches_of_its_own(post: Post) -> None:
    post.switches.turn("anna", "closed")
    assert post.ask()[0] == 410
    post.switches.turn("anna", "own")
    assert post.ask()[0] == 200
    assert post.arrivals.all()[0].facts["do"] == "own"


@pytest.mark.parametrize(("account", "hours"), [("*", 2), ("anna", -3)])
def test_the_servers_clock_can_be_wrong(post: Post, account: str, hours: int) -> None:
    post.switches.turn(account, "clock-skew", hours * 3600)
    date = parsedate_to_datetime(post.ask()[2]["Date"])
    assert abs(date - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(seconds=30)
    assert abs(post.switches.now("anna") - date) < timedelta(seconds=30)


def test_an_address_own_switch_comes_before_that_of_all(post: Post) -> None:
    post.switches.turn("*", "away")
    post.switches.turn("anna", "busy", 1)
    assert (post.ask()[0], post.ask("/letters/ben")[0]) == (429, 503)
    assert [post.switches.at(account).do for account in ("anna", "ben")] == ["busy", "away"]
    post.switches.turn("*", "good")
    assert post.ask()[0] == 200


def test_looking_at_a_switch_does_not_use_it_up(post: Post) -> None:
    post.switches.turn("anna", "busy", once=True)
    assert post.switches.at("anna") == post.switches.at("anna")
    assert (post.ask()[0], post.ask()[0]) == (429, 200)


def test_switches_are_turned_over_http(post: Post) -> None:
    assert post.ask("/switch?account=anna&do=busy&value=3&once=1", "POST")[0] == 200
    shown = json.loads(post.ask("/switch", "GET")[1])
    assert shown == {"anna": {"do": "busy", "value": 3, "once": True}}
    assert (post.ask()[0], post.ask()[0]) == (429, 200)


@pytest.mark.parametrize(
    "wish",
    [
        "do=unheard",
        "",
        "do=slow&value=much",
        "do=slow&value=nan",
        "do=busy&once=maybe",
        "do=good&account=",
    ],
)
def test_a_switch_that_is_not_there_is_refused(post: Post, wish: str) -> None:
    status, body, _ = post.ask(f"/switch?{wish}", "POST")
    assert status == 422
    assert json.loads(body)["error"]
    assert post.ask()[0] == 200
