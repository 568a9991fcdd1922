"""Children that die, hang, lie or leave something behind: what the hub's end makes of it."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hub.host import Answer, Died, Event, Fault, Started, StartFailed, StartFault
from tests.foreign.box import Box, Make

pytestmark = pytest.mark.slow  # a process or two for each test


def gone(pid: int) -> bool:
    """Wait for a process that is no child of ours to end."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 20)[0])
    finally:
        os.close(fd)


def test_a_child_that_dies_leaves_its_calls_unknown_and_can_be_started_again(box: Box) -> None:
    assert box.deposit("hang", 1)
    assert box.deposit("die", 2)
    event = box.next()
    assert isinstance(event, Died)
    assert (sorted(event.calls), event.unsent) == ([1, 2], ())
    assert "exit status 3" in event.reason
    assert box.host.events() == []
    assert not box.deposit("good", 3)
    assert isinstance(box.start(), Started)
    assert box.outcome("good").kind == "deposited"


def test_an_answer_given_before_death_is_not_lost(box: Box) -> None:
    assert box.deposit("good", 1)
    fd = box.host.fileno()
    assert fd is not None
    select.select([fd], [], [])
    assert box.deposit("die", 2)
    events: list[Event] = []
    while not any(isinstance(each, Died) for each in events):
        events += box.wait()
    answer, died = events
    assert isinstance(answer, Answer)
    assert answer.call == 1
    assert isinstance(died, Died)
    assert died.calls == (2,)


def test_a_child_that_passes_a_deadline_is_killed_with_all_it_started(box: Box) -> None:
    started = int(box.outcome("start").evidence[0].data)
    assert box.deposit("hang", 2)
    deadline = box.host.next_deadline()
    assert deadline is not None
    assert box.host.events() == []
    box.clock.forward = deadline - box.clock.elapsed() + 1
    event = box.next()
    assert isinstance(event, Died)
    assert event.calls == (2,)
    assert "deadline" in event.reason
    assert gone(started)


def test_a_child_that_closes_its_end_is_killed(box: Box) -> None:
    # its end stays open while another thread of it still reads there: then the deadline ends it
    assert box.deposit("close", seconds=1.0)
    event = box.next()
    assert isinstance(event, Died)
    assert event.calls == (1,)


def test_what_did_not_reach_a_stopped_child_is_told_apart(box: Box) -> None:
    assert box.host._child is not None
    guardian = box.host._child.process.pid
    (pid,) = map(int, Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split())
    os.kill(pid, signal.SIGSTOP)
    for call in range(3):
        assert box.deposit("good", call, text="x" * 700_000)
    os.kill(pid, signal.SIGKILL)
    event = box.next()
    assert isinstance(event, Died)
    assert 2 in event.unsent
    assert sorted((*event.calls, *event.unsent)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("note", "said", "fault"),
    [
        ("dies at start", "exit status 4", Fault.ENDED),
        ("unknown key", "config.colour", StartFault.CONFIG),
    ],
)
def test_a_mailbox_that_cannot_start_says_why(
    make: Make, note: str, said: str, fault: Fault | StartFault
) -> None:
    config = {"colour": "blue"} if note == "unknown key" else {"note": note}
    box = make(**config)
    event = box.start()
    assert isinstance(event, StartFailed)
    assert said in event.reason
    assert event.fix
    assert (event.fault, event.configured) == (fault, fault is StartFault.CONFIG)
    assert box.host.fileno() is None


def test_a_mailbox_that_hangs_at_start_is_given_up(make: Make) -> None:
    box = make(note="hangs at start")
    box.host.start()
    assert box.host.events() == []
    deadline = box.host.next_deadline()
    assert deadline is not None
    box.clock.forward = deadline - box.clock.elapsed() + 1
    assert isinstance(box.next(), StartFailed)


def test_a_child_dies_with_its_hub(interpreter: Path) -> None:
    program = """
import select, sys
from tests.foreign.box import Box
from pathlib import Path
box = Box(Path(sys.argv[1]))
box.start()
box.deposit("start")
(answer,) = box.wait()
box.deposit("hang", 2)
print(answer.outcome.evidence[0].data.decode(), box.host._child.process.pid, flush=True)
select.select([], [], [])
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, str(interpreter)]
    hub = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE)
    assert hub.stdout is not None
    with hub.stdout as said:
        started, guardian = map(int, said.readline().split())
    hub.kill()
    hub.wait()
    assert gone(guardian)
    assert gone(started)


def test_a_stopped_host_leaves_no_descriptor_no_folder_and_no_process(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def traces() -> tuple[int, int, str]:
        folders = len(list(tmp_path.glob("postfach-mailbox-*")))
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        return len(list(Path("/proc/self/fd").iterdir())), folders, children

    before = traces()
    box = make()
    box.start()
    box.deposit("hang", text="x" * 1_000_000)
    box.host.stop(0.0)
    assert traces() == before


def test_the_folder_of_a_killed_hubs_child_is_swept_and_a_living_ones_is_not(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "postfach-mailbox-left"
    left.mkdir()
    living = make()
    living.start()
    for each in tmp_path.iterdir():
        os.utime(each, (0, 0))
    make().start()
    folders = set(tmp_path.iterdir())
    assert left not in folders
    assert living.host._child is not None
    assert living.host._child.folder in folders
