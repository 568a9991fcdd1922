"""The doctor: each thing that can be wrong is named, and nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub import config, doctor, starter
from hub.clock import SystemClock, system_clock
from hub.config import Config
from hub.doctor import database, machine
from hub.journal import Journal, circuits, handouts, open_journal, places, returning, steps
from hub.model import State
from hub.starter import Started
from tests.unit.findings import KEY, SetClock, bad
from tests.unit.spools import TurnedClock, add_notice, issue


@pytest.fixture
def started(tmp_path: Path) -> Started:
    return starter.init(tmp_path / "h", system_clock().now())


@pytest.fixture
def settings(started: Started) -> Config:
    return config.load(started.config, {})


@pytest.fixture
def journal(settings: Config) -> Iterator[Journal]:
    opened = open_journal(settings.hub.database_file, system_clock(), create=True)
    yield opened
    opened.close()


def test_machine_and_keys_of_a_new_hub_are_in_order(settings: Config) -> None:
    assert bad(machine.look_at_clock(system_clock(), None)) == []
    assert bad(machine.look_at_seal(settings, system_clock())) == []
    assert bad(machine.look_at_master_key(settings, None)) == []


def test_space_names_the_barrier(settings: Config) -> None:
    found = list(machine.look_at_space(settings))
    assert all("barrier: " in one.what for one in found)
    assert "vault" in found[0].what


def test_a_disk_on_which_the_largest_drop_does_not_fit_is_too_full(started: Started) -> None:
    text = started.config.read_text("utf-8").replace('drop = "2GiB"', 'drop = "900000GiB"')
    started.config.write_text(text, "utf-8")
    found = bad(machine.look_at_space(config.load(started.config, {})))
    assert all("MiB free" in what for what in found)
    assert found


def test_a_clock_before_the_first_hub_is_wrong() -> None:
    assert bad(machine.look_at_clock(SetClock(days=-20_000), None))


def test_a_clock_behind_the_journal_is_wrong(journal: Journal) -> None:
    with journal.write() as tx:
        tx.note(None, "hub.started", system_clock().now())
    assert bad(machine.look_at_clock(SetClock(), journal)) == []
    assert "journal was written" in bad(machine.look_at_clock(SetClock(hours=-1), journal))[0]


def test_a_boot_without_id_is_the_one_finding(settings: Config) -> None:
    def unreadable() -> SystemClock:
        raise FileNotFoundError(2, "No such file or directory")

    (found,) = doctor.examine(settings, unreadable)
    assert (found.subject, found.ok) == ("clock", False)


@pytest.mark.parametrize(
    ("days", "words"),
    [(-2, "valid from"), (1080, "for 15 more days|for 14 more days"), (1200, "expired")],
)
def test_a_certificate_is_looked_at_in_time(settings: Config, days: int, words: str) -> None:
    (what,) = bad(machine.look_at_seal(settings, SetClock(days=days)))
    assert any(word in what for word in words.split("|"))


def test_a_foreign_master_key_is_found(settings: Config, journal: Journal) -> None:
    settings.vault.path.mkdir()
    add_notice(journal, TurnedClock(), 1)
    assert "does not open" in bad(machine.look_at_master_key(settings, journal))[0]


@pytest.mark.slow
def test_an_owner_that_is_no_user_is_a_fault_of_the_configuration(started: Started) -> None:
    text = started.config.read_text("utf-8").replace('# owner = "bauamt', 'owner = "nobody-here')
    started.config.write_text(text, "utf-8")
    (found,) = [one for one in doctor.examine(config.load(started.config, {})) if not one.ok]
    assert (found.subject, found.exit_code) == ("spool rostock/bauamt", 78)


def test_what_is_held_and_the_circuit_that_holds_it(settings: Config, journal: Journal) -> None:
    clock = TurnedClock()
    add_notice(journal, clock, 1)
    with journal.write() as tx:
        circuits.know(tx, ["archive"])
        circuits.open_circuit(tx, "archive", "CREDENTIALS", clock.now())
        circuits.hold_waiting(tx, "archive", clock.now())
    held, circuit = bad(database.look(settings, journal, clock))
    assert held == "1 held for archive since 2026-03-01 12:00:00 UTC (mailbox)"
    assert circuit == "open since 2026-03-01 12:00:00 UTC: CREDENTIALS"


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("archive", "START_FAILED", "See `mailbox archive` below"),
        ("gone", "START_FAILED", "Mend it"),
        ("archive", "CREDENTIALS", "Mend it"),
    ],
)
def test_the_circuit_of_a_mailbox_that_does_not_start_points_to_its_own_row(
    settings: Config, journal: Journal, name: str, reason: str, words: str
) -> None:
    with journal.write() as tx:
        circuits.know(tx, [name])
        circuits.open_circuit(tx, name, reason, system_clock().now())
    (found,) = [one for one in database.look(settings, journal, system_clock()) if not one.ok]
    assert found.fix.startswith(words)


def test_receipts_that_nobody_took_and_an_alarm(settings: Config, journal: Journal) -> None:
    clock = TurnedClock()
    file = issue(journal, clock, add_notice(journal, clock, 1), 1)
    with journal.write() as tx:
        steps.step(tx, 1, State.DEPOSITED, None, clock.now())
        handouts.written(tx, [file.id], clock.now())
    assert bad(database.look(settings, journal, clock)) == []
    clock.turn(days=4)
    with journal.write() as tx:
        alarm = places.Place(
            tenant=KEY[0], procedure=KEY[1], device=1, inode=1, marker="m", alarm="all-gone"
        )
        places.remember(tx, alarm)
    gone, untaken = bad(database.look(settings, journal, clock))
    assert "(all-gone)" in gone
    assert untaken == "1 receipts lie in out/ for longer than retention.warn_untaken"


def test_a_return_channel_that_fails_again_and_again(settings: Config, journal: Journal) -> None:
    clock = TurnedClock()
    with journal.write() as tx:
        returning.advance(tx, "citizens", None, clock.now())
        for _ in range(2):
            returning.failed(tx, "citizens", clock.now())
    assert bad(database.look(settings, journal, clock)) == []
    with journal.write() as tx:
        returning.failed(tx, "citizens", clock.now())
    (found,) = bad(database.look(settings, journal, clock))
    assert "failed 3 times in a row, last went well 2026" in found
    with journal.write() as tx:
        returning.advance(tx, "citizens", None, clock.now())
    assert bad(database.look(settings, journal, clock)) == []


def test_the_database_settings_are_read_back(settings: Config, journal: Journal) -> None:
    first = next(iter(database.look(settings, journal, system_clock())))
    assert first.what.startswith("schema 0008, journal_mode=wal, synchronous=2")


Break = Callable[[Started], object]


def edit(old: str, new: str) -> Break:
    def change(started: Started) -> None:
        text = started.config.read_text("utf-8")
        assert old in text
        started.config.write_text(text.replace(old, new, 1), "utf-8")

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "subject", "code"),
    [
        (lambda s: (s.config.parent / "keys" / "seal.p12").unlink(), "seal", 78),
        (lambda s: (s.config.parent / "keys" / "master.key").chmod(0o644), "master key", 69),
        (lambda s: (s.config.parent / "var" / "hub.db").write_bytes(b"x" * 4096), "database", 69),
        (edit('plugin = "directory"', 'plugin = "none"'), "mailbox archive", 78),
        (edit('path = "var/mailboxes/archive"', 'paht = "x"'), "mailbox archive", 78),
    ],
    ids=["seal", "master key", "database", "plugin", "its config"],
)
def test_what_cannot_be_used_is_a_finding(
    started: Started, spoil: Break, subject: str, code: int
) -> None:
    spoil(started)
    found = [one for one in doctor.examine(config.load(started.config, {})) if not one.ok]
    assert [(one.subject, one.exit_code) for one in found] == [(subject, code)]


@pytest.mark.slow
def test_examining_a_new_hub_changes_nothing(started: Started, settings: Config) -> None:
    def everything() -> list[tuple[str, int]]:
        return sorted((str(p), p.stat().st_mtime_ns) for p in settings.folder.rglob("*"))

    before = everything()
    assert bad(doctor.examine(settings)) == []
    assert everything() == before
