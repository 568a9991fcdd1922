"""A document of a reply counts only if announcement, answer and what came are the same."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hub.clock import system_clock
from hub.durable import Disk
from hub.returns.fetching import Fetch, NotWhole
from hub.segment import Segment
from hub.vault import Vault, new_key
from postfach_mailbox import Fetched, ReplyDocument

DATA = b"what was enclosed" * 1000
SHA = hashlib.sha256(DATA).hexdigest()
TOLD = Fetched(size=len(DATA), sha256=SHA)


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    vault = Vault(tmp_path / "vault", bytes(32), Disk())
    with vault.segment() as made:
        yield made
    vault.close()


def facts(size: int = len(DATA), sha256: str | None = None) -> ReplyDocument:
    return ReplyDocument(filename="a", content_type="text/plain", size=size, sha256=sha256)


def fetched(
    segment: Segment, announced: ReplyDocument, data: bytes = DATA, *, seconds: float = 30.0
) -> Fetch:
    """Play the child: write, close, and wait until the hub has read."""
    clock = system_clock()
    until = clock.elapsed() + seconds
    fetch = Fetch(segment, announced, key=new_key(), context=b"x", clock=clock, until=until)
    writing = os.dup(fetch.writing)
    fetch.start()

    def write() -> None:
        try:
            with open(writing, "wb") as pipe:  # noqa: PTH123  # a descriptor has no path
                pipe.write(data)
        except BrokenPipeError:
            pass

    child = threading.Thread(target=write)
    child.start()
    child.join()
    fetch._thread.join()
    return fetch


def test_a_whole_document_lies_in_the_segment(segment: Segment) -> None:
    extent = fetched(segment, facts(sha256=SHA)).whole(TOLD)
    assert (extent.size, extent.sha256) == (len(DATA), SHA)


@pytest.mark.parametrize(
    ("announced", "answer"),
    [
        (facts(size=len(DATA) - 1), TOLD),
        (facts(size=len(DATA) + 1), TOLD),
        (facts(sha256="0" * 64), TOLD),
        (facts(), Fetched(size=len(DATA), sha256="0" * 64)),
        (facts(), Fetched(size=len(DATA) + 1, sha256=SHA)),
        (facts(), None),
    ],
    ids=["longer", "shorter", "announced-digest", "told-digest", "told-size", "no-answer"],
)
def test_any_lie_about_it_is_found(
    segment: Segment, announced: ReplyDocument, answer: Fetched | None
) -> None:
    fetch = fetched(segment, announced)
    with pytest.raises(NotWhole):
        fetch.whole(answer)


def test_a_child_that_never_closes_ends_with_its_call(segment: Segment) -> None:
    clock = system_clock()
    fetch = Fetch(
        segment, facts(), key=new_key(), context=b"x", clock=clock, until=clock.elapsed() + 0.05
    )
    held = os.dup(fetch.writing)
    fetch.start()
    fetch._thread.join(10)
    assert fetch.done
    os.close(held)
    with pytest.raises(NotWhole):
        fetch.whole(TOLD)


def test_a_child_that_writes_on_and_on_is_cut_off_at_the_announced_size(segment: Segment) -> None:
    clock = system_clock()
    fetch = Fetch(
        segment, facts(), key=new_key(), context=b"x", clock=clock, until=clock.elapsed() + 60
    )
    writing = os.dup(fetch.writing)
    fetch.start()
    written = 0
    with suppress(BrokenPipeError), open(writing, "wb", buffering=0) as pipe:  # noqa: PTH123
        while written < 100 * len(DATA):
            written += pipe.write(DATA)
    fetch._thread.join(10)
    assert fetch.done
    assert written < 100 * len(DATA)
    with pytest.raises(NotWhole):
        fetch.whole(TOLD)


def test_a_child_that_drips_ends_with_its_call(segment: Segment) -> None:
    clock = system_clock()
    fetch = Fetch(
        segment, facts(), key=new_key(), context=b"x", clock=clock, until=clock.elapsed() + 0.05
    )
    writing = os.dup(fetch.writing)
    fetch.start()
    drops = 0
    with suppress(BrokenPipeError), open(writing, "wb", buffering=0) as pipe:  # noqa: PTH123
        while drops < 500:
            pipe.write(DATA[drops : drops + 1])
            drops += 1
            fetch._thread.join(0.01)
    assert fetch.done
    assert drops < 500
    with pytest.raises(NotWhole):
        fetch.whole(TOLD)
