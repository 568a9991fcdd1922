"""A hub that stands still is seen from outside, and ends itself where a new start mends it."""

import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from hub.clock import system_clock
from hub.spool import heartbeat, workers
from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import AT_MOST, World, until

pytestmark = pytest.mark.slow
LIMIT = 5.0  # seconds: the least that hub.watchdog may be


@pytest.fixture
def watched(tmp_path: Path) -> World:
    world = World.make(tmp_path / "hub")
    world.configure("[spool]", f'watchdog = "{LIMIT:.0f}s"\n[spool]')
    return world


def beats(world: World) -> bool:
    """Whether the loop of the one hub that runs turned within a second or two."""
    spool = world.folder / "spool"
    found = [heartbeat(spool, one) for one in workers(spool)]
    return any(one is not None and system_clock().elapsed() - one.at < 2.0 for one in found)


def test_a_stopped_hub_is_seen_by_doctor_and_goes_on_when_it_is_let_go(watched: World) -> None:
    with watched.service() as hub:
        until(lambda: beats(watched), "the loop turns")
        assert "runs, its loop turned" in watched.hub("doctor").stdout
        hub.process.send_signal(signal.SIGSTOP)
        late = time.monotonic() + 2 * LIMIT
        until(lambda: time.monotonic() > late, "longer than it may stand still")
        said = watched.hub("doctor", code=69).stdout
        assert "runs, and its loop has not turned for" in said
        hub.process.send_signal(signal.SIGCONT)
        watched.put(drop(stem="one"))
        hub.wait_for("receipt ")  # it did not end itself for the time in which it was stopped
        until(lambda: beats(watched), "the loop turns again")
        assert hub.stop() == 0
    assert unbalanced(watched, 1) == []


def test_a_hub_whose_loop_hangs_ends_with_75_and_the_next_start_goes_on(watched: World) -> None:
    with watched.service() as hub:
        until(lambda: beats(watched), "the loop turns")
        with closing(sqlite3.connect(watched.folder / "var" / "hub.db", timeout=30)) as database:
            database.execute("BEGIN IMMEDIATE")  # and the hub's next commit waits for a minute
            watched.put(drop(stem="one"))
            assert hub.process.wait(AT_MOST) == 75
        assert "the loop hangs" in (watched.folder / "log").read_text("utf-8")
    watched.once()
    assert unbalanced(watched, 1) == []
