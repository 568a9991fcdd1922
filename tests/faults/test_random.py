"""Random operation and faults, with the hub's clock 48 times as fast: in the end all balances.

The seed is printed. `HUB_TEST_SEED=... HUB_TEST_SECONDS=...` does the same things again.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import TimeoutExpired
from threading import Event
from time import monotonic

import pytest

from hub.clock import TEST, Clock, system_clock
from hub.journal.marking import make_for_test
from tests.faults import chance
from tests.faults.stage import MOODY, Stage
from tests.flow import moody
from tests.flow.inventory import FILES, unbalanced
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
Record = Callable[[str, object], None]
SPEED = 48
ASKED = os.environ.get("HUB_TEST_SECONDS")
LOGGED = 20_000  # characters of the log that are shown where it fails
SPARE = timedelta(minutes=40)  # until the end is worked off; then the hub's clock would be ahead
DUE = "SELECT message_id, state FROM notice WHERE open ORDER BY id"
KEPT = "SELECT count(*) AS n FROM notice WHERE NOT open AND erased_at IS NULL"
ERASED = "SELECT count(*) AS n FROM notice WHERE erased_at IS NOT NULL"
LEFT = """
    SELECT count(*) AS n FROM payload JOIN notice ON notice.id = notice_id
    WHERE erased_at IS NOT NULL AND (bytes IS NOT NULL OR segment IS NOT NULL)
"""
NOT_AGED = "SELECT count(*) AS n FROM 'drop' WHERE kind = 'refused' AND NOT aged_out"


def make(folder: Path, program: moody.Program, seconds: float) -> tuple[World, Clock, timedelta]:
    """Make a world whose times fit into so many seconds; return the horizon of its notices too."""
    day = timedelta(seconds=seconds * SPEED)
    meets = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds) + SPARE
    mark = f"{SPEED} {meets.isoformat()}"
    clock = system_clock({TEST: mark})
    hub = ("/usr/bin/env", f"{TEST}={mark}", *program)
    world = World.make(
        folder,
        hub,
        timedelta(days=3) + day,
        wait="30,60,120,240",
        give_up=_whole(day / 2),
        payload=_whole(day / 6),
    )
    world.configure("[retention]\n", f'[retention]\nrejected = "{_whole(day / 6)}"\n')
    for name, repeat in zip(MOODY, ("IDEMPOTENT", "QUERYABLE", "NEITHER"), strict=True):
        moody.add(world, name, "good", repeat, timeout="3s")
    make_for_test(world.folder / "var" / "hub.db", clock)
    return world, clock, day / 12


def _whole(length: timedelta) -> str:
    return f"{int(length.total_seconds())}s"


@contextmanager
def told(seed: str, world: World) -> Iterator[None]:
    """Say the seed, so that whatever fails can be done again."""
    said = f"seed {seed}: HUB_TEST_SEED={seed} does it again; {world.folder}"
    print(said)  # noqa: T201  # pytest shows it where the test fails
    try:
        yield
    except BaseException as error:
        error.add_note(said)
        error.add_note((world.folder / "log").read_text("utf-8")[-LOGGED:])
        raise


def play(stage: Stage, seed: str, seconds: float) -> int:
    """Do what chance says for so long; return how many steps."""
    end, number, pauses, between = monotonic() + seconds, 0, random.Random(seed), Event()
    for act in (chance.hand_in, chance.hand_in, chance.hand_in_rubbish, chance.hand_in):
        act(stage, pauses)  # however few steps there are
    with (stage.world.folder / "steps").open("a") as file:
        while monotonic() < end:
            file.write(f"{stage.clock.now().isoformat()} {number} ")
            file.flush()
            file.write(f"{chance.step(stage, seed, number)}\n")
            number += 1
            between.wait(pauses.uniform(0.0, 0.5))
    return number


def end_all_faults(stage: Stage) -> None:
    """Let what is frozen go on, bring back what is away, and stop every hub."""
    stage.thaw(everyone=True)
    for name in MOODY:
        moody.feel(stage.world, "good", name)
    chance.come_back(stage, random.Random(0))
    for hub in [*stage.hubs, *stage.leaving]:
        hub.process.send_signal(signal.SIGTERM)
    for hub in [*stage.hubs, *stage.leaving]:
        with suppress(TimeoutExpired):
            # It ends by itself, or of SIGTERM where it was importing yet; or it was killed before;
            # or its start has waited for a minute for one that was frozen amid a commit.
            ended = hub.process.wait(60)
            assert ended in (0, -signal.SIGTERM, -signal.SIGKILL) or (ended == 74 and locked(stage))
        hub.kill()
    for beside in stage.beside:
        assert beside.wait(120) in (0, 75)
    chance.resume(stage, random.Random(0))


def locked(stage: Stage) -> bool:
    """Whether a hub has found the database locked for longer than it waits."""
    return "database is locked" in (stage.world.folder / "log").read_text("utf-8")


def count(world: World, statement: str) -> int:
    return int(world.rows(statement)[0]["n"])


def work_off(stage: Stage, seconds: float) -> None:
    """Run one hub, and do as a person what cases want, until nothing is open and all is erased."""
    world, at_most = stage.world, 300.0 + seconds  # a person needs a process for each case
    with world.service() as hub:

        def worked_off() -> bool:
            assert hub.process.poll() is None, "the hub ended by itself"
            return not stage.cases() and not world.rows(DUE)

        until(worked_off, f"the end of {[tuple(row) for row in world.rows(DUE)][:5]}", at_most)
        for path in (world.procedure / "out").glob("[!.]*.xml"):
            if path.stat().st_mtime_ns % 2:  # the procedure fetches about half of what lies there
                path.unlink()
        until(lambda: not count(world, KEPT), "all payload erased", at_most)
        until(lambda: not count(world, NOT_AGED), "all of rejected/ aged out", at_most)
        until(lambda: confirmed(world), "all that was fetched confirmed", at_most)
        assert hub.stop() == 0


def confirmed(world: World) -> bool:
    """Whether what nobody confirmed lies there; of what was reissued some was confirmed before."""
    wanted = [row["name"] for row in world.rows(FILES) if not row["confirmed_at"]]
    return all((world.procedure / "out" / name).exists() for name in wanted)


@pytest.mark.parametrize(
    "length",
    [
        pytest.param(15, marks=pytest.mark.timeout(300 + 3 * int(ASKED or 0))),
        pytest.param(1800, marks=[pytest.mark.long, pytest.mark.timeout(5400)]),
    ],
)
def test_random_operation_and_faults_end_balanced(
    tmp_path: Path, with_moody: moody.Program, length: int, record_property: Record
) -> None:
    seed = os.environ.get("HUB_TEST_SEED") or f"{random.SystemRandom().getrandbits(32):08x}"
    seconds = float(ASKED or length)
    world, clock, horizon = make(tmp_path / "hub", with_moody, seconds)
    with told(seed, world), ExitStack() as stay:
        stage = Stage(world=world, clock=clock, horizon=horizon, stay=stay)
        stay.callback(stage.thaw, everyone=True)
        stage.start()
        stage.start()
        steps = play(stage, seed, seconds)
        end_all_faults(stage)
        work_off(stage, seconds)
        world.once()
        assert unbalanced(world, stage.handed_in, elsewhere=stage.stored()) == []
        assert count(world, LEFT) == 0
        assert count(world, ERASED) > 0
        world.hub("evidence", "verify")
        print(f"{steps} steps, {stage.handed_in} drops, {stage.killed} hubs killed")  # noqa: T201  # the test's figures
    record_property("hubs killed", stage.killed)
    record_property("notices handed in", stage.handed_in)
