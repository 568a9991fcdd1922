"""What kills a plugin's process each time is set aside; all else goes on. Real processes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults import deadly
from tests.faults.damage import strike
from tests.flow.inventory import unbalanced
from tests.flow.papers import drop, status_drop
from tests.flow.world import World

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
Program = tuple[str, ...]
APPLICATION = "00000000-0000-4000-8000-000000000001"
MOST = 20  # runs until it must be held, and the others must be through
NOW = "UPDATE notice SET due_at = accepted_at, lease_end = NULL WHERE due_at IS NOT NULL"
MENDED = "UPDATE mailbox SET circuit_open = 0, opened_at = NULL, reason = NULL"


@pytest.fixture(scope="session")
def with_deadly(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Give the hub as it runs in a Python that has the plugins that die."""
    return deadly.install(tmp_path_factory.mktemp("python"))


def test_an_event_that_kills_an_observer_is_passed_over_and_it_is_told_the_rest(
    tmp_path: Path, with_deadly: Program
) -> None:
    world = World.make(tmp_path / "hub", with_deadly)
    folders = [deadly.add(world, "observers", name) for name in ("first", "second")]
    poison = drop(stem="poison")
    deadly.dies_of(folders[0], f"notice.deposited {poison.message_id}")
    world.once()
    world.put(drop(stem="before"), poison, drop(stem="after"))
    runs = [world.hub("run", "--once").stderr for _ in range(5)]
    # Each run ends at a death: with others in hand, perhaps; then three times with the one alone.
    assert sum("event passed over" in said for said in runs) == 1
    assert 3 <= sum('"event": "observer died"' in said for said in runs) <= 4
    ((event,),) = world.rows(
        "SELECT e.id FROM entry AS e JOIN notice AS n ON n.id = e.notice_id"
        " WHERE n.message_id = ? AND instr(e.body, 'notice.deposited')",
        poison.message_id,
    )
    told = [{int(line.split()[0]) for line in deadly.lines(each, "told")} for each in folders]
    assert told[1] - told[0] == {event}
    assert len(told[1]) == 6
    assert f"observe first:{event}" in world.hub("doctor", code=None).stdout
    assert unbalanced(world, 3) == []


def test_a_notice_that_kills_a_check_waits_alone_and_neither_passes_nor_is_refused(
    tmp_path: Path, with_deadly: Program
) -> None:
    world = World.make(tmp_path / "hub", with_deadly)
    folder = deadly.add(world, "checks", "guard")
    poison, sound = drop(stem="a-poison"), [drop(stem=f"sound{n}") for n in range(5)]
    deadly.dies_of(folder, f"check {poison.message_id}")
    world.put(poison, *sound)
    runs = [world.hub("run", "--once").stderr for _ in range(5)]
    assert sum('"event": "check died"' in said for said in runs) == 3
    assert [world.outcomes(each.stem) for each in sound] == [["DEPOSITED"]] * 5
    assert world.outcomes(poison.stem) == []
    (claim,) = (path.name.split(".")[0] for path in world.procedure.glob(".claimed/*/*.xml"))
    assert f"check guard:{claim}" in world.hub("doctor", code=None).stdout
    world.put(new := drop(stem="new"))
    world.once()
    assert world.outcomes(new.stem) == ["DEPOSITED"]
    assert deadly.lines(folder, "asked").count(f"check {poison.message_id}") == 3
    found = unbalanced(world, 6)  # of the claim that waits, no more
    assert [one for one in found if "left in .claimed" not in one] == []


def run_until(world: World, done: Callable[[], bool], what: str) -> None:
    """Run the hub again and again; a run ends at a death at most."""
    for _ in range(MOST):
        world.hub("run", "--once")
        if done():
            return
        strike(world.folder / "var" / "hub.db", [NOW, MENDED])
    pytest.fail(f"{what}: never")


def is_held(world: World, message_id: str) -> bool:
    found = world.rows("SELECT * FROM notice WHERE message_id = ?", message_id)
    return [(row["state"], row["held_reason"]) for row in found] == [("HELD", "crashes")]


def is_deposited(world: World, stem: str) -> bool:
    return world.outcomes(stem)[-1:] == ["DEPOSITED"]


@pytest.mark.parametrize("operation", ["prepare", "deposit", "reconcile", "set_status"])
def test_a_notice_that_kills_its_mailbox_is_held_whatever_it_was_asked_to_do(
    tmp_path: Path, with_deadly: Program, operation: str
) -> None:
    world = World.make(tmp_path / "hub", with_deadly)
    world.configure('"citizens"', '"citizens", "box"')
    folder = deadly.add(world, "mailboxes", "box", 'scheme = "deadly"\ncall_timeout = "2s"')
    poison = drop(scheme="deadly")
    if operation == "set_status":
        poison = status_drop("RECEIVED", 1, APPLICATION, scheme="deadly")
    lost = [f"lost {poison.message_id}"] if operation == "reconcile" else []
    deadly.dies_of(folder, f"{operation} {poison.message_id}", *lost)
    sound, new = (drop(stem=stem, scheme="deadly") for stem in ("sound", "new"))
    world.put(poison, sound)
    run_until(world, partial(is_held, world, poison.message_id), "the poison is held")
    world.put(new)
    for each in (sound, new):
        run_until(world, partial(is_deposited, world, each.stem), each.stem)
    done = sorted(deadly.lines(folder, "done"))
    assert done == sorted([sound.message_id, new.message_id])
    told = {one.outcome for one in world.receipts(poison.stem).values()}
    assert told <= {"ACCEPTED"}  # nothing that was not confirmed
    deaths = deadly.lines(folder, "asked").count(f"{operation} {poison.message_id}")
    assert 3 <= deaths <= 4, deaths
    (row,) = world.rows("SELECT * FROM notice WHERE message_id = ?", poison.message_id)
    assert row["held_from"] == ("DEFERRED" if operation == "prepare" else "IN_DOUBT")
    assert poison.message_id in world.hub("list", "--cases").stdout
    assert unbalanced(world, 3, final=False) == []
