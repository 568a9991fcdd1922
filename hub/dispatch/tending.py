"""What time brings: lost leases, deadlines, and mailboxes that tell at last what they can do."""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from hub import consequence, issuing, parcel, reasons, retry, transition
from hub.caution import Caution
from hub.clock import Clock, on_the_wall
from hub.config import Config
from hub.dispatch.admitting import LIMIT, Admitting, hold_by_crashes, receipt_of
from hub.dispatch.lines import MARGIN, Line
from hub.dispatch.listening import Air
from hub.dispatch.results import FINAL_EVENTS
from hub.handover import tries_of
from hub.host import StartFault
from hub.issuing import Issuer
from hub.journal import (
    Journal,
    Row,
    Transaction,
    attempts,
    circuits,
    pauses,
    payloads,
    recovery,
    steps,
    taking,
    timekeeping,
)
from hub.journal.handouts import Handout
from hub.model import State
from hub.receipt import Outcome
from hub.telemetry import logger
from hub.transition import DEPOSIT, PREPARE
from hub.vault import Vault
from postfach_mailbox.cipher import Damaged
from postfach_mailbox.frames import Operation


@dataclass(slots=True, kw_only=True)  # found anew at each look
class Wall:
    """How many seconds the wall clock stood ahead of the clock that no one sets; None: unseen."""

    ahead: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tending:
    """Looks after what nobody works on, by the journal. For one worker."""

    config: Config
    journal: Journal
    vault: Vault
    issuer: Issuer
    clock: Clock
    caution: Caution
    wall: Wall = field(default_factory=Wall)

    def follow(self, lines: Mapping[str, Line]) -> None:
        """Take it over that another worker, which may be gone by now, opened a circuit."""
        with self.journal.read() as connection:
            opened = pauses.circuits_open(connection)
        for name in opened.keys() & lines.keys():
            if not lines[name].circuit_open:
                lines[name].fall_out()

    def recover(
        self, lines: Mapping[str, Line], dead: Iterable[str], landed: Collection[int] = ()
    ) -> int:
        """End leases that are over; an attempt without end is UNKNOWN. Returns how many.

        landed: attempts whose end is known, and waits to be written
        """
        now = self.clock.now()
        where = (self.clock.boot_id, self.clock.elapsed(), tuple(dead))
        with self.journal.read() as connection:
            if not recovery.left_behind(connection, *where):
                return 0
        with self.journal.write() as tx:
            found = recovery.left_behind(tx.connection, *where)
            found = [row for row in found if row.attempt_id not in landed]
            for row in found:
                call_ends, over = self._call_ends(row), row.lease_end - MARGIN
                state, due_at = self._after_loss(row, lines, now, call_ends)
                became = recovery.recover(
                    tx,
                    row,
                    state,
                    due_at,
                    now,
                    call_ends=call_ends,
                    in_the_air=(row.lease_boot, over),
                )
                tx.note(
                    row.id,
                    "attempt.lost",
                    now,
                    message_id=row.message_id,
                    attempt=row.attempt_n or 0,
                    state=became.value,
                )
        return len(found)

    def _call_ends(self, row: Row) -> datetime | None:
        """Return when the deadline of a lost call is over, whoever set the wall clock meanwhile."""
        if row.lease_boot != self.clock.boot_id:
            ends: datetime | None = row.attempt_ends_at
            return ends
        return on_the_wall(self.clock, row.lease_end - MARGIN)

    def _after_loss(
        self,
        row: Row,
        lines: Mapping[str, Line],
        now: datetime,
        call_ends: datetime | None,
    ) -> tuple[State, datetime | None]:
        """Return what becomes of a notice whose lease is over, and when it is due again."""
        state, line = State(row.state), lines.get(row.mailbox)
        if row.attempt_operation in (None, PREPARE):  # nothing had been sent
            return state, now
        if not state.doubtful:
            state = State.IN_DOUBT
        if line is None:  # left hub.toml since: a person puts it back, or settles
            return state, None
        called = transition.operation(state, line.policy)
        if called is None or called == DEPOSIT:
            return state, now if called else None
        again = retry.due(now, line.waits, row.failures + 1, random.random())  # noqa: S311  # spreads
        return state, transition.not_in_the_air(again, state, line.policy, call_ends)

    def _now(self) -> datetime:
        """Return the wall clock's time; if it was set, what counts by it is moved before."""
        found = timekeeping.read(self.clock)
        if found is None or self.clock.speed != 1:
            return self.clock.now()
        if self.wall.ahead is None or abs(found.ahead - self.wall.ahead) >= timekeeping.LEAST:
            with self.journal.write() as tx:
                step = timekeeping.follow(tx, found, self._rules())
            if abs(step) >= timekeeping.TOLD:
                logger().error("the wall clock was set", seconds=round(step))
            self.wall.ahead = found.ahead
        return found.now

    def _rules(self) -> dict[str, tuple[timedelta, timedelta]]:
        rules = {name: self.config.retry_of(name) for name in self.config.mailboxes}
        return {name: (max(rule.wait), rule.give_up) for name, rule in rules.items()}

    def expire(self) -> tuple[list[Handout], list[tuple[str, Outcome]]]:
        """End what passed its deadline: `failed`, in doubt `unresolved`. Raises SealUnavailable."""
        now = self._now()
        with self.journal.read() as connection:
            found = recovery.overdue(connection, now, LIMIT, self.config.mailboxes)
        files: list[Handout] = []
        finals: list[tuple[str, Outcome]] = []

        def end(rows: Sequence[Row]) -> None:
            made, ended = self._end({row.id for row in rows}, now)
            files.extend(made)
            finals.extend(ended)

        if found:
            self.caution.work(
                "deadline",
                found,
                end,
                name=lambda row: row.id,
                aside=partial(hold_by_crashes, self.journal, self.clock),
            )
        return files, finals

    def _end(
        self, which: Collection[int], now: datetime
    ) -> tuple[list[Handout], list[tuple[str, Outcome]]]:
        finals = []
        with self.journal.write() as tx:
            issued = []
            found = recovery.overdue(tx.connection, now, LIMIT, self.config.mailboxes)
            found = [row for row in found if row.id in which]
            ids = [row.id for row in found]
            history = attempts.history(tx.connection, ids)
            kept = payloads.load_all(tx.connection, ids)
            taken = taking.taken(tx.connection, found)
            for row in found:
                state = transition.at_deadline(State(row.state))
                code = "OUTCOME_UNKNOWN" if state is State.UNRESOLVED else "GAVE_UP"
                if not self._vouched(tx, row, kept[row.id], taken.get(row.id)):
                    continue
                facts = parcel.facts(row, kept[row.id])
                made = self.issuer.of_notice(
                    FINAL_EVENTS[state],
                    facts,
                    now,
                    attempts=tries_of(history.get(row.id, [])),
                    reason=reasons.reason(code),
                )
                issued.append(receipt_of(row, made))
                steps.step(tx, row.id, state, None, now)
                tx.record(row.id, made.entry)
                finals.append((row.message_id, issuing.ending(facts.kind, state)))
            files = consequence.hand_out(tx, self.config, issued, now)
        return files, finals

    def _vouched(
        self, tx: Transaction, row: Row, rows: Sequence[Row], taken: taking.Taken | None
    ) -> bool:
        """Hold a notice whose rows were changed, so that no receipt tells what they say now."""
        try:
            parcel.vouch(row, rows, taken)
        except Damaged as error:
            logger().error("payload damaged", message_id=row.message_id, row=row.id, exc_info=error)
            circuits.hold_itself(tx, row, self.clock.now())
            return False
        return True

    def admit(self, line: Line) -> list[Handout]:
        """Check what was held until a mailbox told its capabilities. Raises SealUnavailable."""
        return Admitting(
            config=self.config,
            journal=self.journal,
            vault=self.vault,
            issuer=self.issuer,
            clock=self.clock,
            caution=self.caution,
        ).admit(line)

    def see_to(self, line: Line, air: Air) -> None:
        """Start a mailbox's process again in due time; while it is out of order, look at it."""
        now = self.clock.elapsed()
        if line.restart_at is not None and now >= line.restart_at:
            line.restart_at = None
            try:
                line.host.start()
            except OSError as error:  # no process to be had now: later
                said = "mailbox does not start - hub doctor says why"
                logger().error(said, mailbox=line.name, code=StartFault.NO_PROCESS, exc_info=error)
                air.out_of_order(line, circuits.START_FAILED)
                line.died()
        if not line.circuit_open:
            self._free_held(line)
            return
        with self.journal.write() as tx:
            circuits.hold_waiting(tx, line.name, self.clock.now())
        if line.host.up and line.probing is None and now >= line.probe_at:
            call = air.number()
            if line.call(call, Operation.HEALTH, None):
                line.probing = call

    def _free_held(self, line: Line) -> None:
        """Let more of that go on which the mailbox held until it was mended."""
        with self.journal.read() as connection:
            if not circuits.held_on(connection, line.name):
                return
        with self.journal.write() as tx:
            circuits.free_held(tx, line.name, self.clock.now())
