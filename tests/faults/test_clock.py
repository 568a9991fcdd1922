"""The wall clock is set while the hub works: nothing ends early, nothing waits for good."""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Self

import pytest

from tests.faults.sweep import ROOT
from tests.flow.papers import drop
from tests.flow.world import HUB, World, until

pytestmark = pytest.mark.slow
long = pytest.mark.long
Shared = Callable[[str], Path]
Record = Callable[[str, object], None]
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
DEFERRED = "SELECT count(*) AS n FROM notice WHERE state = 'DEFERRED'"
DEPOSITED = "SELECT count(*) AS n FROM notice WHERE state = 'DEPOSITED'"
TRIED = "SELECT started_at FROM attempt ORDER BY id"
SEEN = "SELECT count(*) AS n FROM entry WHERE kind = 'clock.set'"
AT_ONCE = 3  # notices


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """The wall clock of whatever runs under `env`; the other clock goes on as it does."""

    offset: Path
    env: tuple[str, ...]

    @classmethod
    def make(cls, folder: Path, shared: Shared, *more: str) -> Self:
        """Build what turns it. more: other variables, as `TZ=Europe/Berlin`."""
        if (compiler := shutil.which("cc")) is None:
            pytest.skip("cc: not installed, not checked")
        library, offset = folder / "shim.so", folder / "offset"
        source = shared("faults/clock_shim.c")
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True
        )
        turned = (f"LD_PRELOAD={library}", f"CLOCK_SHIM_FILE={offset}")
        made = cls(offset=offset, env=("/usr/bin/env", *turned, *more))
        made.turn(timedelta(0))
        return made

    def turn(self, by: timedelta) -> None:
        """Set it so far ahead of the true time."""
        fd = os.open(self.offset, os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(fd, struct.pack("=q", int(by.total_seconds() * 1e9)), 0)  # at once, or torn
        os.close(fd)

    def show(self, at: datetime) -> None:
        """Set it to a time."""
        self.turn(at - datetime.now(UTC))

    def world(self, folder: Path, **settings: str) -> World:
        """Return a world under this clock, its certificate good for years before and after."""
        return World.make(folder, (*self.env, str(HUB)), timedelta(days=500), **settings)

    def unbalanced(self, world: World, handed_in: int) -> str:
        """Return what does not balance, looked at by a clock that is later than all receipts."""
        self.turn(300 * DAY)
        place = [sys.executable, "-m", "tests.faults.aftermath", str(world.folder), str(handed_in)]
        ended = subprocess.run(
            [*self.env, *place], capture_output=True, text=True, check=False, cwd=ROOT
        )
        return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def count(world: World, statement: str) -> int:
    return int(world.rows(statement)[0]["n"])


def wait_for(world: World, statement: str, wanted: int) -> None:
    until(lambda: count(world, statement) == wanted, f"{wanted} of: {statement}")


def tries(world: World) -> list[datetime]:
    return [datetime.fromisoformat(row["started_at"]) for row in world.rows(TRIED)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "steps",
    [
        (3 * DAY, -YEAR),
        pytest.param((-HOUR, HOUR, -YEAR, 3 * DAY, -3 * DAY, YEAR / 2, -HOUR), marks=long),
    ],
    ids=["some", "all"],
)
def test_clock_steps_amid_work_end_no_notice_early_and_stop_none(
    tmp_path: Path, shared: Shared, steps: Sequence[timedelta], record_property: Record
) -> None:
    wall = Wall.make(tmp_path, shared)
    world = wall.world(tmp_path / "hub", wait="1", give_up="1d")
    world.once()
    ahead, handed_in = timedelta(0), AT_ONCE * len(steps)
    with world.service() as hub:
        for number, step in enumerate(steps, start=1):
            world.mark("citizens", there=False)
            world.put(*(drop(stem=f"n{number}{each}") for each in range(AT_ONCE)))
            wait_for(world, DEFERRED, AT_ONCE)
            ahead += step
            wall.turn(ahead)
            wait_for(world, SEEN, number)
            assert count(world, DEFERRED) == AT_ONCE  # none given up
            world.mark("citizens", there=True)
            wait_for(world, DEPOSITED, AT_ONCE * number)
        assert hub.stop() == 0
    assert wall.unbalanced(world, handed_in) == ""
    record_property("clock steps", len(steps))
    record_property("notices handed in", handed_in)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "at", ["2026-10-25T00:59:58Z", pytest.param("2027-03-28T00:59:58Z", marks=long)]
)
def test_the_change_of_summer_time_moves_nothing(tmp_path: Path, shared: Shared, at: str) -> None:
    wall = Wall.make(tmp_path, shared, "TZ=Europe/Berlin")
    world = wall.world(tmp_path / "hub", wait="1", give_up="20s")
    changes = datetime.fromisoformat(at) + timedelta(seconds=2)
    world.mark("citizens", there=False)
    world.put(drop(stem="one"), drop(stem="other", scheme="archive", account="registry"))
    wall.show(datetime.fromisoformat(at))
    with world.service() as hub:
        hub.wait_for("accepted ")
        until(lambda: any(time > changes for time in tries(world)), "tried after the change")
        world.mark("citizens", there=True)
        wait_for(world, DEPOSITED, 2)
        assert hub.stop() == 0
    times = tries(world)
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < timedelta(seconds=15)
    assert count(world, SEEN) == 0
    assert wall.unbalanced(world, 2) == ""


@pytest.mark.timeout(120)
def test_a_step_while_no_hub_ran_ends_nothing_early(tmp_path: Path, shared: Shared) -> None:
    wall = Wall.make(tmp_path, shared)
    world = wall.world(tmp_path / "hub", wait="1", give_up="1d")
    world.mark("citizens", there=False)
    world.put(drop(stem="one"))
    world.once()
    for ahead in (3 * DAY, -YEAR):
        wall.turn(ahead)
        world.once()
        assert world.outcomes("one") == ["ACCEPTED"]
    world.mark("citizens", there=True)
    until(lambda: "DEPOSITED" in world.once(), "deposited")
    assert wall.unbalanced(world, 1) == ""
