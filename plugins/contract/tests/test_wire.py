"""Frames and descriptors over a real socket pair."""

import os
import socket
import struct
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from postfach_mailbox.frames import KeepAck, TextPayload, plain_config
from postfach_mailbox.wire import FRAME_MAX, Broken, Inbox, Outbox, pack

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_frames_come_out_as_they_went_in_however_they_were_cut(pair: Pair) -> None:
    ours, theirs = pair
    frames = [KeepAck(id=number) for number in range(20)]
    inbox = Inbox(descriptors=False)
    found = []
    for byte in b"".join(pack(frame) for frame in frames):
        ours.send(bytes([byte]))
        inbox.receive(theirs)
        found += list(inbox.frames())
    assert [KeepAck.model_validate_json(frame) for frame in found] == frames


def test_each_frame_gets_its_own_descriptors(pair: Pair) -> None:
    ours, theirs = pair
    outbox, inbox = Outbox(), Inbox(descriptors=True)
    for text in (b"one", b"two", b"three"):
        with tempfile.TemporaryFile() as file:
            file.write(text)
            file.flush()
            outbox.put(pack(KeepAck(id=1)), [file.fileno()])
    outbox.flush(ours)
    found = 0
    while found < 3:
        inbox.receive(theirs)
        found += len(list(inbox.frames()))
    for text in (b"one", b"two", b"three"):
        (fd,) = inbox.take(1)
        assert os.pread(fd, 10, 0) == text
        assert not os.get_inheritable(fd)
        os.close(fd)
    with pytest.raises(Broken):
        inbox.take(1)


def test_what_the_socket_does_not_take_waits_and_goes_later(pair: Pair) -> None:
    ours, theirs = pair
    outbox, inbox = Outbox(), Inbox(descriptors=False)
    frames = [TextPayload(text="x" * 500_000) for _ in range(8)]
    for tag, frame in enumerate(frames):
        outbox.put(pack(frame), tag=tag)
    outbox.flush(ours)
    assert outbox.unsent()
    assert outbox.unsent()[-1] == 7
    found: list[bytes] = []
    while len(found) < 8:
        inbox.receive(theirs)
        found += list(inbox.frames())
        outbox.flush(ours)
    assert outbox.unsent() == ()
    assert [TextPayload.model_validate_json(frame) for frame in found] == frames


def test_what_is_forgotten_leaves_no_descriptor_open(pair: Pair) -> None:
    ours, theirs = pair
    before = descriptors()
    outbox, inbox = Outbox(), Inbox(descriptors=True)
    outbox.put(pack(KeepAck(id=1)), [ours.fileno(), theirs.fileno()])
    outbox.flush(ours)
    outbox.put(pack(KeepAck(id=2)), [ours.fileno()])
    inbox.receive(theirs)
    outbox.close()
    inbox.close()
    assert descriptors() == before


def test_a_frame_that_claims_to_be_too_long_breaks_the_connection(pair: Pair) -> None:
    ours, theirs = pair
    ours.send(struct.pack("!I", FRAME_MAX + 1))
    inbox = Inbox(descriptors=False)
    inbox.receive(theirs)
    with pytest.raises(Broken):
        list(inbox.frames())


def test_a_frame_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ValueError, match="allowed"):
        pack(TextPayload(text="x" * FRAME_MAX))


def test_descriptors_that_cannot_be_duplicated_are_all_given_back() -> None:
    before = descriptors()
    with pytest.raises(OSError, match="Bad file"):
        Outbox().put(b"frame", [0, 1, 99_999])
    assert descriptors() == before


def test_a_table_of_hub_toml_becomes_json() -> None:
    table = {"port": 1, "names": ["a"], "since": date(2026, 3, 1), "inner": {"on": True}}
    assert plain_config(table) == table | {"since": "2026-03-01"}


def test_descriptors_that_nobody_expects_are_not_taken(pair: Pair) -> None:
    ours, theirs = pair
    outbox, inbox = Outbox(), Inbox(descriptors=False)
    outbox.put(pack(KeepAck(id=1)), [ours.fileno()])
    outbox.flush(ours)
    before = descriptors()
    inbox.receive(theirs)
    assert descriptors() == before
    assert len(list(inbox.frames())) == 1
