"""The journal's files under it: what nobody would find again is no commit."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.errors import StorageFailed
from hub.journal import questions
from tests.unit import notices
from tests.unit.notices import TurnedClock


def deleted(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    shutil.copy(file, file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)


@pytest.mark.parametrize("name", ["hub.db", "hub.db-wal"])
@pytest.mark.parametrize("gone", [deleted, replaced])
def test_a_commit_into_a_file_that_is_gone_does_not_count(
    tmp_path: Path, gone: Callable[[Path], None], name: str
) -> None:
    journal = notices.journal(tmp_path, TurnedClock())
    notices.take(journal, notices.notice(1))
    gone(tmp_path / name)
    with pytest.raises(StorageFailed, match=f"{name}: the file was deleted") as failed:
        notices.take(journal, notices.notice(2))
    assert f"/proc/{os.getpid()}/fd" in failed.value.fix
    journal.close()


def test_a_file_that_is_put_back_is_the_same_one(tmp_path: Path) -> None:
    journal = notices.journal(tmp_path, TurnedClock())
    (tmp_path / "hub.db").rename(tmp_path / "away")
    with pytest.raises(StorageFailed):
        notices.take(journal, notices.notice(1))
    (tmp_path / "away").rename(tmp_path / "hub.db")
    notices.take(journal, notices.notice(2))
    with journal.read() as connection:  # what was called failed is not there
        claims = connection.exec_driver_sql("SELECT claim FROM notice").scalars().all()
    assert claims == ["claim2"]
    journal.close()


def test_a_file_that_goes_while_the_commit_is_made_is_seen_after_it(tmp_path: Path) -> None:
    journal = notices.journal(tmp_path, TurnedClock())
    sa.event.listen(
        sa.Engine, "commit", going := lambda _connection: deleted(tmp_path / "hub.db"), once=True
    )
    try:
        with pytest.raises(StorageFailed, match="was deleted"):
            notices.take(journal, notices.notice(1))
    finally:
        sa.event.remove(sa.Engine, "commit", going)
    journal.close()


def test_a_log_that_cannot_be_emptied_is_an_error_of_storage_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = notices.journal(tmp_path, TurnedClock())
    notices.take(journal, notices.notice(1))
    real = sa.Connection.exec_driver_sql

    def failing(connection: sa.Connection, statement: str) -> object:
        if "wal_checkpoint" in statement:
            cause = sqlite3.OperationalError("disk I/O error")
            raise sa.exc.OperationalError(statement, None, cause)
        return real(connection, statement)

    with monkeypatch.context() as patch:
        patch.setattr(sa.Connection, "exec_driver_sql", failing)
        with pytest.raises(StorageFailed, match="disk I/O error"):
            journal.truncate_log()
    stood = journal.log_stands
    journal.truncate_log()
    assert (stood, journal.log_stands) == (True, False)
    journal.close()


def test_a_database_that_is_damaged_while_the_hub_works_is_an_error_of_storage(
    tmp_path: Path,
) -> None:
    journal = notices.journal(tmp_path, TurnedClock())
    pages = (tmp_path / "hub.db").stat().st_size
    with (tmp_path / "hub.db").open("r+b") as file:
        file.seek(4096)  # the first page holds the header and the tables' names
        file.write(os.urandom(pages - 4096))
    with pytest.raises(StorageFailed, match="malformed"):
        notices.take(journal, notices.notice(1))
    with pytest.raises(StorageFailed, match="malformed"), journal.read() as connection:
        questions.open_by_state(connection)
    journal.close()
