"""What observers are told, and by whom: on a real journal."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from hub.attendant import Attendant
from hub.config import Rate
from hub.errors import StorageFailed
from hub.journal import Journal, observers, taking, workers
from hub.observing import Observing
from hub.pacing import Bucket
from postfach_mailbox import Observed
from tests.unit.puppet import Puppet
from tests.unit.spools import TurnedClock, new_notice, open_new_journal

ADDRESS, DIGEST = "registry", "f" * 64


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def journal(tmp_path: Path, clock: TurnedClock) -> Iterator[Journal]:
    opened = open_new_journal(tmp_path, clock)
    for name in ("w1", "w2"):
        with opened.write() as tx:
            workers.begin(tx, name, clock.boot_id, 1, clock.now())
    yield opened
    opened.close()


def note(journal: Journal, clock: TurnedClock, kind: str = "notice.taken") -> None:
    """Write an entry of a notice, as intake does, and one that is about no notice."""
    with journal.write() as tx:
        tx.note(1, kind, clock.now(), message_id="urn:1", address=ADDRESS, document_0_sha256=DIGEST)
    with journal.write() as tx:
        tx.note(None, "mailbox.held", clock.now(), mailbox="archive", reason="HTTP_503")


def own(journal: Journal, worker: str) -> dict[str, int]:
    with journal.write() as tx:
        return observers.own(tx, ["log"], worker)


def strays(journal: Journal, worker: str) -> bool:
    with journal.read() as connection:
        return observers.strays(connection, ["log"], worker)


def cursor(journal: Journal) -> int:
    with journal.read() as connection:
        return observers.cursors(connection)["log"]


def move(journal: Journal, worker: str, to: int) -> None:
    with journal.write() as tx:
        observers.move(tx, "log", worker, to)


def test_a_new_observer_starts_at_the_end_of_the_log(journal: Journal, clock: TurnedClock) -> None:
    note(journal, clock)
    with journal.read() as connection:
        end = observers.end(connection)
    assert own(journal, "w1") == {"log": end}
    note(journal, clock, "notice.deposited")
    with journal.read() as connection:
        found, last = observers.after(connection, end, 100)
        assert last == observers.end(connection)
    assert [one.kind for one in found] == ["notice.deposited", "mailbox.held"]


def test_an_entry_is_told_by_ids_states_and_codes_alone(
    journal: Journal, clock: TurnedClock
) -> None:
    with journal.write() as tx:
        taking.insert(tx, [(new_notice(1, clock.now()), ())])
    note(journal, clock)
    with journal.read() as connection:
        (told, other), _ = observers.after(connection, 0, 100)
    assert (told.tenant, told.procedure, told.message_id) == ("rostock", "bauamt", "urn:1")
    assert told.mailbox == "archive"
    assert ADDRESS not in repr(told)
    assert DIGEST not in repr(told)
    assert other.tenant is None  # so that no observer is told


def test_a_refused_drop_is_of_its_tenant(journal: Journal, clock: TurnedClock) -> None:
    with journal.write() as tx:
        row = taking.NewDrop(
            claim="c1",
            tenant="wismar",
            procedure="bauamt",
            stem="a",
            kind=taking.REFUSED,
            at=clock.now(),
        )
        taking.drops(tx, [row])
        tx.note(None, "drop.rejected", clock.now(), claim="c1", code="9060")
    with journal.read() as connection:
        (told,), _ = observers.after(connection, 0, 100)
    assert (told.tenant, told.procedure, told.code) == ("wismar", "bauamt", "9060")


def test_one_worker_tells_an_observer_and_another_takes_over_when_it_has_ended(
    journal: Journal, clock: TurnedClock
) -> None:
    assert strays(journal, "w1")
    own(journal, "w1")
    note(journal, clock)
    move(journal, "w1", 2)
    assert not strays(journal, "w2")
    assert own(journal, "w2") == {}
    with journal.write() as tx:
        workers.end(tx, "w1", clock.now())
    assert strays(journal, "w2")
    assert own(journal, "w2") == {"log": 2}
    assert not strays(journal, "w1")


def test_a_cursor_moves_forward_only_and_by_its_worker_alone(
    journal: Journal, clock: TurnedClock
) -> None:
    own(journal, "w1")
    move(journal, "w1", 2)
    move(journal, "w2", 9)
    move(journal, "w1", 1)
    assert cursor(journal) == 2


def observing(journal: Journal, clock: TurnedClock, worker: str = "w1") -> tuple[Observing, Puppet]:
    """Return the stage with the observer `log` of the tenant rostock, told by this worker."""
    puppet = Puppet()
    attendant = Attendant(
        kind="observer",
        name="log",
        host=cast("Any", puppet),
        clock=clock,
        call_timeout=30.0,
        tenants=frozenset({"rostock"}),
        bucket=None,
    )
    made = Observing(journal=journal, worker=worker, attendants={"log": attendant})
    puppet.start()
    made.poll()
    made.own()
    return made, puppet


def take_notice(journal: Journal, clock: TurnedClock) -> None:
    with journal.write() as tx:
        taking.insert(tx, [(new_notice(1, clock.now()), ())])


@pytest.mark.slow
def test_a_long_log_is_looked_through_step_by_step_so_that_the_loop_goes_on(
    journal: Journal, clock: TurnedClock
) -> None:
    stage, puppet = observing(journal, clock)
    with journal.write() as tx:
        for _ in range(1001):
            tx.note(None, "mailbox.held", clock.now(), mailbox="archive")
    take_notice(journal, clock)
    note(journal, clock)
    steps = 1
    while stage.step():
        steps += 1
    assert steps == 11
    assert len(puppet.calls) == 1


def test_a_worker_writes_nothing_while_another_tells_the_observer(
    journal: Journal, clock: TurnedClock
) -> None:
    observing(journal, clock, "w1")
    stage, _ = observing(journal, clock, "w2")
    before = journal.commits
    stage.tend()
    assert journal.commits == before
    with journal.write() as tx:
        workers.end(tx, "w1", clock.now())
    stage.tend()
    assert not strays(journal, "w1")


def test_a_cursor_that_cannot_be_written_is_written_by_the_next_confirmation(
    journal: Journal, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFailed("full", where="disk", fix="Make room")

    stage, puppet = observing(journal, clock)
    take_notice(journal, clock)
    note(journal, clock)
    stage.step()
    monkeypatch.setattr(observers, "move", full)
    puppet.answer_all(Observed())
    stage.poll()
    assert cursor(journal) == 0
    monkeypatch.undo()
    note(journal, clock)
    stage.step()
    puppet.answer_all(Observed())
    stage.poll()
    assert cursor(journal) == 4


def test_an_observer_that_its_rate_holds_back_is_not_told_all_yet(
    journal: Journal, clock: TurnedClock
) -> None:
    stage, puppet = observing(journal, clock)
    (attendant,) = stage.attendants.values()
    take_notice(journal, clock)
    note(journal, clock)
    attendant.bucket = Bucket(Rate(count=1, per=timedelta(seconds=1)), 0.0, clock.elapsed())
    assert not stage.step()
    assert not puppet.calls
    assert stage.busy
    clock.turn(seconds=1)
    stage.step()
    assert len(puppet.calls) == 1


def test_an_entry_that_is_none_any_more_stops_no_observer(
    journal: Journal, clock: TurnedClock
) -> None:
    stage, puppet = observing(journal, clock)
    take_notice(journal, clock)
    note(journal, clock)
    with journal.write() as tx:
        tx.connection.exec_driver_sql("DROP TRIGGER entry_is_final")
        tx.connection.exec_driver_sql("UPDATE entry SET body = x'00' WHERE id = 1")
    note(journal, clock, "notice.deposited")
    stage.step()
    assert len(puppet.calls) == 1
