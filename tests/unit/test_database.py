"""The database under the journal: opened so that it loses no commit, written by one at a time."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.errors import JournalInvalid
from hub.journal import Journal, database, open_journal, taking
from tests.unit import notices
from tests.unit.notices import START, TurnedClock


def test_a_database_is_opened_with_settings_that_lose_no_commit(
    tmp_path: Path, clock: TurnedClock
) -> None:
    journal = open_journal(tmp_path / "hub.db", clock, create=True)
    assert journal.settings() == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
    }
    journal.close()


@pytest.mark.parametrize(
    "other", ["synchronous=NORMAL", "journal_mode=DELETE", "secure_delete=OFF", "foreign_keys=OFF"]
)
def test_a_database_on_which_a_setting_did_not_take_is_not_used(
    tmp_path: Path, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    prepare = database._prepare

    def not_taken(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        connection.execute(f"PRAGMA {other}")

    monkeypatch.setattr(database, "_prepare", not_taken)
    with pytest.raises(JournalInvalid, match=other.partition("=")[0]):
        open_journal(tmp_path / "hub.db", clock, create=True)


def test_what_a_writer_has_read_no_one_else_changes(journal: Journal) -> None:
    other = sqlite3.connect(journal.path, timeout=0, isolation_level=None)
    with journal.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_claim_is_taken_or_refused_once(journal: Journal) -> None:
    notices.take(journal, notices.notice(1))
    again = taking.NewDrop(
        claim="claim1",
        tenant="rostock",
        procedure="bauamt",
        stem="stem1",
        kind=taking.REFUSED,
        at=START,
    )
    with pytest.raises(sa.exc.IntegrityError), journal.write() as tx:
        taking.drops(tx, [again])


def test_a_delivery_key_names_one_notice(journal: Journal) -> None:
    notices.take(journal, notices.notice(1))
    with pytest.raises(sa.exc.IntegrityError):
        notices.take(journal, notices.notice(2, delivery_key=f"{1:064x}"))
