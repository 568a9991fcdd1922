"""More than the hub can do at once: others do not wait for it, and no disk is filled."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.floods import flood, heavy, lines_with, peak_memory, small_disk, with_neighbour
from tests.flow.inventory import unbalanced
from tests.flow.papers import Drop, drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
long = pytest.mark.long
MEMORY = 150  # MiB that the hub may take, whatever waits
BATCHES = 8  # of 50: so many of a flood may be taken before a notice of somebody else
LINE = '"citizens"\n[mailboxes.citizens.config]'
LONG = 3600.0  # seconds, for what must come at length

Record = Callable[[str, object], None]


def count(world: World, of: str) -> int:
    return int(world.rows(f"SELECT count(*) AS n FROM {of}")[0]["n"])  # noqa: S608  # a test's own


def row(world: World, one: Drop) -> int:
    return int(world.rows("SELECT id FROM notice WHERE message_id = ?", one.message_id)[0]["id"])


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("number", [1000, pytest.param(100_000, marks=long)], ids=["some", "all"])
def test_a_flood_of_one_authority_delays_a_notice_of_another_by_a_few_batches(
    world: World, number: int, record_property: Record
) -> None:
    neighbour = with_neighbour(world)
    world.put(*flood(number))
    own = [drop(stem=f"n{turn}") for turn in range(3)]
    record_property("notices handed in", number + len(own))
    with world.service() as hub:
        hub.wait_for("accepted ")
        overtaken = []
        for one in own:
            before = count(world, "notice")
            neighbour.put(one)
            hub.wait_for(f"final {one.message_id} DEPOSITED")
            overtaken.append(row(world, one) - before)
        assert max(overtaken) <= BATCHES * 50
        assert count(world, "notice") < number, "the flood was over: nothing was shown"
        deposited = "notice WHERE state = 'DEPOSITED'"
        until(lambda: count(world, deposited) == number + len(own), "the flood's end", LONG)
        assert peak_memory(hub.process.pid) <= MEMORY
        assert hub.stop() == 0
    assert len(neighbour.receipts()) == len(own)
    world.once()
    assert count(world, "receipt WHERE final") == number + len(own)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("number", [400, pytest.param(100_000, marks=long)], ids=["some", "all"])
def test_at_a_mailbox_that_takes_one_a_second_each_authority_has_its_turn(
    world: World, number: int, record_property: Record
) -> None:
    neighbour = with_neighbour(world)
    world.configure(LINE, LINE.replace("\n", '\nrate = "1/s"\n', 1))
    record_property("notices handed in", number + 2)
    theirs, elsewhere = drop(), drop(scheme="archive", account="registry")
    tried = "attempt JOIN notice ON notice.id = notice_id WHERE mailbox = 'citizens'"
    with world.service() as hub:
        world.put(*flood(number))
        hub.wait_for("accepted ")
        until(lambda: count(world, "notice") == number, "all are taken", LONG)
        before = count(world, tried)
        neighbour.put(theirs)
        world.put(elsewhere)
        hub.wait_for(f"final {elsewhere.message_id} DEPOSITED")  # the mailbox beside is not full
        hub.wait_for(f"final {theirs.message_id} DEPOSITED")
        assert count(world, tried) - before <= 4
        assert count(world, "notice WHERE open") > number // 2
        assert peak_memory(hub.process.pid) <= MEMORY
        assert hub.stop() == 0


def test_before_the_disk_is_full_nothing_more_is_taken_and_with_room_it_goes_on_by_itself(
    tmp_path: Path, record_property: Record
) -> None:
    with ExitStack() as stay:
        disk = stay.enter_context(small_disk(tmp_path / "disk", 150))
        world = World.make(disk / "hub")
        world.configure("[seal]", '[limits]\nfree_space = "30MiB"\n[seal]')
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(75 * 1024**2))
        drops = [*heavy(40, 500_000), *heavy(1, 9_000_000, "huge")]
        record_property("notices handed in", len(drops) + 1)
        stops, goes_on = lines_with(world, "intake stops"), lines_with(world, "intake goes on")
        with world.service() as hub:
            world.put(*drops)
            until(lambda: stops() == 1, "intake stops")
            taken = "notice WHERE state <> 'DEPOSITED'"
            until(lambda: count(world, taken) == 0, "what was taken is deposited")
            until(lambda: len(world.receipts()) == count(world, "notice"), "and has its receipt")
            assert 0 < count(world, "notice") < len(drops)
            assert "nothing more is taken" in world.hub("doctor", code=69).stdout
            world.put(drop(stem="late"))
            world.once(code=75)
            ballast.unlink()
            hub.wait_for("accepted ")
            until(lambda: count(world, "notice") == len(drops) + 1, "the rest is taken")
            assert hub.stop() == 0
        assert (stops(), goes_on()) == (1, 1)
        world.once()
        assert unbalanced(world, len(drops) + 1) == []
