"""The processes of mailboxes are stopped or killed at any time: each letter is there once."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from subprocess import TimeoutExpired

import pytest

from hub.app.loop import START_WAIT
from hub.host.guardian import descendants
from tests.faults.aftermath import aftermath
from tests.faults.stage import signal_all
from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.posting import LINES, with_post
from tests.flow.world import World, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
Record = Callable[[str, object], None]
OPEN = """
    SELECT count(*) AS n FROM notice WHERE state NOT IN ('DEPOSITED', 'FAILED')
    AND NOT (state = 'HELD' AND held_reason = 'crashes')
"""
OUT = "SELECT id FROM attempt WHERE ended_at IS NULL"


@pytest.mark.long
@pytest.mark.parametrize(("notices", "signals"), [(30, 6), (200, 40)])
def test_children_that_are_ended_at_any_time_deposit_each_notice_once(
    world: World, record_property: Record, notices: int, signals: int
) -> None:
    dice = random.Random(notices)
    service = with_post(world)
    made = [
        drop(stem=f"n{number:04}", account="carla" if number % 3 else "anna", lines=LINES)
        for number in range(notices)
    ]
    struck = 0
    with world.service() as hub:
        for turn in range(signals):
            world.put(*made[turn::signals])
            with suppress(TimeoutExpired):
                hub.process.wait(dice.uniform(0.0, 1.0))
            # From the fifth death in a row on a minute passes before the next start.
            until(lambda: bool(hub.children()), "a mailbox's process", 150)
            with suppress(ProcessLookupError, IndexError):  # it has ended by itself just now
                one = dice.choice(list(descendants(hub.process.pid)))
                os.kill(one, dice.choice((signal.SIGTERM, signal.SIGKILL)))
                struck += 1
        until(lambda: not list((world.procedure / "in").glob("*.xml")), "the last drop", 120)
        until(lambda: not world.rows(OPEN)[0]["n"], "all that is open", 300)
        assert hub.stop() == 0
    record_property("kills", struck)
    assert struck >= signals / 2
    for row in world.rows("SELECT message_id, held_reason FROM notice WHERE state = 'HELD'"):
        assert row["held_reason"] == "crashes"  # by chance killed three times at it
        world.hub("release", row["message_id"])
    assert aftermath(world, notices) == []
    assert len(service.deposited) == sum(number % 3 > 0 for number in range(notices))


@pytest.mark.long
def test_what_a_killed_hub_left_is_ended_by_a_single_run_whose_plugins_start_slowly(
    world: World,
) -> None:
    log = world.folder / "log"
    with world.service() as hub:
        until(lambda: log.read_text("utf-8").count("mailbox started") == 2, "its mailboxes")
        signal_all(hub.plugins(), signal.SIGSTOP)
        world.put(drop(stem="one"))
        until(lambda: bool(world.rows(OUT)), "a call that is out")
    held = set[int]()
    with world.service("--once") as run:
        end = time.monotonic() + START_WAIT + 2

        def over() -> bool:
            new = set(run.plugins()) - held
            signal_all(list(new), signal.SIGSTOP)
            held.update(new)
            return time.monotonic() > end

        until(over, "longer than a service waits for its plugins")
        signal_all(list(held), signal.SIGCONT)
        assert run.process.wait(60) == 0
    assert len(held) == 2
    assert unbalanced(world, 1) == []
