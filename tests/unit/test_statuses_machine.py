"""Any sequence of outcomes, crashes, takeovers and deadlines: states are shown once, in order."""

import tempfile
from dataclasses import dataclass, field
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

from hub.journal import deciding, questions
from hub.model import State
from postfach_mailbox import Absent, Deferred, Reason, Refused, Repeat, Unknown
from postfach_mailbox.frames import AnswerValue, ReconcilePayload, StatusPayload
from tests.unit.dispatching import CALL, DEPOSITED, WHY, Call, Ground, Process, Worker, capabilities
from tests.unit.farside import TAKEOVER
from tests.unit.notices import TurnedClock
from tests.unit.test_statuses import APPLICATION, take

APPLICATIONS = [APPLICATION, APPLICATION.replace("0b", "1c")]
RISING = ("RECEIVED", "PROCESSING", "COMPLETED")
REFUSED = Refused(reason=Reason(code="RECIPIENT_DELETED", text="closed"))
LOST, AWAY = Unknown(reason=WHY), Deferred(reason=WHY)
OUTCOMES = {
    "DEPOSITED": "STATUS_SET",
    "FAILED": "STATUS_REFUSED",
    "UNRESOLVED": "STATUS_UNRESOLVED",
}
index = st.integers(0, 7)


@cache
def template() -> Ground:
    """Return a ground in which each application has some states, to be copied."""
    ground = Ground.make(Path(tempfile.mkdtemp(prefix="hub-states-")) / "h", TurnedClock())
    number = 0
    for status in RISING:
        for application in APPLICATIONS:
            number += 1
            take(ground, number, status, application=application)
    return ground


@dataclass(slots=True, kw_only=True)  # holds what it was sent
class Monitor:
    """A mailbox that says nothing that is not so.

    shown: keys in the order in which they were shown; air: what may still arrive, until when
    """

    clock: TurnedClock
    repeat: Repeat
    shown: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    air: list[tuple[str, float]] = field(default_factory=list)

    def answers(self, call: Call) -> list[tuple[str, AnswerValue]]:
        """Return what it may truly say of a call, and what it does then."""
        if isinstance(call.payload, ReconcilePayload):
            known = call.payload.key in self.shown
            return [("nothing", DEPOSITED if known else Absent()), ("nothing", AWAY)]
        key = key_of(call)
        if key in self.shown:
            assert self.repeat is Repeat.IDEMPOTENT, "shown, and sent again"
            return [("nothing", DEPOSITED), ("nothing", LOST)]
        if key in self.refused:
            return [("nothing", REFUSED)]
        return [
            ("show", DEPOSITED),
            ("show", LOST),
            ("nothing", AWAY),
            ("nothing", LOST),
            ("refuse", REFUSED),
        ]

    def act(self, call: Call, what: str) -> None:
        if what == "show":
            self.show(key_of(call))
        if what == "refuse":
            self.refused.add(key_of(call))

    def show(self, key: str) -> None:
        if key not in self.shown and key not in self.refused:
            self.shown.append(key)

    def lose(self, call: Call) -> None:
        if isinstance(call.payload, StatusPayload):
            self.air.append((key_of(call), self.clock.elapsed() + CALL))

    def arrive(self, which: int) -> None:
        key, end = self.air.pop(which % len(self.air))
        if end > self.clock.elapsed():
            self.show(key)


def key_of(call: Call) -> str:
    assert isinstance(call.payload, StatusPayload)
    return call.payload.update.key


class Shown(RuleBasedStateMachine):
    """One mailbox, states of some applications, and a worker."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = TurnedClock()
        self.ground = template().copy(Path(self.folder.name) / "hub.db", self.clock)
        self.workers = 0

    @initialize(repeat=st.sampled_from(list(Repeat)))
    def begin(self, repeat: Repeat) -> None:
        self.far = Monitor(clock=self.clock, repeat=repeat)
        self.told = capabilities(repeat).model_copy(update={"status": True})
        self.start()

    def start(self) -> None:
        self.workers += 1
        self.process = Process()
        self.worker = Worker.make(self.ground, self.told, f"w{self.workers}", self.process)

    @rule()
    def lease(self) -> None:
        self.worker.stage.lease()

    @rule()
    def tend(self) -> None:
        self.worker.stage.tend()

    @rule(seconds=st.sampled_from([1, 31, 62, 400, 4 * 3600, 3 * 86400, 8 * 86400]))
    def turn(self, seconds: int) -> None:
        self.clock.turn(seconds)

    @precondition(lambda self: self.process.out)
    @rule(which=index, how=index)
    def answer(self, which: int, how: int) -> None:
        call = [*self.process.out.values()][which % len(self.process.out)]
        choices = self.far.answers(call)
        what, value = choices[how % len(choices)]
        self.far.act(call, what)
        self.worker.process.answer(call.number, value)
        self.worker.hear()

    @rule()
    def hub_dies(self) -> None:
        for call in self.process.out.values():
            self.far.lose(call)
        dead = f"w{self.workers}"
        self.start()
        self.worker.stage.tend([dead])

    @precondition(lambda self: self.process.out)
    @rule()
    def hub_sleeps_and_is_taken_over(self) -> None:
        for call in self.process.out.values():
            self.far.lose(call)
        self.clock.turn(TAKEOVER)
        self.start()
        self.worker.stage.tend()

    @precondition(lambda self: self.far.air)
    @rule(which=index)
    def arrives(self, which: int) -> None:
        self.far.arrive(which)

    @invariant()
    def states_go_forward(self) -> None:
        if not self.workers:
            return
        rows = {row.delivery_key: row for row in self.ground.rows()}
        assert len(self.far.shown) == len(set(self.far.shown))
        for application in APPLICATIONS:
            numbers = [
                rows[key].id for key in self.far.shown if rows[key].application_id == application
            ]
            assert numbers == sorted(numbers), "shown backwards"
        for key, row in rows.items():
            if row.state == "DEPOSITED":
                assert key in self.far.shown
            if row.state == "FAILED":
                assert key not in self.far.shown
            finals = [one for one in self.ground.receipts(row.id) if one != "ACCEPTED"]
            assert finals == ([OUTCOMES[row.state]] if State(row.state).final else [])

    def teardown(self) -> None:
        try:
            if self.workers:
                all_end(self)
        finally:
            self.ground.journal.close()
            self.folder.cleanup()


def all_end(of: Shown) -> None:
    """Let time pass, the mailbox be well, and a person free what crashes hold: all end."""
    for _ in range(40):
        of.clock.turn(86400)
        held = [row for row in of.ground.rows() if row.held_reason == "crashes"]
        with of.ground.journal.write() as tx:
            for row in held:
                policy = questions.policy(tx.connection, row.mailbox)
                deciding.release(tx, row, policy, of.clock.now())
        of.worker.stage.tend()
        of.worker.stage.lease()
        for call in list(of.process.out.values()):
            what, value = of.far.answers(call)[0]
            of.far.act(call, what)
            of.process.answer(call.number, value)
        of.worker.hear()
    of.states_go_forward()
    assert [row.id for row in of.ground.rows() if row.open] == []


Shown.TestCase.settings = settings(max_examples=25, stateful_step_count=30)
TestShown = pytest.mark.slow(Shown.TestCase)


@pytest.mark.long
@pytest.mark.timeout(3600)
class TestShownAtLength(Shown.TestCase):  # type: ignore[misc,valid-type]  # made at run time
    settings = settings(max_examples=1_000, stateful_step_count=60)
