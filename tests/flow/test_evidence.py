"""`hub evidence verify`: whatever is changed in the database afterwards is found, and where."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.papers import drop
from tests.flow.world import World

pytestmark = pytest.mark.slow
ANOTHER_KIND = """
    UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'kind', 'kint') AS BLOB) WHERE id = 1
"""
FORGED = """
    INSERT INTO receipt (receipt_id, outcome, suffix, final, bytes, issued_at)
    SELECT 'forged', outcome, suffix, 0, bytes, issued_at FROM receipt WHERE id = 1
"""
CUT = (
    "DELETE FROM handout WHERE receipt > 0",
    """
    DELETE FROM receipt WHERE receipt_id IN (
        SELECT json_extract(body, '$.subject.receipt') FROM entry
        WHERE seq = (SELECT max(seq) FROM chain))
    """,
    "DELETE FROM entry WHERE seq = (SELECT max(seq) FROM chain)",
    "DELETE FROM chain WHERE seq = (SELECT max(seq) FROM chain)",
)


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give a world with all kinds of receipts, in some commits."""
    world = World.make(tmp_path_factory.mktemp("proven") / "hub", accepted="always")
    for turn in range(3):
        refused = drop(stem=f"refused{turn}")
        refused = replace(refused, envelope=refused.envelope.replace(b"<Subject>", b"<Subjekt>"))
        world.put(drop(stem=f"one{turn}"), drop(stem=f"gone{turn}", account="carla"), refused)
        world.once()
    return world


@pytest.fixture
def copy(proven: World, tmp_path: Path) -> World:
    shutil.copytree(proven.folder, tmp_path / "hub")
    return replace(proven, folder=tmp_path / "hub")


def change(world: World, *statements: str) -> None:
    """Change the database as someone who has all rights to its file."""
    with closing(sqlite3.connect(world.folder / "var" / "hub.db")) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert database.execute(statement).rowcount > 0, statement


def head_of(world: World) -> str:
    said = world.hub("evidence", "verify").stdout
    return said.rpartition("head ")[2].strip()


def test_what_was_not_touched_is_whole_and_each_receipt_stands_in_it(proven: World) -> None:
    said = json.loads(proven.hub("evidence", "verify", "--json").stdout)
    assert (said["wrong"], said["findings"]) == (0, [])
    assert said["receipts"] == proven.rows("SELECT count(*) AS n FROM receipt")[0]["n"] > 10
    assert said["entries"] == proven.rows("SELECT count(*) AS n FROM entry")[0]["n"]
    assert said["commits"] == said["head"]["number"] > 5
    proven.hub("evidence", "verify", "--head", head_of(proven))


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            [ANOTHER_KIND],
            "commit 1, entry 1",
        ),
        (["UPDATE entry SET digest = lower(hex(zeroblob(32))) WHERE id = 3"], "commit"),
        (["DELETE FROM entry WHERE id = 4"], "the link does not follow"),
        (["DELETE FROM chain WHERE seq = 3"], "commits are missing"),
        (
            ["UPDATE chain SET at = '2026-01-01T00:00:00.000000Z' WHERE seq = 2"],
            "commit 2: the link",
        ),
        (["UPDATE entry SET seq = 1 WHERE seq = 2"], "the link does not follow"),
        (["DELETE FROM receipt WHERE id = 2"], "is not there"),
        (
            ["UPDATE receipt SET bytes = (SELECT bytes FROM receipt WHERE id = 1) WHERE id = 3"],
            "names another entry than its own",
        ),
        (
            [FORGED],
            "receipt forged: no entry of the log tells of it",
        ),
        (["UPDATE chain SET at = 'yesterday' WHERE seq = 3"], "what is stored cannot be read"),
        (["UPDATE entry SET body = 'text' WHERE id = 5"], "cannot be read"),
        (
            ["UPDATE chain SET seq = seq + 1000 WHERE seq = (SELECT max(seq) FROM chain)"],
            "belong to no commit",
        ),
    ],
    ids=range(12),
)
def test_what_was_changed_is_found(copy: World, statements: list[str], said: str) -> None:
    change(copy, *statements)
    ended = copy.hub("evidence", "verify", code=65)
    assert said in ended.stdout
    assert "NOT whole" in ended.stdout
    assert "does not hold" in ended.stderr


def test_a_receipt_that_was_fetched_still_stands_where_it_was_made(copy: World) -> None:
    (copy.procedure / "out" / next(iter(copy.receipts("one0")))).unlink()
    copy.hub("receipt", "confirm", "rostock/bauamt")
    assert copy.rows("SELECT * FROM entry WHERE kind = 'receipt.taken'")
    said = json.loads(copy.hub("evidence", "verify", "--json").stdout)
    assert (said["wrong"], said["findings"]) == (0, [])
    assert said["receipts"] == copy.rows("SELECT count(*) AS n FROM receipt")[0]["n"]


def test_a_log_that_was_cut_shows_against_a_head_that_was_kept(copy: World) -> None:
    head, number = head_of(copy), head_of(copy).partition(":")[0]
    change(copy, *CUT)
    copy.hub("evidence", "verify")
    ended = copy.hub("evidence", "verify", "--head", head, code=65)
    assert f"commit {number}: the commit of the checkpoint is missing" in ended.stdout


@pytest.mark.parametrize("head", ["", "5", "5:abc", f"0:{'0' * 64}", f"5:{'G' * 64}"])
def test_what_is_no_head_is_refused(proven: World, head: str) -> None:
    assert (
        "no head of an evidence log"
        in proven.hub("evidence", "verify", "--head", head, code=64).stderr
    )
