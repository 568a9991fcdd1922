"""Which rows are not as the hub writes them, and what becomes of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hub.damage import Damage
from hub.errors import JournalInvalid
from hub.journal import soundness
from hub.journal.tables import notice
from hub.model import State
from postfach_mailbox import Repeat
from tests.unit.dispatching import DEPOSITED, Ground, Worker, capabilities
from tests.unit.notices import TurnedClock


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


def change(ground: Ground, statement: str) -> None:
    """Change the database as a disk does: past its constraints and triggers."""
    with closing(sqlite3.connect(ground.journal.path)) as database:
        database.execute("PRAGMA ignore_check_constraints=ON")
        found = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in database.execute(found).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute(statement)
        database.commit()


def begin(ground: Ground) -> Damage:
    made = Damage(journal=ground.journal, clock=ground.clock)
    made.begin()
    return made


def found(ground: Ground) -> list[str]:
    with ground.journal.read() as connection:
        return soundness.of_notice(connection, 1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("case_reference", "'Az. 7\u00a0/\u00ad26, Grün'"),
        ("case_reference", "NULL"),
        ("due_at", "'2026-12-31T23:59:59.999999Z'"),
        ("state", "'IN_DOUBT'"),
    ],
)
def test_what_the_hub_may_write_is_sound(ground: Ground, column: str, value: str) -> None:
    ground.take()
    change(ground, f"UPDATE notice SET {column} = {value}")  # noqa: S608  # ours
    assert found(ground) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("case_reference", "CAST(x'61ff62' AS TEXT)"),
        ("address", "x'6162'"),
        ("due_at", "'2026-02-30T00:00:00.000000Z'"),
        ("due_at", "'2026-02-03 00:00:00'"),
        ("due_at", "NULL"),
        ("fence", "-1"),
        ("open", "2"),
        ("state", "'SEALED '"),
        ("lease_owner", "'w1'"),
        ("follows", "77"),
    ],
)
def test_what_it_never_writes_is_held_at_the_next_start(
    ground: Ground, column: str, value: str
) -> None:
    ground.take(1)
    ground.take(2)
    change(ground, f"UPDATE notice SET {column} = {value} WHERE id = 1")  # noqa: S608  # ours
    assert found(ground) != []
    begin(ground).step()  # what does not count as open is found in the round
    row = ground.row(1)
    before = "IN_DOUBT" if column == "state" else "SEALED"  # nobody knows what it was
    assert (row.state, row.held_from, row.held_reason) == ("HELD", before, "damaged")
    assert ground.row(2).state == "SEALED"


def test_a_damaged_notice_goes_back_to_doubt_where_an_attempt_may_have_left_it(
    ground: Ground,
) -> None:
    ground.take()
    Worker.make(ground, capabilities(Repeat.NEITHER)).lease()
    change(ground, "UPDATE notice SET state = 'garbage'")
    begin(ground)
    assert (ground.row().state, ground.row().held_from) == ("HELD", "IN_DOUBT")
    assert [one.outcome for one in ground.tries()] == ["UNKNOWN"]


def test_a_final_state_is_what_the_final_receipt_tells(ground: Ground) -> None:
    ground.take()
    worker = Worker.make(ground, capabilities(Repeat.NEITHER))
    worker.work(DEPOSITED)
    change(ground, "UPDATE notice SET state = 'SEALED', open = 1, due_at = NULL")
    begin(ground)
    assert (State(ground.row().state), ground.row().open) == (State.DEPOSITED, False)
    assert worker.lease() == []


def test_a_damaged_last_link_of_the_evidence_log_ends_the_start(ground: Ground) -> None:
    ground.take()
    with ground.journal.write() as tx:
        tx.note(1, "notice.taken", ground.clock.now(), message_id="urn:1")
    change(ground, "UPDATE chain SET value = 'no link'")
    with pytest.raises(JournalInvalid, match="last link"):
        begin(ground)


def test_every_column_has_its_rule(ground: Ground) -> None:
    with ground.journal.read() as connection:
        for table in soundness.ALL:
            assert list(soundness.unsound(connection, table)) == []
    assert notice in soundness.ALL
