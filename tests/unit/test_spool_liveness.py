import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.spool import WorkerLock, workers
from tests.material import ROOT

HOLD = """
import sys
from pathlib import Path
from hub.spool import WorkerLock
lock = WorkerLock.hold(Path(sys.argv[1]), "w0")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def worker(root: Path, program: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    """Run a worker in a process of its own, once it holds its lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout
    assert process.stdin
    with process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_living_worker_is_not_taken_over_and_a_killed_one_is(tmp_path: Path) -> None:
    with worker(tmp_path) as process:
        assert workers(tmp_path) == ["w0"]
        assert WorkerLock.take_over(tmp_path, "w0") is None
        process.kill()
        process.wait()
        lock = WorkerLock.take_over(tmp_path, "w0")
        assert lock
        assert WorkerLock.take_over(tmp_path, "w0") is None
        lock.release()
        assert workers(tmp_path) == []


def test_a_child_of_a_dead_worker_does_not_keep_it_alive(tmp_path: Path) -> None:
    program = HOLD.replace(
        'print("held"', 'import subprocess; subprocess.Popen(["sleep", "30"]); print("held"'
    )
    with worker(tmp_path, program) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.wait()
        try:
            lock = WorkerLock.take_over(tmp_path, "w0")
            assert lock
            lock.release()
        finally:
            subprocess.run(["kill", *children], check=True)


def test_a_worker_that_ended_well_leaves_no_lock_but_may_be_taken_over(tmp_path: Path) -> None:
    with WorkerLock.hold(tmp_path, "w0") as lock:
        assert workers(tmp_path) == ["w0"]
    assert workers(tmp_path) == []
    lock.release()
    again = WorkerLock.take_over(tmp_path, "w0")
    assert again
    again.release()


def test_a_takeover_that_failed_can_be_begun_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), WorkerLock.hold(tmp_path, "w0"):
        raise RuntimeError
    assert workers(tmp_path) == ["w0"]
    lock = WorkerLock.take_over(tmp_path, "w0")
    assert lock
    lock.release()


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden"])
def test_a_worker_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        WorkerLock.hold(tmp_path, name)
