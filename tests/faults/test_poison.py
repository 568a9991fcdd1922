"""A notice that kills the hub each time it is worked is set aside; all others go on.

The hub is the real one, in a program of its own that ends it, as a crash would, at one notice.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.damage import strike
from tests.flow.papers import drop
from tests.flow.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CRASHED = 9  # as an exit code, or a signal
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

# Killed while it is sealed, while its end at the deadline is written, while its payload is erased.
SEALING = """
from hub.sealing import Sealing
real = Sealing._seal
def dying(self, row):
    if row.message_id == POISON:
        os.kill(os.getpid(), 9)
    return real(self, row)
Sealing._seal = dying
"""
DEADLINE = """
from hub import parcel
real = parcel.facts
def dying(row, rows):
    if row.message_id == POISON:
        os.kill(os.getpid(), 9)
    return real(row, rows)
parcel.facts = dying
"""
ERASING = """
from hub.journal import payloads
real = payloads.erase
def dying(tx, ids, now):
    found = "SELECT id FROM notice WHERE message_id = ?"
    if tx.connection.exec_driver_sql(found, (POISON,)).scalar() in ids:
        os.kill(os.getpid(), 9)
    return real(tx, ids, now)
payloads.erase = dying
"""
# stage -> what makes its notices due
UNSEAL = """
    DELETE FROM payload WHERE item = 'sealed' AND
    notice_id IN (SELECT id FROM notice WHERE open)
"""
LONG_OPEN = "UPDATE notice SET deadline = '2020-01-01T00:00:00.000000Z' WHERE open"
LONG_FINAL = "UPDATE notice SET final_at = '2020-01-01T00:00:00.000000Z' WHERE NOT open"
RESUME = "DELETE FROM pause"
DUE = {
    SEALING: ("UPDATE notice SET state = 'ACCEPTED' WHERE open", UNSEAL, RESUME),
    DEADLINE: (LONG_OPEN, RESUME),
    ERASING: (LONG_FINAL,),
}


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
        assert ended.returncode in (CRASHED, -CRASHED), ended.stderr
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


def kept(world: World) -> list[str]:
    found = world.rows(
        "SELECT message_id FROM notice WHERE final_at < '2021' AND erased_at IS NULL"
    )
    return [row["message_id"] for row in found]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("stage", "outcome", "aside"),
    [
        (SEALING, "DEPOSITED", held_for_crashes),
        (DEADLINE, "FAILED", held_for_crashes),
        (ERASING, "DEPOSITED", kept),
    ],
    ids=["sealing", "deadline", "erasing"],
)
def test_a_notice_at_which_the_hub_is_killed_in_a_later_stage_is_set_aside(
    tmp_path: Path, stage: str, outcome: str, aside: Callable[[World], list[str]]
) -> None:
    world = World.make(tmp_path / "hub")
    world.once()
    if stage is not ERASING:
        world.hub("pause", "citizens", "--mailbox")
    poison, sound = drop(stem="poison"), [drop(stem=f"sound{n}") for n in range(3)]
    world.put(poison, *sound)
    world.once()
    strike(world.folder / "var" / "hub.db", list(DUE[stage]))
    deadly = killing(world, stage, poison.message_id)
    assert 3 <= run_until_it_lives(deadly) <= MOST
    world.put(new := drop(stem="new"))
    deadly.once()
    assert world.outcomes(new.stem) == ["DEPOSITED"]
    for each in sound:
        assert world.outcomes(each.stem)[-1] == outcome, each.stem
    assert aside(world) == [poison.message_id]
    assert "again and again" in world.hub("doctor", code=None).stdout
