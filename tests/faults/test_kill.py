"""Killed anywhere, the hub loses nothing and doubles nothing: one deposit, one final receipt."""

import random
import subprocess
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.faults.aftermath import aftermath
from tests.flow.papers import drop, status_drop
from tests.flow.posting import LINES, with_post
from tests.flow.world import World, statuses

pytestmark = pytest.mark.slow
long = pytest.mark.long
SHORTEST, LONGEST = 0.3, 3.0  # seconds until a kill; a start takes about one
AMID = 0.1  # seconds in which a share of the notices is deposited
STATES = ("INITIATED", "SUBMITTED", "RECEIVED", "PROCESSING", "ACTION_REQUIRED", "COMPLETED")
CUT = "SELECT id FROM attempt WHERE code = 'HUB_STOPPED'"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("notices", "kills"), [(24, 4), pytest.param(300, 50, marks=long)], ids=["some", "all"]
)
def test_killed_at_random_while_notices_go_to_the_post_each_is_one_letter(
    world: World, notices: int, kills: int
) -> None:
    dice, service = random.Random(1), with_post(world)
    drops = [drop(stem=f"n{number:04d}", account="carla", lines=LINES) for number in range(notices)]
    for turn in range(kills):
        world.put(*drops[turn::kills])
        with world.service() as hub, suppress(subprocess.TimeoutExpired):
            hub.wait_for("accepted ")
            hub.process.wait(dice.uniform(0.0, 0.4))
        for key in service.deposited[turn::3]:  # the print service works meanwhile
            service.tell(key, "posted")
    world.once()
    held = world.rows("SELECT message_id, held_reason FROM notice WHERE state = 'HELD'")
    assert {row["held_reason"] for row in held} <= {"crashes"}  # by chance killed three times at it
    for row in held:
        world.hub("release", row["message_id"])
    assert aftermath(world, notices) == []
    assert len(service.deposited) == len(set(service.deposited)) == notices
    posted = world.rows("SELECT count(*) AS n FROM receipt WHERE outcome = 'POSTED'")
    assert posted[0]["n"] == notices


def put_in_turn(world: World, notices: int, turns: int) -> Callable[[], None]:
    """Return a function that hands in the next of `turns` shares of so many notices."""
    drops = [drop(stem=f"n{number:04d}") for number in range(notices)]
    shares = iter([drops[turn::turns] for turn in range(turns)])
    return lambda: world.put(*next(shares, ()))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("notices", "kills"), [(60, 6), pytest.param(500, 50, marks=long)], ids=["some", "all"]
)
def test_killed_at_random_while_notices_pass_each_is_deposited_once(
    world: World, notices: int, kills: int
) -> None:
    dice = random.Random(0)
    put = put_in_turn(world, notices, kills)
    for turn in range(kills):
        put()
        with world.service() as hub, suppress(subprocess.TimeoutExpired):
            if turn % 2:  # at any time of its life, or amid the work
                hub.process.wait(dice.uniform(SHORTEST, LONGEST))
            else:
                hub.wait_for("accepted ")
                if turn % 4:  # else while its first calls are in the air
                    hub.process.wait(dice.uniform(0.0, AMID))
    assert world.rows(CUT)
    assert aftermath(world, notices) == []
    assert len(world.letters()) == notices


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("applications", "rounds"), [(6, 1), pytest.param(40, 8, marks=long)], ids=["some", "all"]
)
def test_killed_at_random_while_states_pass_each_is_shown_once_and_in_order(
    world: World, applications: int, rounds: int
) -> None:
    dice = random.Random(0)
    known = [str(uuid.UUID(int=number, version=4)) for number in range(1, applications + 1)]
    for turn, status in enumerate(STATES):
        for again in range(rounds):  # the same state, as of a later minute
            minute = turn * rounds + again
            world.put(
                *(
                    replace(status_drop(status, minute, of), stem=f"s{minute:03}-{number:02}")
                    for number, of in enumerate(known)
                )
            )
            with world.service() as hub, suppress(subprocess.TimeoutExpired):
                if minute % 2:
                    hub.process.wait(dice.uniform(SHORTEST, LONGEST))
                else:
                    hub.wait_for("accepted ")
                    hub.process.wait(dice.uniform(0.0, AMID))
    handed_in = len(STATES) * rounds * applications
    assert aftermath(world, handed_in) == []
    assert len(statuses(world)) == handed_in
