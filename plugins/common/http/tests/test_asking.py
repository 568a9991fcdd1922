"""One request and its answer: what is sent, and what is made of what comes back."""

import io
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from postfach_http import Answer, Client, Lost
from postfach_http.call import lasting
from postfach_http.testkit import Line, Script, Server, politely


def test_a_request_goes_out_with_its_exact_length(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    got: list[bytes] = []

    def script(line: Line) -> None:
        got.append(line.request())
        line.answer(201, b"{}", b"X-Two: a", b"x-two: b")

    server = serve(script)
    client = Client(f"http://127.0.0.1:{server.port}/prefix/")
    pieces = (each for each in (b"abc", b"", b"def"))
    answer = client.ask(
        "PUT", "/a/b?c=%20d", headers={"X-One": "1"}, body=pieces, length=6, left=lasting(10)
    )
    client.close()
    head, _, body = got[0].partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    assert first == "PUT /prefix/a/b?c=%20d HTTP/1.1"
    lines = {each.lower() for each in rest}
    assert {f"host: 127.0.0.1:{server.port}", "x-one: 1", "content-length: 6"} <= lines
    assert not any(each.startswith("transfer-encoding") for each in lines)
    assert body == b"abcdef"
    assert answer == Answer(
        status=201, headers={"x-two": "a, b", "content-length": "2"}, body=b"{}"
    )


def test_a_large_body_arrives_whole(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    got: list[bytes] = []

    def script(line: Line) -> None:
        got.append(line.request())
        line.answer()

    data = bytes(range(256)) * 40_000
    pieces = [data[begin : begin + 65536] for begin in range(0, len(data), 65536)]
    client = asking(serve(script))
    client.ask("POST", "/", body=pieces, length=len(data), left=lasting(20))
    assert got[0].partition(b"\r\n\r\n")[2] == data


def test_connections_are_kept(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    server = serve(politely)
    client = asking(server)
    for _ in range(3):
        assert client.question("GET", "/").body == b"ok"
    assert server.connections == 1


def test_a_body_that_is_shorter_than_announced_is_lost(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    client = asking(serve(politely))
    with pytest.raises(Lost):
        client.ask("PUT", "/", body=[b"abc"], length=4, left=lasting(10))


def test_no_byte_more_than_announced_is_sent(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    got: SimpleQueue[bytes] = SimpleQueue()

    def script(line: Line) -> None:
        got.put(line.head() + line.until_closed())

    server = serve(script)
    client = asking(server)
    with pytest.raises(Lost):
        client.ask("PUT", "/", body=[b"abc", b"defg"], length=4, left=lasting(10))
    assert got.get(timeout=10).partition(b"\r\n\r\n")[2] == b"abc"


@pytest.mark.parametrize("error", [OSError("canary"), ValueError("canary")])
def test_what_the_body_raises_is_raised_and_the_request_never_ends(
    error: Exception, serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    got: SimpleQueue[bytes] = SimpleQueue()

    def script(line: Line) -> None:
        line.head()
        got.put(line.until_closed())

    def pieces() -> Iterator[bytes]:
        yield b"abc"
        raise error

    server = serve(script)
    client = asking(server)
    with pytest.raises(type(error), match="canary"):
        client.ask("PUT", "/", body=pieces(), length=6, left=lasting(10))
    assert got.get(timeout=10) == b"abc"


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("no-slash", {}, b""),
        ("/a b", {}, b""),
        ("/a\r\nX: y", {}, b""),
        ("/ä", {}, b""),
        ("/", {"X": "a\r\nY: b"}, b""),
        ("/", {"X Y": "a"}, b""),
        ("/", {"X": "\u20ac"}, b""),
        ("/", {"Content-Length": "3"}, b""),
        ("/", {"transfer-encoding": "chunked"}, b""),
        ("/", {"HOST": "other.example"}, b""),
        ("/", {}, [b"a piece"]),
    ],
)
def test_what_cannot_be_sent_is_said_before_a_connection_is_made(
    path: str,
    headers: dict[str, str],
    body: bytes | list[bytes],
    serve: Callable[..., Server],
    asking: Callable[[Server], Client],
) -> None:
    server = serve(politely)
    with pytest.raises(ValueError, match=r"path|header|length"):
        asking(server).ask("PUT", path, headers=headers, body=body, left=lasting(10))
    assert server.connections == 0


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("mailbox.example", None),
        ("ftp://mailbox.example", None),
        ("https://", None),
        ("https://name:secret@mailbox.example", None),
        ("https://mailbox.example/?a", None),
        ("https://mailbox.example", "https://proxy.example"),
        ("https://mailbox.example", "http://name:secret@proxy.example"),
        ("http://mailbox.example", "http://proxy.example"),
    ],
)
def test_an_unusable_url_is_refused_without_repeating_it(url: str, proxy: str | None) -> None:
    with pytest.raises(ValueError, match=r"^(base_url|proxy): ") as caught:
        Client(url, proxy=proxy)
    assert "secret" not in str(caught.value)


def test_no_redirect_is_followed_and_no_cookie_is_kept(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    got: list[bytes] = []

    def script(line: Line) -> None:
        while True:
            got.append(line.request())
            line.answer(302, b"", b"Location: /else", b"Set-Cookie: a=b")

    client = asking(serve(script))
    assert client.question("GET", "/").status == 302
    assert client.question("GET", "/").status == 302
    assert [each.split(b" ")[1] for each in got] == [b"/", b"/"]
    assert b"cookie" not in b"".join(got).lower()


def test_a_proxy_of_the_environment_is_not_used(
    serve: Callable[..., Server],
    asking: Callable[[Server], Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert asking(serve(politely)).question("GET", "/").status == 200


def test_of_a_long_answer_no_more_is_read_than_wanted(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def endless(line: Line) -> None:
        line.request()
        line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while True:
            line.say(b"x" * 65536)

    server = serve(endless, politely)
    client = asking(server)
    answer = client.ask("GET", "/", left=lasting(10), most=100_000)
    assert (answer.whole, answer.body) == (False, b"x" * 100_000)
    assert client.question("GET", "/").body == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"a"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
    ],
)
def test_answers_of_each_form_are_read(
    said: bytes, body: bytes, serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def script(line: Line) -> None:
        line.request()
        line.say(said)

    answer = asking(serve(script)).question("POST", "/", body=b"x")
    assert (answer.body, answer.whole) == (body, True)


def test_two_answers_for_one_request_are_no_answer_to_the_next(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"

    def script(line: Line) -> None:
        line.request()
        line.say(said + b"a" + said + b"b")
        line.over.wait()

    server = serve(script, politely)
    client = asking(server)
    assert client.question("GET", "/").body == b"a"
    assert client.question("GET", "/").body == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n"]
)
def test_what_is_no_answer_is_lost(
    said: bytes, serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def script(line: Line) -> None:
        line.request()
        line.say(said)

    with pytest.raises(Lost):
        asking(serve(script)).question("PUT", "/", body=b"x")


def test_a_file_is_sent_as_it_is_read(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    scripts: list[Script] = [politely]
    client = asking(serve(*scripts))
    file = io.BytesIO(b"a" * 200_000)
    pieces = iter(lambda: file.read(1000), b"")
    begin = time.monotonic()
    assert client.ask("PUT", "/", body=pieces, length=200_000, left=lasting(10)).status == 200
    assert time.monotonic() - begin < 10
