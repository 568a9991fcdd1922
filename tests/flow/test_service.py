"""`hub run` as a service: it takes what comes, stops when told, and leaves no process behind."""

import signal
from pathlib import Path

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_service_takes_what_lay_there_and_what_comes_without_waiting_for_a_rescan(
    tmp_path: Path,
) -> None:
    world = World.make(tmp_path / "hub", rescan="1h")
    early, late = drop(stem="early"), drop(stem="late")
    world.put(early)
    with world.service() as hub:
        hub.wait_for(f"final {early.message_id} DEPOSITED")
        world.put(late)
        hub.wait_for(f"accepted {late.message_id}")
        hub.wait_for(f"final {late.message_id} DEPOSITED")
        hub.wait_for("receipt rostock/bauamt/out/late.01.deposited.xml")
        assert hub.stop() == 0
    assert unbalanced(world, 2) == []


def test_a_receipt_is_announced_only_when_it_can_be_read(world: World) -> None:
    with world.service() as hub:
        world.put(drop(stem="one"))
        hub.wait_for("receipt ")
        assert world.outcomes("one") == ["DEPOSITED"]


def test_sigterm_ends_an_idle_service_and_its_children(world: World) -> None:
    world.put(drop(stem="one"))
    with world.service() as hub:
        hub.wait_for("receipt ")
        children = hub.children()
        assert len(children) >= 2
        assert hub.stop() == 0
        assert gone(children)
    assert unbalanced(world, 1) == []
    (worker,) = world.rows("SELECT ended_at FROM worker")
    assert worker["ended_at"]


def test_sigterm_amid_work_ends_cleanly_and_the_next_start_does_the_rest(world: World) -> None:
    world.put(*(drop(stem=f"n{number:03d}") for number in range(120)))
    with world.service() as hub:
        hub.wait_for("accepted ")
        assert hub.stop() == 0
    assert unbalanced(world, len(world.rows("SELECT 1 FROM 'drop'")), final=False) == []
    world.once()
    assert unbalanced(world, 120) == []
    assert len(world.letters()) == 120


def test_children_die_with_a_hub_that_is_killed(world: World) -> None:
    world.put(drop(stem="one"))
    with world.service() as hub:
        hub.wait_for("receipt ")
        children = hub.children()
        hub.process.send_signal(signal.SIGKILL)
        hub.process.wait()
        until(lambda: gone(children), "the end of the children")
    world.put(drop(stem="two"))
    world.once()
    assert unbalanced(world, 2) == []


def test_a_mailbox_that_comes_back_gets_what_waited_while_the_service_runs(world: World) -> None:
    world.mark("citizens", there=False)
    waiting = drop(stem="waiting")
    world.put(waiting)
    with world.service() as hub:
        hub.wait_for("receipt rostock/bauamt/out/waiting.01.accepted.xml")
        world.mark("citizens", there=True)
        hub.wait_for(f"final {waiting.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert unbalanced(world, 1) == []


def test_a_second_hub_with_another_configuration_is_refused(world: World) -> None:
    world.put(drop(stem="one"))
    with world.service() as hub:
        hub.wait_for("receipt ")
        world.configure('name = "hub.example.mv"', 'name = "other.example.mv"')
        world.hub("run", "--once", code=78)
        assert hub.stop() == 0
