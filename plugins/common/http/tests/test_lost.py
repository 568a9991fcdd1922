"""What was sent is told from what was not, whatever becomes of the connection."""

import socket
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import h11
import pytest

from postfach_http import Client, Lost, NotConnected
from postfach_http import client as clients
from postfach_http.call import Call, lasting
from postfach_http.connection import Connection, Stale
from postfach_http.line import Line as OurLine
from postfach_http.testkit import Line, Server, politely

LARGE = [b"x" * 1_000_000] * 30


def test_a_refused_connection_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NotConnected, match="ConnectionRefusedError"):
        Client(f"http://127.0.0.1:{port}").question("PUT", "/", body=b"x")


def resets(line: Line) -> None:
    line.request()
    line.reset()


def half_closes(line: Line) -> None:
    line.request()
    line.socket.shutdown(socket.SHUT_WR)
    line.over.wait()


def breaks_in_the_head(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 201 Created\r\nContent-Le")


def breaks_in_the_body(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nabc")


def breaks_in_a_chunk(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")


@pytest.mark.parametrize(
    "script", [resets, half_closes, breaks_in_the_head, breaks_in_the_body, breaks_in_a_chunk]
)
def test_it_may_have_been_taken_where_the_server(
    script: Callable[[Line], None], serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    server = serve(script)
    with pytest.raises(Lost):
        asking(server).question("PUT", "/", body=b"x")
    assert server.connections == 1  # and it is not sent again


def test_a_half_closed_connection_ends_sending(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def script(line: Line) -> None:
        line.head()
        line.socket.shutdown(socket.SHUT_WR)
        line.over.wait()

    with pytest.raises(Lost, match="RemoteProtocolError"):
        asking(serve(script)).ask("PUT", "/", body=LARGE, length=30_000_000, left=lasting(20))


@pytest.mark.parametrize("more", [[], [b"Connection: close"]])
def test_an_answer_before_the_body_was_taken_is_heard_and_ends_sending(
    more: list[bytes], serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def script(line: Line) -> None:
        line.head()
        line.answer(413, b"too large", *more)
        line.over.wait()  # and takes nothing more

    server = serve(script, politely)
    client = asking(server)
    answer = client.ask("PUT", "/", body=LARGE, length=30_000_000, left=lasting(20))
    assert (answer.status, answer.body, answer.sent) == (413, b"too large", False)
    assert client.question("GET", "/").sent
    assert server.connections == 2


def test_a_slow_body_is_broken_off_by_an_answer(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    """Not only a full socket lets us look: each piece does."""
    answered = threading.Event()

    def script(line: Line) -> None:
        line.head()
        line.answer(503)
        answered.set()
        line.over.wait()

    given: list[bytes] = []

    def piece() -> bytes:
        if given:
            answered.wait()
        given.append(b"x")
        return b"x"

    client = asking(serve(script))
    answer = client.ask("PUT", "/", body=iter(piece, b""), length=1000, left=lasting(10))
    assert (answer.status, answer.sent) == (503, False)
    assert len(given) < 1000


def test_an_interim_answer_does_not_end_sending(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def script(line: Line) -> None:
        head = line.head()
        line.say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
        line.body(head)
        line.answer(201)

    answer = asking(serve(script)).ask("PUT", "/", body=LARGE, length=30_000_000, left=lasting(20))
    assert (answer.status, answer.sent) == (201, True)


def test_a_kept_connection_that_the_server_closed_is_not_used(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    closed: SimpleQueue[None] = SimpleQueue()

    def once(line: Line) -> None:
        line.request()
        line.answer()
        line.socket.close()
        closed.put(None)

    server = serve(once)
    client = asking(server)
    for count in range(1, 4):
        assert client.question("PUT", "/", body=b"x").status == 200
        closed.get(timeout=10)
        assert server.connections == count


def test_a_server_that_speaks_unasked_is_not_asked_on_that_connection(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    spoken: SimpleQueue[None] = SimpleQueue()

    def script(line: Line) -> None:
        line.request()
        line.answer()
        line.answer(200, b"a lie")
        spoken.put(None)
        line.over.wait()

    server = serve(script, politely)
    client = asking(server)
    client.question("GET", "/")
    spoken.get(timeout=10)
    assert client.question("PUT", "/", body=b"x").body == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize("body", [[b"x"], LARGE])
def test_what_was_sent_on_a_kept_connection_is_never_sent_again(
    body: list[bytes], serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer()
        line.head()  # the second one is begun, and then the server goes
        line.reset()

    server = serve(script, politely)
    client = asking(server)
    client.question("GET", "/")
    with pytest.raises(Lost):
        client.ask("PUT", "/", body=body, length=sum(map(len, body)), left=lasting(20))
    assert server.connections == 1


def test_a_connection_that_was_not_used_for_long_is_not_used(
    serve: Callable[..., Server],
    asking: Callable[[Server], Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(politely)
    client = asking(server)
    client.question("GET", "/")
    monkeypatch.setattr(clients, "IDLE", 0.0)
    client.question("GET", "/")
    assert server.connections == 2


def answer_once(line: Line) -> None:
    line.request()
    line.answer()


class Blind(OurLine):
    """Does not see that the other side has closed: it happens a moment later."""

    def ready(self, events: int, seconds: float) -> bool:
        return bool(seconds) and super().ready(events, seconds)


@pytest.mark.parametrize("kind", [OurLine, Blind])
def test_a_kept_connection_is_stale_as_long_as_nothing_was_sent(kind: type[OurLine]) -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(kind(ours))
    headers = [("Host", "a"), ("Content-Length", "1")]
    request = h11.Request(method="PUT", target="/", headers=headers)
    server = threading.Thread(target=lambda: answer_once(Line(theirs, threading.Event())))
    server.start()
    assert connection.exchange(request, [b"x"], Call(lasting(10)), 10).status == 200
    server.join()
    assert connection.fit
    theirs.close()
    asked: list[bytes] = []

    def body() -> Iterator[bytes]:
        asked.append(b"x")
        yield b"x"

    with pytest.raises(Stale):
        connection.exchange(request, body(), Call(lasting(10)), 10)
    connection.close()
    assert not asked
    assert not connection.fit


def test_a_kept_connection_is_not_stale_any_more_once_something_was_sent() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(Blind(ours))
    headers = [("Host", "a"), ("Content-Length", "1")]
    request = h11.Request(method="PUT", target="/", headers=headers)
    there = Line(theirs, threading.Event())
    server = threading.Thread(target=lambda: answer_once(there))
    server.start()
    connection.exchange(request, [b"x"], Call(lasting(10)), 10)
    server.join()

    def body() -> Iterator[bytes]:
        there.head()  # it has the first half, and goes
        theirs.close()
        yield b"x"

    call = Call(lasting(10))
    with pytest.raises((OSError, h11.RemoteProtocolError)):
        connection.exchange(request, body(), call, 10)
    connection.close()
    assert (call.begun, call.cut) == (True, True)


@pytest.mark.slow
def test_many_threads_share_a_client(
    serve: Callable[..., Server], asking: Callable[[Server], Client]
) -> None:
    def echo(line: Line) -> None:
        while True:
            line.answer(200, line.request().partition(b"\r\n\r\n")[2])

    server = serve(echo)
    client = asking(server)
    wrong: SimpleQueue[object] = SimpleQueue()

    def work(number: int) -> None:
        for turn in range(50):
            said = f"{number}-{turn}".encode()
            try:
                if client.question("PUT", "/", body=said).body != said:
                    wrong.put(said)
            except Exception as error:  # noqa: BLE001  # any is a failure
                wrong.put(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong.empty()
    assert server.connections <= 16
