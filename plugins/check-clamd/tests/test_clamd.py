"""The check against a server that speaks clamd's protocol: verdicts, limits, time-outs."""

import functools
import hashlib
import io
import select
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from postfach_check_clamd import ClamdCheck
from postfach_check_clamd.clamd import CHUNK
from postfach_check_clamd.sandbox import EICAR, SIGNATURE, Sandbox
from postfach_mailbox import (
    AddressData,
    AuthorData,
    CodeData,
    DeliveryDocument,
    DocumentData,
    NoticeData,
    Objected,
    Passed,
    Submission,
    Undecided,
)

CLEAN = b"%PDF-1.4 nothing\n"


def submission(*contents: bytes, seconds: float = 30.0) -> Submission:
    facts = tuple(
        DocumentData(
            id=f"d{n}",
            filename=f"{n}.pdf",
            content_type="application/pdf",
            size=len(data),
            role="attachment",
            sha256=hashlib.sha256(data).hexdigest(),
        )
        for n, data in enumerate(contents)
    )
    notice = NoticeData(
        message_id="m",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        author=AuthorData(identifier="1"),
        mailbox=AddressData(id="anna"),
        service="urn:x",
        message_type=CodeData(value="x"),
        subject="s",
        legal_basis="OZG9",
        assurance_level="low",
        documents=facts,
    )
    documents = tuple(
        DeliveryDocument(facts=one, opener=functools.partial(io.BytesIO, data))
        for one, data in zip(facts, contents, strict=True)
    )
    deadline = time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
    return Submission(notice=notice, documents=documents, deadline=deadline)


@contextmanager
def clamd(path: Path, **settings: int) -> Iterator[Sandbox]:
    with Sandbox(path, **settings) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield server
        finally:
            server.held.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def path() -> Iterator[Path]:
    # Not below tmp_path: the path of a socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="clamd-") as folder:
        yield Path(folder) / "socket"


@pytest.fixture
def check(path: Path) -> ClamdCheck:
    return ClamdCheck(ClamdCheck.Config(socket=path))


def test_clean_documents_pass_and_each_was_looked_at_whole(path: Path, check: ClamdCheck) -> None:
    long = bytes(3 * CHUNK + 5)
    with clamd(path) as server:
        assert check.check(submission(CLEAN, long, b"")) == Passed()
    assert sorted(server.streams) == [0, len(CLEAN), len(long)]


@pytest.mark.parametrize("before", [0, CHUNK - 10, CHUNK, 3 * CHUNK - 1])
def test_eicar_is_found_wherever_it_stands_and_the_document_is_named(
    path: Path, check: ClamdCheck, before: int
) -> None:
    with clamd(path):
        verdict = check.check(submission(CLEAN, bytes(before) + EICAR))
    assert isinstance(verdict, Objected)
    assert (verdict.reason.code, verdict.document) == ("MALWARE", "d1")
    assert verdict.reason.mailbox_code == SIGNATURE


def test_a_document_that_is_longer_than_clamd_takes_gets_no_verdict(
    path: Path, check: ClamdCheck
) -> None:
    with clamd(path, limit=CHUNK):
        assert isinstance(check.check(submission(bytes(50 * CHUNK))), Undecided)
        assert check.check(submission(bytes(CHUNK))) == Passed()


def test_without_clamd_there_is_no_verdict_and_its_health_is_down(
    path: Path, check: ClamdCheck
) -> None:
    verdict = check.check(submission(CLEAN))
    assert isinstance(verdict, Undecided)
    assert verdict.reason.code == "CLAMD_AWAY"
    assert check.health().status == "down"
    with clamd(path):
        assert check.health().status == "up"


def test_a_clamd_that_hangs_is_left_at_the_deadline(path: Path, check: ClamdCheck) -> None:
    with clamd(path) as server:
        server.held.clear()
        begun = time.monotonic()
        assert isinstance(check.check(submission(CLEAN, seconds=0.3)), Undecided)
        assert time.monotonic() - begun < 5


def test_a_call_without_time_left_connects_to_nothing(path: Path, check: ClamdCheck) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert isinstance(check.check(submission(CLEAN, seconds=-1)), Undecided)
        assert select.select([listener], [], [], 0)[0] == []


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"stream: O", b"x" * 9999]
)
def test_what_does_not_speak_the_protocol_gives_no_verdict(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection, suppress(OSError):  # a client may have heard enough
                    connection.recv(100)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        check = ClamdCheck(ClamdCheck.Config(host="127.0.0.1", port=port))
        assert isinstance(check.check(submission(CLEAN)), Undecided)
        assert check.health().status == "down"
        thread.join()


def test_settings_name_exactly_one_way_to_clamd() -> None:
    bad: list[Callable[[], object]] = [
        ClamdCheck.Config,
        lambda: ClamdCheck.Config(socket=Path("a"), host="b"),
        lambda: ClamdCheck.Config(host="b", port=0),
    ]
    for make in bad:
        with pytest.raises(ValidationError):
            make()


@pytest.mark.parametrize(
    ("answer", "size"),
    [(b"stream: OK", 10), (b"stream: OK\0", 500 * CHUNK)],
    ids=["cut off", "before the end of the stream"],
)
def test_an_ok_that_cannot_be_relied_on_lets_nothing_pass(
    path: Path, check: ClamdCheck, answer: bytes, size: int
) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answer_at_once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                if size < CHUNK:
                    while connection.recv(CHUNK):
                        pass

        thread = threading.Thread(target=answer_at_once)
        thread.start()
        verdict = check.check(submission(bytes(size)))
        thread.join()
    assert isinstance(verdict, Undecided)
