"""What kills a plugin's process each time is set aside; all else goes on. Real processes."""

from pathlib import Path

import pytest

from tests.faults import deadly
from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import World

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
Program = tuple[str, ...]


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
