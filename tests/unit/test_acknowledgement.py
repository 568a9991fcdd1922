from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.acknowledgement import (
    ALL_GONE,
    NO_FOLDER,
    OTHER_FOLDER,
    Acknowledgements,
    Alarm,
    alarms,
    confirm,
    untaken,
)
from hub.errors import NotAvailable
from hub.journal import Journal
from hub.journal.tables import entry, handout
from hub.spool import Spool
from tests.unit.spools import (
    TurnedClock,
    add_notice,
    issue,
    make_folders,
    open_one,
    writer,
)

KEY = ("rostock", "bauamt")


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def spool(tmp_path: Path, clock: TurnedClock) -> Iterator[Spool]:
    opened = open_one(make_folders(tmp_path), clock)
    yield opened
    opened.folders.close()


@pytest.fixture
def watcher(journal: Journal, spool: Spool, clock: TurnedClock) -> Acknowledgements:
    made = Acknowledgements(journal, {KEY: spool}, clock)
    assert made.scan() == []
    return made


def write_receipts(
    journal: Journal, spool: Spool, clock: TurnedClock, count: int, *, first: int = 1
) -> list[Path]:
    files = [
        issue(journal, clock, add_notice(journal, clock, number), number)
        for number in range(first, first + count)
    ]
    outbound = writer(journal, spool, clock)
    outbound.write(files)
    outbound.flush()
    return [spool.folders.path / "out" / file.name for file in files]


def fetched(journal: Journal) -> int:
    with journal.read() as connection:
        return len(
            connection.execute(
                sa.select(handout.c.id).where(handout.c.confirmed_at.is_not(None))
            ).all()
        )


def kinds(journal: Journal) -> list[str]:
    with journal.read() as connection:
        return [row.kind for row in connection.execute(sa.select(entry.c.kind))]


def test_a_file_missing_in_two_scans_a_minute_apart_counts_as_fetched(
    journal: Journal, spool: Spool, clock: TurnedClock, watcher: Acknowledgements
) -> None:
    first, second = write_receipts(journal, spool, clock, 2)
    watcher.scan()
    first.unlink()
    watcher.scan()
    clock.turn(seconds=59)
    watcher.scan()
    assert fetched(journal) == 0
    clock.turn(seconds=1)
    assert watcher.scan() == []
    assert fetched(journal) == 1
    assert second.exists()
    assert kinds(journal) == ["receipt.taken"]


def test_a_file_that_comes_back_was_not_fetched(
    journal: Journal, spool: Spool, clock: TurnedClock, watcher: Acknowledgements
) -> None:
    (file,) = write_receipts(journal, spool, clock, 1)
    data = file.read_bytes()
    file.unlink()
    watcher.scan()
    file.write_bytes(data)
    clock.turn(seconds=61)
    watcher.scan()
    file.unlink()
    watcher.scan()
    clock.turn(seconds=30)
    watcher.scan()
    assert fetched(journal) == 0


def test_a_file_that_was_never_written_is_not_fetched(
    journal: Journal, clock: TurnedClock, watcher: Acknowledgements
) -> None:
    issue(journal, clock, add_notice(journal, clock, 1), 1)
    watcher.scan()
    clock.turn(seconds=61)
    watcher.scan()
    assert fetched(journal) == 0


def test_a_crowd_that_goes_all_at_once_raises_an_alarm_until_it_is_confirmed(
    journal: Journal, spool: Spool, clock: TurnedClock, watcher: Acknowledgements
) -> None:
    files = write_receipts(journal, spool, clock, 20)
    watcher.scan()
    for file in files:
        file.unlink()
    assert watcher.scan() == [
        Alarm(tenant="rostock", procedure="bauamt", reason=ALL_GONE, missing=20)
    ]
    assert watcher.scan() == []  # said once
    clock.turn(seconds=120)
    watcher.scan()
    assert fetched(journal) == 0
    assert [place.alarm for place in alarms(journal)] == [ALL_GONE]
    assert confirm(journal, spool, clock) == 20
    assert fetched(journal) == 20
    assert alarms(journal) == []
    assert kinds(journal)[:1] == ["spool.alarm"]
    assert kinds(journal)[-1] == "spool.confirmed"


def test_a_crowd_that_was_gone_at_the_first_scan_after_a_start_raises_an_alarm(
    journal: Journal, spool: Spool, clock: TurnedClock
) -> None:
    for file in write_receipts(journal, spool, clock, 20):
        file.unlink()
    started = Acknowledgements(journal, {KEY: spool}, clock)
    assert [alarm.reason for alarm in started.scan()] == [ALL_GONE]


def test_a_crowd_of_which_one_stays_is_fetched(
    journal: Journal, spool: Spool, clock: TurnedClock, watcher: Acknowledgements
) -> None:
    files = write_receipts(journal, spool, clock, 21)
    watcher.scan()
    for file in files[1:]:
        file.unlink()
    assert watcher.scan() == []
    clock.turn(seconds=60)
    watcher.scan()
    assert fetched(journal) == 20


def test_another_folder_in_the_same_place_raises_an_alarm_even_after_a_restart(
    journal: Journal, spool: Spool, clock: TurnedClock, watcher: Acknowledgements
) -> None:
    (file,) = write_receipts(journal, spool, clock, 1)
    watcher.scan()
    out = spool.folders.path / "out"
    out.rename(out.with_name("moved"))
    out.mkdir()
    again = open_one(spool.folders.path, clock, worker="w2")
    restarted = Acknowledgements(journal, {KEY: again}, clock)
    assert [alarm.reason for alarm in restarted.scan()] == [OTHER_FOLDER]
    clock.turn(seconds=61)
    restarted.scan()
    assert fetched(journal) == 0
    assert not file.exists()
    assert confirm(journal, again, clock) == 1
    assert restarted.scan() == []
    assert fetched(journal) == 1
    again.folders.close()


def test_a_folder_that_is_not_there_raises_an_alarm_and_cannot_be_confirmed(
    journal: Journal, spool: Spool, clock: TurnedClock, watcher: Acknowledgements
) -> None:
    write_receipts(journal, spool, clock, 1)
    out = spool.folders.path / "out"
    out.rename(out.with_name("moved"))
    assert [alarm.reason for alarm in watcher.scan()] == [NO_FOLDER]
    with pytest.raises(NotAvailable):
        confirm(journal, spool, clock)
    out.with_name("moved").rename(out)
    assert confirm(journal, spool, clock) == 0
    assert watcher.scan() == []


def test_a_removed_marker_raises_an_alarm(
    journal: Journal, spool: Spool, watcher: Acknowledgements
) -> None:
    (spool.folders.path / "out" / ".postfach").unlink()
    assert [alarm.reason for alarm in watcher.scan()] == [NO_FOLDER]


def test_what_no_one_takes_for_long_is_named_oldest_first(
    journal: Journal, spool: Spool, clock: TurnedClock
) -> None:
    write_receipts(journal, spool, clock, 1)
    clock.turn(days=2)
    write_receipts(journal, spool, clock, 1, first=2)
    clock.turn(days=2)
    write_receipts(journal, spool, clock, 1, first=3)
    found = untaken(journal, [KEY], clock.now(), timedelta(days=2))
    assert [one.file for one in found] == [
        "stem-1.01.deposited.xml",
        "stem-2.01.deposited.xml",
    ]


def test_old_temporary_files_are_taken_off_and_young_ones_are_not(
    spool: Spool, clock: TurnedClock, watcher: Acknowledgements
) -> None:
    out = spool.folders.path / "out"
    name = out / f".17.{'0' * 16}.part"
    name.touch()
    (out / ".someone").touch()
    clock.passed = timedelta(seconds=name.stat().st_mtime - 1) - timedelta(
        seconds=(clock.now() - clock.passed).timestamp()
    )
    watcher.scan()
    assert name.exists()
    clock.turn(hours=1, seconds=2)
    watcher.scan()
    assert not name.exists()
    assert (out / ".someone").exists()


@pytest.mark.parametrize("value", ["\x01 garbage", "", "[]", "{}", '{"tenant": "other"}'])
def test_where_the_journal_lost_which_folder_it_was_nothing_counts_until_it_is_confirmed(
    journal: Journal,
    spool: Spool,
    watcher: Acknowledgements,
    clock: TurnedClock,
    value: str,
) -> None:
    for path in write_receipts(journal, spool, clock, 2):
        path.unlink()
    with journal.write() as tx:
        tx.connection.execute(
            sa.text("UPDATE meta SET value = :value WHERE key LIKE 'out:%'"), {"value": value}
        )
    for _ in range(3):
        watcher.scan()
        clock.turn(seconds=60)
    assert fetched(journal) == 0
    assert [one.alarm for one in alarms(journal)] == ["damaged"]
    assert confirm(journal, spool, clock) == 2
    assert alarms(journal) == []
