"""Lost at any moment, restored from a backup of any moment: nothing twice, nothing contradicted.

Each round hands notices in, makes backups beside the running hub, kills it, has a part of the
receipts fetched, loses database and vault, restores one of the backups, and hands in again.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from tests.flow.drill import ASKED, NEITHER, Drill, wrong
from tests.flow.moody import Moody, feel
from tests.flow.world import Service, until

pytestmark = [pytest.mark.slow, pytest.mark.long]
ROUNDS, EACH = 8, 8
MOODS = ("good", "good", "lost", "once-lost", "deferred", "die-late")
OPEN = "SELECT count(*) AS n FROM notice WHERE open = 1"


def work(drill: Drill, dice: random.Random, name: str, backups: Path) -> list[Path]:
    """Run a hub for a while, amid moods and an away mailbox; return backups made meanwhile."""
    world, made = drill.world, list[Path]()
    with world.service() as hub:
        for turn in range(3):
            for mailbox in (ASKED, NEITHER):
                feel(world, dice.choice(MOODS), mailbox)
            world.mark("citizens", there=dice.random() < 0.7)
            drill.hand_in(f"{name}{turn}x", EACH)
            _pass(hub, dice.uniform(0.0, 2.0))
            made.append(backups / f"{name}{turn}")
            world.hub("backup", str(made[-1]))
            _pass(hub, dice.uniform(0.0, 2.0))
        hub.kill()
    return made


def _pass(hub: Service, seconds: float) -> None:
    with suppress(TimeoutExpired):
        hub.process.wait(seconds)


def fetched(drill: Drill, dice: random.Random) -> None:
    """Have a part of the receipts fetched, as it may be: all, none, or some."""
    share = dice.choice((0.0, 0.3, 0.6, 1.0))
    drill.fetch([name for name in drill.world.receipts() if dice.random() < share])


def mend(drill: Drill) -> None:
    for mailbox in (ASKED, NEITHER):
        feel(drill.world, "good", mailbox)
    drill.world.mark("citizens", there=True)


def ended(drill: Drill) -> Callable[[], bool]:
    """Return what works once more, and says whether all that is open is a person's."""

    def look() -> bool:
        drill.world.once()
        for row in drill.world.rows("SELECT message_id, held_reason FROM notice WHERE open = 1"):
            if row["held_reason"] == "crashes":  # by the moods
                drill.world.hub("release", row["message_id"])
        drill.settle()
        drill.world.once()
        return bool(drill.world.rows(OPEN)[0]["n"] == 0)

    return look


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(4))
def test_lost_and_restored_at_random_moments_nothing_is_deposited_twice_or_contradicted(
    moody: Moody, tmp_path: Path, record_property: Callable[[str, object], None], seed: int
) -> None:
    dice, drill = random.Random(seed), Drill.make(moody)
    backups = tmp_path / "backups"
    backups.mkdir()
    drill.world.once()
    for turn in range(ROUNDS):
        made = work(drill, dice, f"r{turn:02}", backups)
        fetched(drill, dice)
        drill.lose()
        drill.restore(dice.choice(made))
        mend(drill)
        again = drill.without_end()
        drill.world.put(*again)
        until(ended(drill), f"all ended in round {turn}", 600)
        assert wrong(drill) == [], f"seed {seed}, round {turn}"
        drill.world.hub("evidence", "verify")
    record_property("hubs killed", ROUNDS)
    record_property("notices handed in", len(drill.handed))
