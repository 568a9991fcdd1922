"""Between looking at what is due and leasing it, something else may happen to it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from hub.config.units import Rate
from hub.dispatch import Leasing, Line
from hub.host import Kept
from hub.host.child import GRACE
from hub.host.process import PATIENCE
from hub.journal import Row, late, pauses, posting, steps
from hub.journal.late import LateAnswer
from hub.model import State
from hub.pacing import Bucket
from postfach_mailbox import Deferred, Reason, Refused, Repeat
from tests.unit.dispatching import WHY, Ground, Process, Worker, capabilities
from tests.unit.notices import START, TurnedClock

TOLD = capabilities(Repeat.IDEMPOTENT)
Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    made.take()
    yield made
    made.close()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Give a function that lets something happen, once, before what was found is leased."""
    unpack = Leasing._unpack

    def let(happen: Callable[[], object]) -> None:
        waiting = [happen]

        def slowly(self: Leasing, line: Line, found: Sequence[Row]) -> object:
            opened = unpack(self, line, found)
            if waiting:
                waiting.pop()()
            return opened

        monkeypatch.setattr(Leasing, "_unpack", slowly)

    return let


def test_nothing_happens_and_it_is_sent(ground: Ground, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: None)
    assert len(Worker.make(ground, TOLD).lease()) == 1


def test_what_another_worker_has_worked_is_not_sent(ground: Ground, meanwhile: Meanwhile) -> None:
    slow, fast = Worker.make(ground, TOLD), Worker.make(ground, TOLD, "w2")
    meanwhile(lambda: fast.work(Deferred(reason=WHY)))
    assert slow.lease() == []
    assert [row.worker for row in ground.tries()] == ["w2"]


def test_what_was_held_by_another_worker_is_not_sent(ground: Ground, meanwhile: Meanwhile) -> None:
    def hold() -> None:
        with ground.journal.write() as tx:
            steps.step(tx, 1, State.HELD, None, START, held_from=State.SEALED, held_reason="x")

    meanwhile(hold)
    assert Worker.make(ground, TOLD).lease() == []
    assert ground.row().state == State.HELD


@pytest.mark.parametrize(("kind", "name"), [("tenant", "rostock"), ("mailbox", "archive")])
def test_what_a_person_paused_is_not_sent(
    ground: Ground, meanwhile: Meanwhile, kind: str, name: str
) -> None:
    def pause() -> None:
        with ground.journal.write() as tx:
            pauses.begin(tx, kind, name, START)

    meanwhile(pause)
    assert Worker.make(ground, TOLD).lease() == []


def test_a_lease_ends_when_its_child_is_dead_if_it_was_killed_at_the_calls_end(
    ground: Ground,
) -> None:
    term = Worker.make(ground, TOLD).line.term("w1", "boot-1", 100.0)
    assert term.end > term.call_end + GRACE + PATIENCE


def test_a_plugin_goes_on_only_when_its_mailboxs_id_is_committed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed: list[str | None] = []
    monkeypatch.setattr(
        Process,
        "acknowledge_keep",
        lambda _self, _call: committed.append(ground.tries()[-1].reference),
    )
    worker = Worker.make(ground, TOLD)
    (call,) = worker.lease()
    worker.process.said.append(Kept(call=call.number, reference="theirs"))
    worker.stage.poll()
    assert committed == ["theirs"]
    Worker.make(ground, TOLD, "w2").stage.tend(["w1"])  # takes the lease away
    worker.process.said.append(Kept(call=call.number, reference="other"))
    worker.stage.poll()
    assert committed == ["theirs"]


def test_a_letter_is_held_where_the_mailbox_says_at_last_that_it_has_the_notice(
    ground: Ground,
) -> None:
    closed = Refused(reason=Reason(code="RECIPIENT_DELETED", text="closed"))
    Worker.make(ground, TOLD).work(closed)
    answer = LateAnswer(
        notice_id=1, attempt_id=1, at=START, outcome="DEPOSITED", code=None, answer=None
    )
    with ground.journal.write() as tx:
        posting.order(tx, 1, "archive", START)
        late.keep(tx, answer)
    relay = Worker.make(ground, capabilities(Repeat.IDEMPOTENT, relays=True), "w2")
    assert relay.lease() == []
    assert (ground.row(2).state, ground.row(2).held_reason) == ("HELD", posting.HELD_BY_LATE)


def test_no_more_calls_leave_than_the_rate_allows(ground: Ground) -> None:
    ground.take(2)
    worker = Worker.make(ground, TOLD)
    rate = Rate(count=1, per=timedelta(seconds=60))
    worker.line.bucket = Bucket.full(rate, ground.clock.elapsed())
    assert len(worker.lease()) == 1
    worker.answer(Deferred(reason=WHY))
    assert worker.lease() == []
    ground.clock.turn(60)
    assert len(worker.lease()) == 1
