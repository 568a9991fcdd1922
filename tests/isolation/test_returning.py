"""Bad return channels: nothing of them is stored by half, and the others bring theirs back."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.flow.answers import letter, replies, reply
from tests.flow.papers import drop
from tests.flow.world import World, until
from tests.isolation.conftest import processes_of
from tests.isolation.test_neighbours import TABLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

COLLECT = ("back-hang", "back-raise", "back-flood", "back-gigantic")
FETCH = ("back-endless", "back-silent", "back-short", "back-other")
ALL = (*COLLECT, *FETCH, "back-deaf")
CHANNEL = "SELECT coalesce(max(failures), 0) AS n FROM return_channel WHERE mailbox = ?"
STORED = "SELECT count(*) AS n, count(acknowledged_at) AS told FROM returned WHERE mailbox = ?"


def _failed(world: World, act: str) -> bool:
    return bool(world.rows(CHANNEL, act)[0]["n"] > 1)


def test_bad_return_channels_harm_themselves_alone(python: Path, tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    world.configure('"citizens"]', ", ".join(f'"{act}"' for act in ["citizens", *ALL]) + "]")
    world.configure("[mailboxes.citizens]", "[mailboxes.citizens]\ncollect = '1s'")
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        for act in ALL:
            made = TABLE.format(act=act, python=python)
            file.write(made.replace("memory", 'collect = "1s"\nmemory', 1))
    for act in ALL:
        (world.folder / "var" / "mailboxes" / act).mkdir()
    first = drop()
    world.put(first)
    with world.service() as hub:
        hub.wait_for(f"final {first.message_id} DEPOSITED")
        for act in ALL:
            until(partial(_failed, world, act), f"failures of {act}", 60)
        reply(letter(world))
        until(lambda: len(replies(world)) == 1, "the good mailbox's reply")
        again = drop()
        world.put(again)
        hub.wait_for(f"final {again.message_id} DEPOSITED")
        assert hub.stop() == 0
    stored = {act: tuple(world.rows(STORED, act)[0]) for act in ALL}
    for act in ("back-endless", "back-silent"):  # its process dies at an item: a case in the end
        assert stored.pop(act) in ((0, 0), (1, 0))
    others = dict.fromkeys(set(ALL) - {"back-endless", "back-silent"}, (0, 0))
    assert stored == others | {"back-deaf": (1, 0)}
    log = (world.folder / "log").read_text("utf-8")
    assert "Canary-R" not in log
    refused = [line for line in log.splitlines() if '"limit"' in line]
    assert refused  # what is announced over the hub's limits is not even asked for
    assert all('"back-gigantic"' in line for line in refused)
    assert processes_of(python) == []


# The hub, dying as soon as it has stored the first item.
DYING = """
import os
from hub.returns.storing import Storing
store = Storing.store
def stored(*given, **named):
    store(*given, **named)
    os._exit(9)
Storing.store = stored
from hub.cli import main
main()
"""


def test_a_cursor_goes_on_only_when_all_before_it_is_stored(python: Path, tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    world.configure('"citizens"]', '"citizens", "back-pages"]')
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(TABLE.format(act="back-pages", python=python))
    (world.folder / "var" / "mailboxes" / "back-pages").mkdir()
    replace(world, program=(sys.executable, "-c", DYING)).once(code=9)
    assert tuple(world.rows(STORED, "back-pages")[0]) == (1, 0)
    world.once()
    assert tuple(world.rows(STORED, "back-pages")[0]) == (5, 5)
    world.once()
    assert tuple(world.rows(STORED, "back-pages")[0]) == (5, 5)


TROUBLES = "SELECT item, trouble, acknowledged_at IS NOT NULL AS told FROM returned ORDER BY item"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_an_item_that_ends_its_process_three_times_is_set_aside(
    python: Path, tmp_path: Path
) -> None:
    world = World.make(tmp_path / "hub")
    world.configure('"citizens"]', '"citizens", "back-deadly"]')
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        made = TABLE.format(act="back-deadly", python=python)
        file.write(made.replace("memory", 'collect = "1s"\nmemory', 1))
    (world.folder / "var" / "mailboxes" / "back-deadly").mkdir()
    wanted = [("item-1", "ITEM_DEADLY", 0), ("item-2", "NOTICE_UNKNOWN", 0)]
    wanted.append(("item-3", "NOTICE_UNKNOWN", 1))  # whose turn comes after both
    first = drop()
    world.put(first)  # to the other mailbox
    with world.service() as hub:
        hub.wait_for(f"final {first.message_id} DEPOSITED")
        until(lambda: [tuple(row) for row in world.rows(TROUBLES)] == wanted, "all", 500)
        assert hub.stop() == 0
    assert "died at it three times" in world.hub("list", "--cases").stdout
