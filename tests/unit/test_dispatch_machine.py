"""Any sequence of outcomes, crashes, takeovers, deadlines, pauses and people's decisions.

The stage, the journal and the receipts are real; the mailbox is one that tells the truth, can lose
its answer after storing, and takes a key twice unless it says that it does not.
"""

import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from hub import casework
from hub.casework import Decision
from hub.errors import DataInvalid, TryLater
from hub.journal import Row, attempts, deciding, pauses, questions
from hub.journal.cases import Case, cases
from hub.model import State
from hub.transition import RECONCILE, operation
from postfach_mailbox import Capabilities, Repeat
from tests.unit.dispatching import Call, Ground, Process, Worker, capabilities
from tests.unit.farside import TAKEOVER, FarSide
from tests.unit.notices import START, TurnedClock

NOTICES = 2
PAUSES = [("mailbox", "archive"), ("tenant", "rostock")]
index = st.integers(0, 7)


@cache
def template() -> Ground:
    """Return a ground with notices in it, to be copied."""
    ground = Ground.make(Path(tempfile.mkdtemp(prefix="hub-doubt-")) / "h", TurnedClock())
    for number in range(1, NOTICES + 1):
        ground.take(number)
    return ground


class Played(RuleBasedStateMachine):
    """One mailbox, some notices, and a worker."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = TurnedClock()
        self.ground = template().copy(Path(self.folder.name) / "hub.db", self.clock)
        self.workers = 0

    @initialize(
        repeat=st.sampled_from(list(Repeat)),
        confirms=st.sampled_from(["at-once", "later"]),
        prepares=st.booleans(),
    )
    def begin(self, repeat: Repeat, confirms: str, prepares: bool) -> None:
        self.told: Capabilities = capabilities(repeat, confirms=confirms, prepares=prepares)
        self.far = FarSide(clock=self.clock, repeat=repeat)
        self.start()

    def start(self) -> None:
        self.workers += 1
        self.process = Process()
        self.worker = Worker.make(self.ground, self.told, f"w{self.workers}", self.process)
        self.seen = 0

    def look(self) -> None:
        """Let the far side see what left."""
        for call in self.process.got[self.seen :]:
            self.far.got(call)
        self.seen = len(self.process.got)

    def reply(self, worker: Worker, call: Call, how: int) -> None:
        choices = self.far.answers(call)
        what, value = choices[how % len(choices)]
        self.far.act(call, what)
        worker.process.answer(call.number, value)
        worker.hear()
        self.look()

    def cases(self) -> list[Case]:
        with self.ground.journal.read() as connection:
            return cases(connection, self.ground.config.mailboxes)


class Happening(Played):
    """What happens by itself."""

    @rule()
    def lease(self) -> None:
        self.worker.stage.lease()
        self.look()

    @rule()
    def tend(self) -> None:
        self.worker.stage.tend()
        self.look()

    @rule(seconds=st.sampled_from([1, 31, 62, 400, 4 * 3600, 3 * 86400, 8 * 86400]))
    def turn(self, seconds: int) -> None:
        self.clock.turn(seconds)

    @rule(seconds=st.sampled_from([-3600, 62, 86400]))
    def wall_clock_is_set(self, seconds: int) -> None:
        # Not before the start: the seal's certificate is not valid then, which is another story.
        self.clock.time = max(START, self.clock.time + timedelta(seconds=seconds))

    @precondition(lambda self: self.process.out)
    @rule(which=index, how=index)
    def answer(self, which: int, how: int) -> None:
        call = [*self.process.out.values()][which % len(self.process.out)]
        self.reply(self.worker, call, how)

    @rule()
    def child_dies(self) -> None:
        for call in self.process.out.values():
            self.far.lose(call)
        self.process.die()
        self.worker.hear()

    @rule()
    def hub_dies(self) -> None:
        for call in self.process.out.values():
            self.far.lose(call)
        dead = f"w{self.workers}"
        self.start()
        self.worker.stage.tend([dead])
        self.look()

    @precondition(lambda self: self.process.out)
    @rule(hows=st.lists(index, min_size=8, max_size=8))
    def hub_sleeps_and_is_taken_over(self, hows: list[int]) -> None:
        old = self.worker
        out = [call for call in self.process.out.values() if call.operation != "health"]
        said = []
        for call, how in zip(out, hows, strict=False):
            choices = self.far.answers(call)
            what, value = choices[how % len(choices)]
            self.far.act(call, what)
            said.append((call, value))
        self.clock.turn(TAKEOVER)
        self.start()
        self.worker.stage.tend()
        for call, value in said:
            old.process.answer(call.number, value)
        before = [row.state for row in self.ground.rows()]
        old.stage.poll()
        assert not old.stage.finish().handouts
        assert [row.state for row in self.ground.rows()] == before
        self.look()

    @precondition(lambda self: self.far.air)
    @rule(which=index)
    def arrives(self, which: int) -> None:
        self.far.arrive(which)


class Doubt(Happening):
    """What people do; and what must be so whatever happens."""

    @rule(what=st.sampled_from(PAUSES))
    def pause(self, what: tuple[str, str]) -> None:
        with self.ground.journal.write() as tx:
            if not pauses.begin(tx, *what, self.clock.now()):
                pauses.end(tx, *what, self.clock.now())

    @rule(number=st.integers(1, NOTICES), settled_as=st.sampled_from(["deposited", "failed"]))
    def settle(self, number: int, settled_as: str) -> None:
        decision = Decision(settled_as=settled_as, reason="seen", happened_at=None, user=1000)
        journal, issuer = self.ground.journal, self.ground.issuer
        if self.ground.row(number).mailbox and number in {case.row.id for case in self.cases()}:
            try:
                casework.settle(journal, issuer, number, decision, self.clock.now())
            except (DataInvalid, TryLater):
                assert self.ground.row(number).open

    @rule(number=st.integers(1, NOTICES))
    def hasten_or_release(self, number: int) -> None:
        with self.ground.journal.write() as tx:
            row = attempts.row(tx.connection, number)
            policy = questions.policy(tx.connection, row.mailbox)
            if row.state == State.HELD and row.held_reason == "crashes":
                deciding.release(tx, row, policy, self.clock.now())
            elif operation(State(row.state), policy) and not row.lease_owner:
                deciding.hasten(tx, row, policy, self.clock.now())

    @invariant()
    def every_notice_is_what_it_says(self) -> None:
        if not self.workers:
            return
        for row in self.ground.rows():
            self.check(row)
        known = {case.row.id for case in self.cases()}
        for row in self.ground.rows():
            stands = row.open and not row.lease_owner and row.due_at is None
            assert not stands or row.held_reason == "mailbox" or row.id in known

    def check(self, row: Row) -> None:
        key, state = row.delivery_key, State(row.state)
        stored = self.far.stored[key]
        assert stored <= 1, "deposited twice"
        if state is State.DEPOSITED:
            assert stored == 1
        if state is State.FAILED:
            assert not stored
            assert key not in self.far.pending
            self.check_failure(row)
        sent = self.far.prepared.get(key, set())
        assert len(sent) <= 1, "other bytes at a later attempt"
        assert not self.told.prepares or None not in sent
        outcomes = self.ground.receipts(row.id)
        finals = [one for one in outcomes if one not in ("ACCEPTED", "SETTLED")]
        assert finals == ([row.state] if state.final else [])
        assert outcomes.count("SETTLED") == int(row.settled_at is not None)

    def check_failure(self, row: Row) -> None:
        """Check that no notice failed out of doubt but by an answer that proves it."""
        tries = self.ground.tries(row.id)
        absent = max((n for n, one in enumerate(tries) if one.outcome == "ABSENT"), default=-1)
        doubt = [one for one in tries[absent + 1 :] if one.outcome in ("PENDING", "UNKNOWN")]
        if any(one.operation == "deposit" for one in doubt):
            assert tries[-1].outcome == "REFUSED"
            assert self.told.repeat is Repeat.IDEMPOTENT or tries[-1].operation == RECONCILE

    def teardown(self) -> None:
        try:
            if self.workers:
                self.all_ends_well()
        finally:
            self.ground.journal.close()
            self.folder.cleanup()

    def all_ends_well(self) -> None:
        """Let all be well again: then every notice ends, or is a case."""
        with self.ground.journal.write() as tx:
            for one in pauses.standing(tx.connection):
                pauses.end(tx, one.kind, one.name, self.clock.now())
        for _ in range(24):
            self.clock.turn(86400)
            self.worker.stage.tend()
            self.worker.stage.lease()
            self.look()
            for call in list(self.process.out.values()):
                self.reply(self.worker, call, 0)
        self.every_notice_is_what_it_says()
        known = {case.row.id for case in self.cases()}
        assert [row.state for row in self.ground.rows() if row.open and row.id not in known] == []


Doubt.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
TestDoubt = pytest.mark.slow(Doubt.TestCase)


@pytest.mark.long
@pytest.mark.timeout(3600)
class TestDoubtAtLength(Doubt.TestCase):  # type: ignore[misc,valid-type]  # made at run time
    settings = settings(max_examples=1_000, stateful_step_count=60)
