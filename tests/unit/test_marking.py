"""A test's clock works on a database that was made for it, on no other, and no other on that."""

import os
from pathlib import Path

import pytest

from hub.clock import TEST, system_clock
from hub.errors import CannotCreate, JournalInvalid
from hub.journal import open_journal
from hub.journal.marking import make_for_test
from tests.unit.notices import TurnedClock, journal

MARK = "48 2026-02-03T10:00:00+00:00"
FAST = TurnedClock(speed=48, mark=MARK)


def test_a_database_in_use_is_refused_to_a_test_s_clock_and_cannot_be_marked(
    tmp_path: Path,
) -> None:
    path = tmp_path / "hub.db"
    journal(tmp_path, TurnedClock()).close()
    with pytest.raises(JournalInvalid, match="no test's database"):
        open_journal(path, FAST)
    with pytest.raises(CannotCreate, match="worked on"):
        make_for_test(path, FAST)
    open_journal(path, TurnedClock()).close()


def test_a_new_database_is_not_marked_by_a_test_s_clock_itself(tmp_path: Path) -> None:
    with pytest.raises(JournalInvalid, match="no test's database"):
        open_journal(tmp_path / "hub.db", FAST, create=True)


def test_a_test_s_database_is_worked_on_by_its_clock_alone(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    make_for_test(path, FAST)
    for other in (TurnedClock(), TurnedClock(speed=60, mark=MARK.replace("48", "60"))):
        with pytest.raises(JournalInvalid, match="made for a test"):
            open_journal(path, other)
    open_journal(path, FAST).close()
    with pytest.raises(CannotCreate):
        make_for_test(path, TurnedClock(speed=60, mark=MARK.replace("48", "60")))


def test_there_is_no_mark_for_the_machine_s_clock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no mark"):
        make_for_test(tmp_path / "hub.db", TurnedClock())
    assert not (tmp_path / "hub.db").exists()


def test_no_test_s_clock_is_set_where_tests_run() -> None:
    assert TEST not in os.environ
    assert system_clock().mark == ""
