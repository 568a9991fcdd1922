"""What a document of 20 MB costs in memory, sent over a real connection, and fetched."""

import threading
import tracemalloc
from collections.abc import Callable
from typing import IO, Final, Self

import pytest

from postfach_fitconnect import FitConnect
from postfach_fitconnect.api import Api
from postfach_fitconnect.jwe import Recipient, opened, whole
from postfach_fitconnect.sending import Upload
from postfach_fitconnect.testkit import Keys
from postfach_fitconnect.testkit.parcels import attachment, left
from postfach_http import Client
from postfach_http.testkit import Line, Server, length

MB: Final = 1024 * 1024
SIZE: Final = 20 * MB
TOKEN: Final = b'{"access_token": "t", "expires_in": 1800}'


class Zeros:
    """A stream of so many zeros."""

    def __init__(self) -> None:
        self._left = SIZE

    def read(self, most: int) -> bytes:
        some = min(most, self._left)
        self._left -= some
        return bytes(some)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def opener() -> IO[bytes]:
    return Zeros()  # type: ignore[return-value]  # all of a stream that is used


def swallowing(line: Line) -> None:
    """Take requests and keep nothing of them."""
    room = memoryview(bytearray(64 * 1024))
    while True:
        head = line.head()
        rest = length(head)
        while rest:
            rest -= line.socket.recv_into(room[: min(rest, len(room))]) or rest
        line.answer(200, TOKEN if head.startswith(b"POST /token") else b"")


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 4])
def test_sending_20_mb_costs_a_few_pieces(settings: FitConnect, keys: Keys, at_once: int) -> None:
    recipient = Recipient(key=keys.encryption.private.public_key(), kid="kid")
    with Server(swallowing) as server:
        client = Client(f"http://127.0.0.1:{server.port}")
        api = Api(settings, client)
        uploads = [
            Upload(attachment(b"", size=SIZE, open=opener), recipient) for _ in range(at_once)
        ]

        def one(upload: Upload) -> None:
            answer = api.ask("PUT", "/v2/submissions/x", body=upload.body, left=left)
            assert (answer.status, answer.sent) == (200, True)

        def work() -> None:
            threads = [threading.Thread(target=one, args=(each,)) for each in uploads]
            for each in threads:
                each.start()
            for each in threads:
                each.join()

        cost = peak(work)
        client.close()
    assert all(each.sha512 and each.tag for each in uploads)
    assert cost < at_once * 2 * MB, f"{cost / MB:.1f} MB"


@pytest.mark.slow
def test_opening_20_mb_costs_a_few_times_as_much(keys: Keys) -> None:
    recipient = Recipient(key=keys.ours.private.public_key(), kid="kid")
    token, _ = whole(recipient, "application/pdf", bytes(SIZE))
    cost = peak(lambda: opened(token, keys.ours.private, "kid"))
    assert cost + len(token) < 4 * SIZE, f"{(cost + len(token)) / SIZE:.1f} times the size"
