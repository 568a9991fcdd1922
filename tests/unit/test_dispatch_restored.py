"""What a worker does of a restored journal: never a blind second deposit, never a wrong end."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.journal import restoring
from hub.journal.cases import cases
from hub.journal.circuits import HELD_BY_CAPABILITIES
from hub.journal.restoring import Restoration
from postfach_mailbox import Absent, Repeat
from tests.unit.dispatching import Ground, Worker, capabilities
from tests.unit.notices import START, TurnedClock


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


def restored(ground: Ground, repeat: Repeat) -> Worker:
    """Restore the journal an hour after it was copied, and let a worker begin."""
    Worker.make(ground, capabilities(repeat))
    ground.clock.turn(3600)
    now = ground.clock.now()
    made = Restoration(at=now, backup_at=START, lost_until=now, head="", user=0)
    with ground.journal.write() as tx:
        restoring.begin(tx, made)
        restoring.doubt(tx, restoring.suspect(tx, made), now)
    return Worker.make(ground, capabilities(repeat))


def waiting(ground: Ground) -> list[str]:
    with ground.journal.read() as connection:
        return [case.why for case in cases(connection, ground.config.mailboxes)]


def test_what_takes_a_key_once_is_sent_it_again(ground: Ground) -> None:
    ground.take()
    (call,) = restored(ground, Repeat.IDEMPOTENT).lease()
    assert call.operation == "deposit"
    assert waiting(ground) == []


def test_what_can_be_asked_is_asked_and_absent_makes_a_case_of_it(ground: Ground) -> None:
    ground.take()
    worker = restored(ground, Repeat.QUERYABLE)
    assert worker.work(Absent()).operation == "reconcile"
    assert ground.row().state == "IN_DOUBT"
    assert ["before the restore" in why for why in waiting(ground)] == [True]
    ground.clock.turn(3600)
    assert worker.work(Absent()).operation == "reconcile"  # it may be found yet


def test_at_any_other_a_person_looks(ground: Ground) -> None:
    ground.take()
    assert restored(ground, Repeat.NEITHER).lease() == []
    assert ["can neither be asked" in why for why in waiting(ground)] == [True]


@pytest.mark.parametrize("repeat", list(Repeat))
def test_what_the_lost_hub_may_have_given_up_ends_unresolved_and_is_not_sent(
    ground: Ground, repeat: Repeat
) -> None:
    ground.take(deadline=START + timedelta(minutes=30))
    worker = restored(ground, repeat)
    assert worker.lease() == []
    worker.stage.tend()
    assert (ground.row().state, ground.receipts()) == ("UNRESOLVED", ["UNRESOLVED"])


def test_what_does_not_fit_its_mailbox_now_may_have_been_deposited_then(ground: Ground) -> None:
    ground.take(
        state="HELD",
        due_at=None,
        held_from="SEALED",
        held_at=START,
        held_reason=HELD_BY_CAPABILITIES,
    )
    restored(ground, Repeat.NEITHER)
    narrow = capabilities(Repeat.NEITHER).model_copy(update={"max_file": 1, "max_total": 1})
    worker = Worker.make(ground, narrow)
    worker.stage.tend()
    assert (ground.row().state, ground.receipts()) == ("IN_DOUBT", [])
