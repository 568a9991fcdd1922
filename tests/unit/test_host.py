"""The hub's end of a mailbox's child, with real processes."""

import hashlib
import json
from pathlib import Path

import pytest

from hub.host import Answer, Event, Kept, Started
from hub.mailboxes import find
from postfach_mailbox import Capabilities, frames
from postfach_mailbox.frames import Operation
from postfach_mailbox.outcomes import Health
from tests.foreign.box import TEXT, Box, Make
from tests.foreign.table import Table

pytestmark = pytest.mark.slow


def test_a_mailbox_that_starts_tells_what_it_can(make: Make) -> None:
    box = make()
    event = box.start()
    assert isinstance(event, Started)
    assert isinstance(event.capabilities, Capabilities)
    assert event.capabilities.scheme == "odd"
    assert event.operations == {Operation.DEPOSIT, Operation.HEALTH, Operation.ACCOUNT}
    assert (box.host.up, box.host.free) == (True, 3)
    box.host.stop(10.0)
    assert (box.host.up, box.host.free, box.host.fileno()) == (False, 0, None)


def test_a_child_reads_the_vaults_ciphertext_by_descriptor(box: Box) -> None:
    outcome = box.outcome("read")
    expected = hashlib.sha256(TEXT).hexdigest().encode() + TEXT[70_000:70_005]
    assert outcome.evidence[0].data == expected


def test_health_is_answered_while_all_places_hang(box: Box) -> None:
    for call in range(3):
        assert box.deposit("hang", call)
    assert box.host.free == 0
    assert not box.deposit("good", 9)
    deadline = box.clock.real.elapsed() + 30
    assert box.host.call(10, Operation.HEALTH, deadline=deadline)
    assert box.next() == Answer(
        call=10, operation=Operation.HEALTH, outcome=Health(status="up", text="hello")
    )


def test_calls_run_at_once(box: Box) -> None:
    for call in range(3):  # each waits in the mailbox for the two others
        assert box.deposit("together", call)
    answers: list[Event] = []
    while len(answers) < 3:
        answers += box.wait()
    assert all(isinstance(each, Answer) and each.outcome.kind == "deposited" for each in answers)
    assert box.host.free == 3  # what is answered is answered


def test_keep_waits_until_it_is_acknowledged(box: Box) -> None:
    assert box.deposit("keep")
    assert box.next() == Kept(call=1, reference="reference of the mailbox")
    assert box.outcome("good", call=2).kind == "deposited"
    box.host.acknowledge_keep(1)
    event = box.next()
    assert isinstance(event, Answer)
    assert event.outcome.kind == "deposited"
    box.host.acknowledge_keep(1)  # too late is no error


def test_a_reference_that_is_too_long_is_not_kept(box: Box) -> None:
    assert box.outcome("keep too much").kind == "unknown"


def test_keep_that_is_not_acknowledged_ends_the_call_at_its_deadline(box: Box) -> None:
    assert box.deposit("keep", seconds=0.3)
    assert isinstance(box.next(), Kept)
    event = box.next()
    assert isinstance(event, Answer)
    assert event.outcome.kind == "unknown"
    assert "KeepFailed" in event.outcome.reason.text


@pytest.mark.parametrize("subject", ["raise", "exit", "lie"])
def test_a_plugin_that_misbehaves_harms_only_its_call(box: Box, subject: str) -> None:
    outcome = box.outcome(subject)
    assert outcome.kind == "unknown"
    assert "canary" not in repr(outcome)
    assert box.outcome("good").kind == "deposited"


def test_an_operation_that_raises_has_failed(box: Box) -> None:
    deadline = box.clock.real.elapsed() + 30
    address = frames.TextPayload(text="anna")
    assert box.host.call(1, Operation.ACCOUNT, address, deadline=deadline)
    event = box.next()
    assert isinstance(event, Answer)
    assert event.outcome.kind == "failed"


def test_a_call_that_came_too_late_is_not_begun(box: Box) -> None:
    assert box.outcome("die", seconds=-0.001).kind == "held"


def test_a_large_call_goes_out_as_the_child_reads(box: Box) -> None:
    for call in range(3):
        assert box.deposit("good", call, text="x" * 1_000_000)
    answers: list[Event] = []
    while len(answers) < 3:
        answers += box.wait()
    assert all(isinstance(each, Answer) for each in answers)


def test_what_a_plugin_prints_goes_nowhere(box: Box) -> None:
    assert box.outcome("print").kind == "deposited"


def test_a_child_inherits_nothing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = json.loads(box.outcome("look").evidence[0].data)
    assert set(seen["environment"]) <= {
        "PATH", "LANG", "TZ", "HOME", "TMPDIR", "MALLOC_ARENA_MAX", "LC_CTYPE",
    }  # fmt: skip
    assert seen["files"] == []
    # standard streams, the socket, this call's document, and the folder being listed
    assert seen["descriptors"] == 6


def test_the_directory_mailbox_works_in_a_child(make: Make, tmp_path: Path) -> None:
    (tmp_path / "letters" / "anna").mkdir(parents=True)
    (tmp_path / "letters" / ".mailbox").touch()
    box = make(find("mailboxes", "archive", Table("directory")), tmp_path, path="letters")
    assert isinstance(box.start(), Started)
    outcome = box.outcome("read")
    assert (tmp_path / "letters" / outcome.reference / "bescheid.pdf").read_bytes() == TEXT
