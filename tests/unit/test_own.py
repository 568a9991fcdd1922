"""Database and vault belong to each other, and a worker looks at both before it begins."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from hub import app, starter, vault
from hub.app.own import own_journal, own_vault
from hub.config import Config, load
from hub.errors import JournalInvalid
from hub.journal import Journal, open_journal, restoring
from hub.journal.restoring import Restoration
from tests.unit import notices
from tests.unit.barriers import Watched
from tests.unit.notices import START, TurnedClock

CLOCK = TurnedClock()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(starter.init(tmp_path / "h", START).config, {})


def worked_on(config: Config) -> Journal:
    """Return a journal whose vault is tied to it."""
    journal = own_journal(config, CLOCK)
    config.vault.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    own_vault(config.vault.path, journal, Watched())
    return journal


def forget(config: Config) -> None:
    for path in config.hub.database_file.parent.glob("hub.db*"):
        path.unlink()


def test_no_database_is_begun_anew_for_a_vault_that_has_one(config: Config) -> None:
    worked_on(config).close()
    forget(config)
    with pytest.raises(JournalInvalid, match="the database is gone"):
        own_journal(config, CLOCK)
    assert not config.hub.database_file.exists()


def test_a_vault_is_tied_to_the_first_database_that_comes(config: Config) -> None:
    worked_on(config).close()
    forget(config)
    other = open_journal(config.hub.database_file, CLOCK, create=True)
    with pytest.raises(JournalInvalid, match="belongs to another"):
        own_vault(config.vault.path, other, Watched())
    other.close()
    with (
        pytest.raises(JournalInvalid, match="belongs to another"),
        app.worker(config, CLOCK, "w1"),
    ):
        pass


def test_a_restored_database_has_the_vault_that_it_had(config: Config) -> None:
    journal = worked_on(config)
    made = Restoration(at=START, backup_at=START, lost_until=START, head="", user=0)
    for _ in range(2):
        with journal.write() as tx:
            restoring.begin(tx, made)
        journal.close()
        journal = own_journal(config, CLOCK)
        own_vault(config.vault.path, journal, Watched())
    journal.close()


def test_whose_a_vault_is_is_durable_before_anything_lies_in_it(tmp_path: Path) -> None:
    disk = Watched()
    vault.belong(tmp_path, "log", disk)
    file, folder = disk.synced
    assert (file.parent, folder) == (tmp_path, tmp_path)
    assert file.name.startswith(f"{vault.OWNER}.")  # before it has its name
    assert vault.owner(tmp_path) == "log"


def strike(config: Config, statement: str) -> None:
    journal = own_journal(config, CLOCK)
    notices.take(journal, notices.notice(1, deadline=START + timedelta(days=7)))
    journal.close()
    with closing(sqlite3.connect(config.hub.database_file)) as database, database:
        database.execute(statement)


def test_damage_is_set_aside_before_a_worker_begins(config: Config) -> None:
    strike(config, "UPDATE notice SET due_at = 'no time'")
    with app.worker(config, CLOCK, "w1") as parts, parts.journal.read() as connection:
        found = connection.exec_driver_sql("SELECT state, held_reason FROM notice").one()
    assert tuple(found) == ("HELD", "damaged")


def test_what_killed_the_hub_before_is_known_to_the_next(config: Config) -> None:
    strike(config, "INSERT INTO meta VALUES ('tried:leasing:1', '3')")
    with app.worker(config, CLOCK, "w1") as parts:
        assert parts.caution.leaves("leasing", 1)
