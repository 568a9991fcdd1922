"""A mailbox's process that does not start: what the log says of it, and how often."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import telemetry
from hub.host import Fault, Started, StartFailed, StartFault
from postfach_mailbox import Repeat
from tests.unit.dispatching import Ground, Worker, capabilities
from tests.unit.notices import TurnedClock


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


@pytest.fixture
def worker(ground: Ground) -> Worker:
    return Worker.make(ground, capabilities(Repeat.IDEMPOTENT))


def codes(worker: Worker, *faults: StartFault | Fault) -> list[str]:
    """Let its start fail, once for each fault; return the codes that the log names."""
    log = io.StringIO()
    telemetry.set_up(log)
    for fault in faults:
        worker.process.said.append(StartFailed(reason="no", fix="yes", fault=fault))
        worker.hear()
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    assert all("hub doctor" in line["event"] and line["mailbox"] == "archive" for line in said)
    return [line["code"] for line in said]


def test_the_log_says_once_why_a_mailbox_does_not_start(worker: Worker) -> None:
    assert codes(worker, StartFault.CONFIG, StartFault.CONFIG) == ["CONFIG"]
    assert codes(worker, StartFault.CONFIG, Fault.SILENT, Fault.SILENT) == ["SILENT"]


def test_after_a_start_the_log_says_it_again(worker: Worker) -> None:
    assert codes(worker, StartFault.CONFIG) == ["CONFIG"]
    told = capabilities(Repeat.IDEMPOTENT)
    worker.process.said.append(Started(capabilities=told, operations=frozenset()))
    worker.hear()
    assert codes(worker, StartFault.CONFIG) == ["CONFIG"]


def test_what_is_not_to_be_found_was_said_when_it_was_looked_for(worker: Worker) -> None:
    assert codes(worker, StartFault.NOT_FOUND) == []
    assert worker.line.circuit_open
