import http.client
from pathlib import Path

import pytest
from aiohttp import web

from postfach_sandbox.arrivals import Arrivals
from postfach_sandbox.server import Served, serving

EVIL = "<script>alert(1)</script>"


def put(arrivals: Arrivals, data: bytes, **facts: object) -> str:
    with arrivals.begin() as incoming:
        incoming.write("file-1", data)
        return incoming.keep(facts).id


def test_what_arrived_is_there_after_a_restart_byte_for_byte(tmp_path: Path) -> None:
    put(Arrivals(tmp_path), b"\r\n\0\xff", account="anna")
    again = Arrivals(tmp_path)
    put(again, b"2", account="ben")
    found = Arrivals(tmp_path)
    assert [each.facts["account"] for each in found.all()] == ["anna", "ben"]
    assert found.read("000001", "file-1") == b"\r\n\0\xff"
    assert found.all() == again.all()


def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path)
    with arrivals.begin() as incoming:
        incoming.write("file-1", b"x")
    assert arrivals.all() == []
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_sandbox_are_removed(tmp_path: Path) -> None:
    Arrivals(tmp_path).begin().write("file-1", b"x")
    assert Arrivals(tmp_path).all() == []
    assert list(tmp_path.iterdir()) == []


def get(served: Served, path: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".", "facts.json", "file-1"])
def test_a_name_must_be_plain_and_new(tmp_path: Path, name: str) -> None:
    with Arrivals(tmp_path).begin() as incoming:
        incoming.write("file-1", b"x")
        with pytest.raises(ValueError, match="plain file name"):
            incoming.file(name)


def test_the_page_escapes_and_runs_nothing(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path)
    put(arrivals, f"<html>{EVIL}".encode(), **{"title": EVIL, EVIL: [EVIL]})

    def make_app() -> web.Application:
        app = web.Application()
        arrivals.equip(app, f"All {EVIL}")
        return app

    with serving(make_app) as served:
        _, page, headers = get(served, "/")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        _, file, headers = get(served, "/arrivals/000001/file-1")
        assert file == f"<html>{EVIL}".encode()
        assert headers.get_content_type() == "text/plain"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert get(served, "/arrivals/000001/facts.json")[0] == 404
    text = page.decode()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "/arrivals/000001/file-1" in text
