"""A notice that kills the hub each time it is worked is set aside; all others go on.

The hub is the real one, in a program of its own that ends it, as a crash would, at one notice.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.papers import drop
from tests.flow.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CRASHED = 9
MOST = 6  # crashes until it must be set aside

# Dies while the poison's receipt is written.
RECEIPT = """
from hub import outbound
real = outbound.write_new
def dying(folder, name, data, **more):
    if POISON.encode() in data:
        os._exit(9)
    return real(folder, name, data, **more)
outbound.write_new = dying
"""
# Dies while what is stored of the poison is looked at, before it is sent.
LEASING = """
from hub import parcel
real = parcel.vouch
def dying(found, rows, taken):
    if found.message_id == POISON:
        os._exit(9)
    return real(found, rows, taken)
parcel.vouch = dying
"""


def killing(world: World, stage: str, poison: str) -> World:
    """Return the world with a hub that dies at one notice."""
    program = f"import os\nPOISON = {poison!r}\n{stage}\nfrom hub.cli import main\nmain()"
    return replace(world, program=(sys.executable, "-c", program))


def run_until_it_lives(world: World) -> int:
    """Start the hub again and again; return how often it died."""
    for crashes in range(MOST + 1):
        ended = world.hub("run", "--once", "--announce", code=None)
        if ended.returncode == 0:
            return crashes
        assert ended.returncode == CRASHED, ended.stderr
    pytest.fail("it dies for ever")


def held_for_crashes(world: World) -> list[str]:
    held = world.rows("SELECT message_id FROM notice WHERE held_reason = 'crashes'")
    return [row["message_id"] for row in held]


def not_written(world: World) -> list[str]:
    return [row["stem"] for row in world.rows("SELECT stem FROM handout WHERE written_at IS NULL")]


@pytest.mark.parametrize(
    ("stage", "aside"),
    [(RECEIPT, not_written), (LEASING, held_for_crashes)],
    ids=["receipt", "leasing"],
)
def test_a_notice_that_kills_the_hub_is_set_aside_and_the_others_go_on(
    tmp_path: Path, stage: str, aside: Callable[[World], list[str]]
) -> None:
    world = World.make(tmp_path / "hub")
    world.once()
    if stage is LEASING:
        world.hub("pause", "citizens", "--mailbox")
    poison, sound = drop(stem="poison"), [drop(stem=f"sound{n}") for n in range(3)]
    world.put(poison, *sound)
    if stage is LEASING:
        world.once()
        world.hub("resume", "citizens", "--mailbox")
    deadly = killing(world, stage, poison.message_id)
    assert 3 <= run_until_it_lives(deadly) <= MOST
    world.put(new := drop(stem="new"))
    deadly.once()
    for each in (*sound, new):
        assert world.outcomes(each.stem)[-1] == "DEPOSITED", each.stem
    assert aside(world) == ["poison" if stage is RECEIPT else poison.message_id]
    assert "again and again" in world.hub("doctor", code=None).stdout
