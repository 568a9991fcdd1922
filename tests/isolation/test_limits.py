"""What one process of a plugin may take and leave behind, and what the hub says of it."""

import os
from pathlib import Path

import pytest

from hub.host import Answer, Died, Fault, Limits, Started, StartFailed, cgroup, guardian
from postfach_mailbox.version import CONTRACT_VERSION
from tests.isolation.conftest import Hostile, processes_of

pytestmark = pytest.mark.slow

MIB = 1024**2
SMALL = Limits(memory=512 * MIB, file_size=MIB, processes=8)


@pytest.mark.parametrize(
    ("act", "fault", "said"),
    [
        ("abort", Fault.ENDED, "signal 6"),
        ("exit-at-once", Fault.ENDED, "exit status 0"),
        ("outlive-death", Fault.ENDED, "exit status 7"),
        ("shut-down", Fault.ENDED, "exit status 0"),
        ("hang", Fault.DEADLINE, "1 calls passed their deadline"),
        ("flood", Fault.DEADLINE, "1 calls passed their deadline"),
        ("late", Fault.DEADLINE, "1 calls passed their deadline"),
        ("garbage", Fault.PROTOCOL, "a frame is too long"),
        ("forge", Fault.PROTOCOL, "a frame has no place here"),
        ("bomb", Fault.PROCESSES, "8 are allowed"),
        ("gorge-together", Fault.MEMORY, "512 are allowed"),
    ],
)
def test_a_process_that_cannot_be_worked_with_ends_with_all_that_it_started(
    hostile: Hostile, act: str, fault: Fault, said: str
) -> None:
    box = hostile(act, SMALL)
    assert isinstance(box.start(), Started)
    assert box.deposit("x", seconds=1.0 if fault is Fault.DEADLINE else 30.0)
    died = box.next()
    assert isinstance(died, Died)
    assert (died.fault, died.calls) == (fault, (1,))
    assert said in died.reason
    assert processes_of(box.python) == []


def test_a_process_that_closes_its_socket_ends_at_the_deadline_at_the_latest(
    hostile: Hostile,
) -> None:
    box = hostile("close", SMALL)
    assert isinstance(box.start(), Started)
    assert box.deposit("x", seconds=1.0)
    died = box.next()
    assert isinstance(died, Died)
    # a thread that reads there at that moment keeps it open
    assert died.fault in {Fault.ENDED, Fault.DEADLINE}
    assert died.calls == (1,)
    assert processes_of(box.python) == []


@pytest.mark.parametrize(
    ("act", "code"),
    [
        ("exit", "EXCEPTION"),
        ("raise", "EXCEPTION"),
        ("gorge", "EXCEPTION"),
        ("huge-file", "EXCEPTION"),
        ("wrong-type", "CONTRACT_VIOLATION"),
        ("subclass", "CONTRACT_VIOLATION"),
        ("without-evidence", "CONTRACT_VIOLATION"),
        ("huge-answer", "CONTRACT_VIOLATION"),
    ],
)
def test_a_call_that_goes_wrong_is_unknown_and_harms_no_other(
    hostile: Hostile, act: str, code: str
) -> None:
    box = hostile(act, SMALL)
    assert isinstance(box.start(), Started)
    for call in (1, 2):
        outcome = box.outcome("x", call=call)
        assert (outcome.kind, outcome.reason.code) == ("unknown", code)


@pytest.fixture(params=["cgroup", "guardian"])
def holds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Hold what a plugin starts by a cgroup, or by the guardian alone."""
    if request.param == "guardian":
        monkeypatch.setattr(cgroup, "groups", lambda: None)
    elif cgroup.groups() is None:
        pytest.skip("no cgroup is to be had here: not checked")
    return str(request.param)


@pytest.mark.parametrize("act", ["bomb", "outlive-death", "stop-guardian"])
def test_cgroup_or_guardian_alone_ends_what_daemonised(
    hostile: Hostile, holds: str, act: str
) -> None:
    box = hostile(act, SMALL)
    assert isinstance(box.start(), Started)
    assert box.deposit("x", seconds=3.0)
    assert isinstance(box.next(), Died)
    assert processes_of(box.python) == []


def test_in_a_cgroup_a_plugin_that_kills_its_guardian_ends_too(hostile: Hostile) -> None:
    made = cgroup.groups()
    if made is None:
        pytest.skip("no cgroup is to be had here: not checked")
    box = hostile("kill-guardian", SMALL)
    assert isinstance(box.start(), Started)
    assert box.deposit("x")
    died = box.next()
    assert isinstance(died, Died)
    assert died.calls == (1,)
    assert processes_of(box.python) == []
    assert list(made.folder.glob(f"plugin-{os.getpid()}-*")) == []


def test_what_a_mailbox_started_ends_with_it(hostile: Hostile) -> None:
    box = hostile("outlive", SMALL)
    assert isinstance(box.start(), Started)
    assert box.outcome("x").kind == "deposited"
    assert len(processes_of(box.python)) > 2  # guardian, mailbox, and what it started
    box.host.stop(1.0)
    assert processes_of(box.python) == []


@pytest.mark.parametrize("version", ["2.0", "0.9", "1.99"])
def test_a_plugin_for_another_contract_does_not_start(hostile: Hostile, version: str) -> None:
    box = hostile("good", contract=version)
    event = box.start()
    assert isinstance(event, StartFailed)
    assert f"version {version} of the contract, the hub has {CONTRACT_VERSION}" in event.reason


@pytest.mark.parametrize(
    ("act", "said"), [("die-at-start", "exit status 9"), ("raise-at-start", "SystemExit")]
)
def test_a_plugin_that_fails_at_start_says_how(hostile: Hostile, act: str, said: str) -> None:
    event = hostile(act).start()
    assert isinstance(event, StartFailed)
    assert said in event.reason


def test_what_a_plugin_says_cannot_change_a_terminal(hostile: Hostile) -> None:
    event = hostile("escapes-at-start").start()
    assert isinstance(event, StartFailed)
    assert event.reason.startswith("?[2Jxxx")
    assert len(event.reason) == 500
    assert event.fix == "??"


def test_a_call_that_keeps_without_end_is_ended(hostile: Hostile) -> None:
    box = hostile("keep-on")
    assert isinstance(box.start(), Started)
    assert box.deposit("x")
    kept = 0
    while not isinstance(event := box.wait()[-1], Died):
        kept += 1
        box.host.acknowledge_keep(1)
    assert event.fault is Fault.PROTOCOL
    assert kept <= 16


def test_64_calls_at_a_time_fit_into_half_of_the_usual_memory(hostile: Hostile) -> None:
    box = hostile("wait-for-all", SMALL, in_flight=64)
    assert isinstance(box.start(), Started)
    for call in range(64):  # each waits in the mailbox for all others
        assert box.deposit("x", call)
    answers: list[Answer] = []
    while len(answers) < 64:
        answers += [each for each in box.wait() if isinstance(each, Answer)]
    assert {answer.outcome.kind for answer in answers} == {"deposited"}


def test_a_mailboxs_process_has_less_weight_than_the_hub(hostile: Hostile) -> None:
    box = hostile("good", SMALL)
    assert isinstance(box.start(), Started)
    pid = next(pid for pid in processes_of(box.python) if b"guardian" not in program(pid))
    assert os.getpriority(os.PRIO_PROCESS, pid) == guardian.NICE
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():  # what counts between sessions, where they share the processor
        assert group.read_text("ascii").endswith(f"nice {guardian.NICE}\n")


def program(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
