"""Damaged rows of the journal: the notice is set aside and reported, and all else goes on.

Each damage strikes a notice of its own that waits for its mailbox, all of a table in one world;
then one more notice is handed in, and the hub runs. Said from outside: by letters, receipts, log.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.journal.tables import attempt, handout, late, notice, payload, receipt
from hub.journal.tables import drop as drops_table
from tests.faults.damage import Way, strike, ways
from tests.flow.inventory import delivery_key
from tests.flow.papers import Drop, drop
from tests.flow.receipts import faults
from tests.flow.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TABLES = (notice, payload, attempt, late, receipt, handout, drops_table)
PLACE = {
    "notice": "id = {id}",
    "payload": "notice_id = {id} AND item = '{item}'",
    "attempt": "notice_id = {id}",
    "late": "notice_id = {id}",
    "drop": "notice_id = {id}",
    "receipt": "notice_id = {id}",
    "handout": "receipt IN (SELECT id FROM receipt WHERE notice_id = {id})",
}
OF_DOCUMENTS = ("segment", "offset", "length", "document_id", "size", "sha256")
DEFERRED = """INSERT INTO attempt
    (notice_id, n, operation, worker, fence, started_at, ended_at, outcome, code, ends_at)
    SELECT id, 1, 'deposit', 'w1', 1, accepted_at, accepted_at, 'DEFERRED', 'X', accepted_at
    FROM notice WHERE open = 1"""
LATE = """INSERT INTO late (notice_id, attempt_id, at, outcome, code, answer)
    SELECT notice_id, id, ended_at, 'DEPOSITED', 'X', x'00' FROM attempt WHERE outcome = 'DEFERRED'
    """
OF_LATE = """SELECT count(*) AS n FROM late JOIN notice ON notice.id = late.notice_id
    WHERE late.closed_at IS NULL"""
REST = "UPDATE handout SET written_at = NULL"
SAID = ("list", "list --cases", "list --json", "doctor", "evidence verify")
Choice = Callable[[list[Way]], list[Way]]


def one_of_each_column(found: list[Way]) -> list[Way]:
    columns = sorted({way.column for way in found})
    chosen = []
    for n, column in enumerate(columns):
        own = [way for way in found if way.column == column]
        chosen.append(own[n % len(own)])
    return chosen


def waiting(folder: Path, chosen: list[Way]) -> tuple[World, list[Drop]]:
    """Make a world in which a notice waits for each damage."""
    world = World.make(folder / "hub")
    world.put(drop(stem="before"))
    world.once()
    world.hub("pause", "citizens", "--mailbox")
    drops = [drop(stem=f"struck{n}") for n in range(len(chosen))]
    world.put(*drops, drop(stem="sound"))
    world.once()
    return world, drops


def damage(world: World, table: sa.Table, drops: list[Drop], chosen: list[Way]) -> list[int]:
    """Strike; return the numbers of the notices."""
    ids = {row["message_id"]: row["id"] for row in world.rows("SELECT id, message_id FROM notice")}
    statements = ["DELETE FROM pause"]
    if table in (attempt, late):
        statements += [DEFERRED, "UPDATE notice SET state = 'DEFERRED' WHERE open = 1"]
    if table is late:
        statements.append(LATE)
    if table in (receipt, handout):  # as if the hub had died before it wrote them
        statements.append(REST)
        for file in (world.procedure / "out").glob("struck*.xml"):
            file.unlink()
    for each, way in zip(drops, chosen, strict=True):
        item = "document" if way.column in OF_DOCUMENTS else "content"
        place = PLACE[table.name].format(id=ids[each.message_id], item=item)
        change = f'UPDATE OR IGNORE "{table.name}" SET "{way.column}" = {way.sql}'  # noqa: S608  # ours
        statements.append(f"{change} WHERE {place}")
    strike(world.folder / "var" / "hub.db", statements)
    return [ids[each.message_id] for each in drops]


def wrong(world: World, drops: list[Drop]) -> list[str]:
    """Return what is not as it must be, whatever was damaged: seen from outside."""
    trust = world.folder / "keys" / "ca.pem"
    receipts, letters = world.receipts(), [path.name for path in world.letters()]
    found = [f"{name}: {one}" for name, own in receipts.items() for one in faults(own, trust)]
    for each in drops:
        ends = [
            own.outcome
            for own in receipts.values()
            if own.message_id == each.message_id and own.outcome in ("DEPOSITED", "FAILED")
        ]
        there = letters.count(delivery_key(each.message_id))
        if len(ends) > 1 or there > 1 or ("DEPOSITED" in ends) != (there == 1):
            found.append(f"{each.stem}: receipts {ends}, letters {there}")
    return found


def struck(tmp_path: Path, table: sa.Table, choice: Choice) -> list[str]:
    chosen = choice(list(ways(table)))
    world, drops = waiting(tmp_path, chosen)
    numbers = damage(world, table, drops, chosen)
    fresh = drop(stem="fresh")
    world.put(fresh)
    said = world.hub("run", "--once", "--announce")
    for stem in ("sound", "fresh"):
        assert "DEPOSITED" in world.outcomes(stem), stem
    held = world.rows("SELECT count(*) AS n FROM notice WHERE state = 'HELD'")[0]["n"]
    for command in SAID:
        ended = world.hub(*command.split(), code=None)
        assert "Traceback" not in ended.stderr, (command, ended.stderr)
    cases = world.hub("list", "--cases").stdout
    late_words = world.rows(OF_LATE)[0]["n"]
    assert cases.count("  why  ") == held + late_words
    assert held or table is handout
    struck_by = list(zip(chosen, drops, numbers, strict=True))
    untold = _untold(world, said.stderr + cases, struck_by)
    return [*wrong(world, [*drops, fresh]), *untold]


def _untold(world: World, told: str, struck_by: list[tuple[Way, Drop, int]]) -> list[str]:
    """Return the damage that kept a notice back, and of which neither log nor cases tell."""
    letters = {path.name for path in world.letters()}
    return [
        f"{way.column} ({way.name}) is nowhere told"
        for way, each, number in struck_by
        if delivery_key(each.message_id) not in letters
        and not (way.column == "mailbox" and way.name in ("cut", "empty"))  # held at its deadline
        and f".{way.column}" not in told
        and each.message_id not in told
        and f'"row": {number},' not in told
    ]


def test_a_damaged_notice_is_set_aside_and_all_else_goes_on(tmp_path: Path) -> None:
    assert struck(tmp_path, notice, one_of_each_column) == []


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("table", TABLES, ids=str)
def test_every_damage_to_every_column_is_set_aside(tmp_path: Path, table: sa.Table) -> None:
    assert struck(tmp_path, table, list) == []
