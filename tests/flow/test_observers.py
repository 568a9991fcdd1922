"""Observers: they see what happens, each event at least once, and their failure stops nothing."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from hub.host.guardian import descendants
from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow

OBSERVER = """
[observers.{name}]
plugin = "lines"
call_timeout = "5s"
{more}
[observers.{name}.config]
path = "{path}"
"""
MEMORY = 777 * 1024**2
PRIVATE = ("anna", "Baugenehmigung", "Bescheid.pdf")


def observe(world: World, name: str = "log", path: str = "var/log.jsonl", more: str = "") -> Path:
    """Add an observer; return the file that it writes."""
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(OBSERVER.format(name=name, path=path, more=more))
    return world.folder / path


def events(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def kinds(file: Path, message_id: str) -> list[str]:
    return [one["event"] for one in events(file) if one.get("message_id") == message_id]


def test_an_observer_sees_a_notice_from_taking_to_deposit_and_nothing_private(
    world: World,
) -> None:
    file = observe(world)
    good, bad = drop(stem="good"), drop(stem="bad", scheme="nowhere")
    world.put(good, bad)
    world.once()
    seen = events(file)
    assert kinds(file, good.message_id) == ["notice.taken", "notice.deposited"]
    assert [one["event"] for one in seen if "message_id" not in one] == ["drop.rejected"]
    assert {(one["tenant"], one["procedure"]) for one in seen} == {("rostock", "bauamt")}
    ids = [one["id"] for one in seen]
    assert ids == sorted(set(ids))
    assert [word for word in PRIVATE if word in file.read_text("utf-8")] == []


def test_a_new_observer_begins_with_what_happens_from_then_on(world: World) -> None:
    before, after = drop(stem="before"), drop(stem="after")
    world.put(before)
    world.once()
    file = observe(world)
    world.once()
    world.put(after)
    world.once()
    assert kinds(file, before.message_id) == []
    assert "notice.deposited" in kinds(file, after.message_id)


def test_an_observer_of_other_tenants_sees_nothing(world: World) -> None:
    file = observe(world, more='tenants = ["rostock"]')
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as toml:
        toml.write('[tenants.wismar]\nmailboxes = ["archive"]\n')
        toml.write('[tenants.wismar.procedures.bauamt]\nauthors = ["ags:130030000000"]\n')
    for name in ("in", "out", "rejected"):
        (world.folder / "spool" / "wismar" / "bauamt" / name).mkdir(parents=True)
    other = observe(world, "wismar", "var/wismar.jsonl", 'tenants = ["wismar"]')
    world.put(drop(stem="a"))
    world.once()
    assert len(events(file)) == 2
    assert events(other) == []


def test_an_observer_that_fails_stops_nothing_and_is_told_everything_later_in_order(
    world: World,
) -> None:
    file = observe(world, path="var/away/log.jsonl")
    world.put(*(drop(stem=f"d{n}") for n in range(3)))
    world.once()
    assert [world.outcomes(f"d{n}") for n in range(3)] == [["DEPOSITED"]] * 3
    file.parent.mkdir()
    world.once()
    seen = events(file)
    assert [one["event"] for one in seen].count("notice.deposited") == 3
    ids = [one["id"] for one in seen]
    assert ids == sorted(ids)
    assert unbalanced(world, 3) == []


def test_an_observer_that_is_killed_is_started_again_and_misses_nothing(world: World) -> None:
    file = observe(world, more=f'memory = "{MEMORY}B"')
    with world.service() as hub:
        first, second = drop(stem="first"), drop(stem="second")
        world.put(first)
        until(lambda: "notice.deposited" in kinds(file, first.message_id), "the first is told")
        os.kill(observer_of(hub.process.pid), signal.SIGKILL)
        world.put(second)
        until(lambda: "notice.deposited" in kinds(file, second.message_id), "the second is told")
        assert hub.stop() == 0
    assert world.outcomes("second") == ["DEPOSITED"]


def test_a_killed_hub_tells_the_rest_after_its_next_start(world: World) -> None:
    file = observe(world)
    made = [drop(stem=f"d{n}") for n in range(40)]
    with world.service() as hub:
        world.put(*made)
        until(lambda: bool(events(file)), "a first event")
        hub.kill()
    world.once()
    told = {one["id"] for one in events(file)}
    logged = {row["id"] for row in world.rows("SELECT id FROM entry WHERE notice_id IS NOT NULL")}
    assert logged <= told
    assert unbalanced(world, 40) == []


def observer_of(hub: int) -> int:
    """Return the observer's process, which is told by the memory that it may take."""
    (found,) = [
        pid
        for pid in descendants(hub)
        if re.search(rf"address space +{MEMORY}\b", Path(f"/proc/{pid}/limits").read_text("ascii"))
    ]
    return found


def test_a_run_waits_for_an_observer_that_its_rate_holds_back(world: World) -> None:
    file = observe(world, more='rate = "1/s"')
    made = [drop(stem=f"d{n}") for n in range(3)]
    world.put(*made)
    world.once()
    assert all(kinds(file, one.message_id)[-1] == "notice.deposited" for one in made)
