"""What observers are told, and by whom: on a real journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.journal import Journal, observers, taking, workers
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
        found = observers.after(connection, end, 100)
    assert [one.kind for one in found] == ["notice.deposited", "mailbox.held"]


def test_an_entry_is_told_by_ids_states_and_codes_alone(
    journal: Journal, clock: TurnedClock
) -> None:
    with journal.write() as tx:
        taking.insert(tx, [(new_notice(1, clock.now()), ())])
    note(journal, clock)
    with journal.read() as connection:
        told, other = observers.after(connection, 0, 100)
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
        (told,) = observers.after(connection, 0, 100)
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
    assert not strays(journal, "w2")


def test_a_cursor_moves_forward_only_and_by_its_worker_alone(
    journal: Journal, clock: TurnedClock
) -> None:
    own(journal, "w1")
    move(journal, "w1", 2)
    move(journal, "w2", 9)
    move(journal, "w1", 1)
    assert cursor(journal) == 2
