"""Damage to rows that belong to no open notice: the evidence log, what came back, the hub's own.

The hub starts, the rest flows, and what was struck is named: by the log, or by `hub evidence
verify`. As in `test_damage`, each damage strikes a row of its own.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.clock import system_clock
from hub.journal import open_journal
from hub.journal.tables import entry, returned, returned_file
from hub.proving import prove
from tests.faults.damage import TEXT, Way, strike, ways
from tests.flow.answers import letter
from tests.flow.papers import drop
from tests.flow.world import World

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

# Damage that no row can have as the hub writes it; other ways leave what may be so, and is not.
GROSS = {"garbage", "no text", "no utf-8", "no time", "no day", "a number", "text", "negative"}
GROSS |= {"bytes", "seven", "dangling", "null byte"}
MAY_BE = {("item", "garbage"), ("item", "null byte")}  # a mailbox's own words
SAID = ("list", "list --cases", "doctor", "evidence verify")
KNOWN = ("config", "clock", "out:rostock/bauamt")
RUNS = 5
ID = "the id of the evidence log is damaged"


def rows(database: Path, table: sa.Table) -> list[int]:
    with closing(sqlite3.connect(database)) as opened:
        return [row[0] for row in opened.execute(f'SELECT rowid FROM "{table.name}"')]  # noqa: S608  # ours


def shot(way: Way, table: sa.Table, row: int) -> str:
    change = f'UPDATE OR IGNORE "{table.name}" SET "{way.column}" = {way.sql}'  # noqa: S608  # ours
    return f"{change} WHERE rowid = {row}"


def value(database: Path, table: sa.Table, way: Way, row: int) -> object:
    with closing(sqlite3.connect(database)) as opened:
        opened.text_factory = bytes
        wanted = f'SELECT "{way.column}" FROM "{table.name}" WHERE rowid = ?'  # noqa: S608  # ours
        return opened.execute(wanted, [row]).fetchone()[0]


def deposit(world: World) -> str:
    """Hand in one more notice, and have it deposited; return the hub's log."""
    world.put(fresh := drop())
    said = ""
    for _ in range(RUNS):  # a machine under load may start a mailbox too late for one
        said += world.hub("run", "--once").stderr
        if world.outcomes(fresh.stem)[-1:] == ["DEPOSITED"]:
            break
    assert world.outcomes(fresh.stem)[-1:] == ["DEPOSITED"], said
    return said


def goes_on(world: World, commands: tuple[str, ...] = SAID) -> str:
    """Run the hub with one more notice; return its log, and what commands say."""
    said = deposit(world)
    assert "Traceback" not in said
    for command in commands:
        ended = world.hub(*command.split(), code=None)
        assert "Traceback" not in ended.stderr, (command, ended.stderr)
        said += ended.stdout
    return said


def copies(world: World, folder: Path, shots: list[tuple[Way, int]]) -> Iterator[Path]:
    """Give a copy of the world's database for each damage, with that one alone."""
    for number, (way, row) in enumerate(shots):
        copy = folder / f"{number}.db"
        shutil.copy(world.folder / "var" / "hub.db", copy)
        strike(copy, [shot(way, entry, row)])
        yield copy


def test_every_damage_to_an_entry_is_found_and_the_hub_goes_on(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    chosen = list(ways(entry))
    world.put(*(drop() for _ in range(len(chosen) // 2 + 1)))
    world.once()
    database = world.folder / "var" / "hub.db"
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shots = list(zip(chosen, rows(database, entry), strict=False))
    assert len(shots) == len(chosen)
    unseen = []
    for (way, _), copy in zip(shots, copies(world, tmp_path, shots), strict=True):
        journal = open_journal(copy, system_clock())
        if not prove(journal, None, lambda _: None).wrong:
            unseen.append(f"{way.column} ({way.name})")
        journal.close()
        copy.unlink()
    assert unseen == []
    strike(database, [shot(way, entry, row) for way, row in shots])
    goes_on(world)


def answers(world: World, count: int) -> None:
    """Let replies come back about the one letter, each with a document."""
    folder = letter(world).parent / "replies"
    for number in range(count):
        made = folder / f".r{number}"
        made.mkdir(parents=True)
        (made / "one.txt").write_bytes(b"one")
        said = {
            "about": letter(world).name,
            "subject": "Re:",
            "text": "Anbei.",
            "documents": [{"filename": "one.txt", "content_type": "text/plain"}],
        }
        (made / "reply.json").write_text(json.dumps(said), "utf-8")
        made.rename(folder / f"r{number}")


@pytest.mark.parametrize("table", [returned, returned_file], ids=str)
@pytest.mark.parametrize("written", [True, False], ids=["written", "not written"])
def test_every_damage_to_what_came_back_is_told_and_the_hub_goes_on(
    tmp_path: Path, table: sa.Table, written: bool
) -> None:
    world = World.make(tmp_path / "hub")
    deposit(world)
    chosen = list(ways(table))
    answers(world, len(chosen))
    deposit(world)
    database = world.folder / "var" / "hub.db"
    shots = list(zip(chosen, rows(database, table), strict=False))
    assert len(shots) == len(chosen)
    before = [value(database, table, *one) for one in shots]
    statements = [shot(way, table, row) for way, row in shots]
    if not written:  # as if the hub had died before
        statements.insert(0, "UPDATE returned_file SET written_at = NULL, confirmed_at = NULL")
        for file in (world.procedure / "out").glob("*.re*"):
            file.unlink()
    strike(database, statements)
    after = [value(database, table, *one) for one in shots]
    said = goes_on(world)
    untold = [
        f"{way.column} ({way.name})"
        for (way, row), old, new in zip(shots, before, after, strict=True)
        if old != new and way.name in GROSS
        if (way.column, way.name) not in MAY_BE
        if f'"code": "{table.name}.{way.column}", "row": {row}' not in said
    ]
    assert untold == []


def test_every_damage_to_what_the_hub_knows_of_itself_stops_nothing(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    world.once()
    database = world.folder / "var" / "hub.db"
    names = ", ".join(f"'{name}'" for name in KNOWN)
    for sql in (*TEXT.values(), f"'{system_clock().boot_id} soon'"):
        changed = sql.replace("{c}", "value")
        strike(database, [f"UPDATE meta SET value = {changed} WHERE key IN ({names})"])  # noqa: S608  # ours
        assert '"code": "meta.value"' in goes_on(world, ()), sql
        world.hub("receipt", "confirm", "rostock/bauamt")
    strike(database, [f"UPDATE meta SET value = 'x' WHERE key IN ({names})"])  # noqa: S608  # ours
    assert "(damaged)" in goes_on(world, ("doctor",))


@pytest.mark.parametrize("way", ["garbage", "empty"])
def test_a_log_whose_id_is_damaged_ends_the_start_with_a_clear_error(
    tmp_path: Path, way: str
) -> None:
    world = World.make(tmp_path / "hub")
    world.once()
    database = world.folder / "var" / "hub.db"
    strike(database, [f"UPDATE meta SET value = {TEXT[way]} WHERE key = 'log_id'"])  # noqa: S608  # ours
    ended = world.hub("run", "--once", code=78)
    assert ID in ended.stderr
    assert "Traceback" not in ended.stderr
