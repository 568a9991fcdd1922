"""What time brings: lost leases, deadlines, and mailboxes that tell at last what they can do."""

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hub import consequence, handover, issuing, mailboxes, parcel, reasons, retry, transition
from hub.clock import Clock, on_the_wall
from hub.config import Config
from hub.dispatch.lines import MARGIN, Line
from hub.dispatch.listening import Air
from hub.dispatch.results import FINAL_EVENTS
from hub.errors import HubError, NoticeRefused
from hub.handover import tries_of
from hub.host import StartFault
from hub.issuing import Issued, Issuer
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

LIMIT = 200  # notices looked at in one go


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
            if not recovery.overdue(connection, now, 1, self.config.mailboxes):
                return [], []
        finals = []
        with self.journal.write() as tx:
            issued = []
            found = recovery.overdue(tx.connection, now, LIMIT, self.config.mailboxes)
            ids = [row.id for row in found]
            history = attempts.history(tx.connection, ids)
            kept = payloads.load_all(tx.connection, ids)
            taken = taking.taken(tx.connection, found)
            for row in found:
                state = transition.at_deadline(State(row.state))
                code = "OUTCOME_UNKNOWN" if state is State.UNRESOLVED else "GAVE_UP"
                try:
                    parcel.vouch(row, kept[row.id], taken.get(row.id))
                except Damaged as error:  # no receipt tells what was changed
                    logger().error(
                        "payload damaged", message_id=row.message_id, row=row.id, exc_info=error
                    )
                    circuits.hold_itself(tx, row, now)
                    continue
                facts = parcel.facts(row, kept[row.id])
                made = self.issuer.of_notice(
                    FINAL_EVENTS[state],
                    facts,
                    now,
                    attempts=tries_of(history.get(row.id, [])),
                    reason=reasons.reason(code),
                )
                issued.append(_receipt(row, made))
                steps.step(tx, row.id, state, None, now)
                tx.record(row.id, made.entry)
                finals.append((row.message_id, issuing.ending(facts.kind, state)))
            files = consequence.hand_out(tx, self.config, issued, now)
        return files, finals

    def admit(self, line: Line) -> list[Handout]:
        """Check what was held until a mailbox told its capabilities. Raises SealUnavailable."""
        told, now = line.capabilities, self.clock.now()
        if told is None:
            return []
        files: list[Handout] = []
        for row in self._untold(line.name):
            with self.journal.read() as connection:
                rows = payloads.load(connection, row.id)
                taken = taking.taken(connection, [row])
            try:
                parcel.vouch(row, rows, taken.get(row.id))
                kept = parcel.read_content(row, rows, self.vault)
            except (Damaged, HubError) as error:  # it is held for itself now, the rest flows
                logger().error(
                    "payload damaged", message_id=row.message_id, row=row.id, exc_info=error
                )
                with self.journal.write() as tx:
                    circuits.hold_itself(tx, row, now)
                continue
            facts = parcel.facts(row, rows)
            with self.journal.write() as tx:
                if attempts.free_still(tx.connection, [row.id]).get(row.id) != row.fence:
                    continue
                try:
                    sandbox = self.config.mailboxes[line.name].sandbox
                    mailboxes.check(kept, told, sandbox=sandbox, now=now)
                except NoticeRefused as refused:
                    if not State(row.held_from).doubtful:  # else that it fits not proves nothing
                        files += self._unfit(tx, row, facts, refused, now)
                        continue
                normal = told.normal(kept.mailbox.id) or kept.mailbox.id
                scheme = self.config.mailboxes[line.name].scheme or told.scheme
                circuits.admit(tx, row, normal, scheme, now)
                tx.note(row.id, "notice.freed", now, message_id=row.message_id)
        return files

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

    def _untold(self, name: str) -> Iterator[Row]:
        after = 0
        while True:
            with self.journal.read() as connection:
                found = circuits.untold(connection, name, LIMIT, after=after)
            if not found:
                return
            yield from found
            after = found[-1].id

    def _unfit(
        self,
        tx: Transaction,
        row: Row,
        facts: issuing.Facts,
        refused: NoticeRefused,
        now: datetime,
    ) -> list[Handout]:
        """End a notice that its mailbox, now known, cannot take."""
        made = self.issuer.of_notice(
            FINAL_EVENTS[State.FAILED],
            facts,
            now,
            reason=reasons.reason("CONTENT_INVALID", f"{refused.what}; deliver by post"),
        )
        steps.step(tx, row.id, State.FAILED, None, now)
        tx.record(row.id, made.entry)
        return consequence.hand_out(tx, self.config, [_receipt(row, made)], now)


def _receipt(row: Row, made: Issued) -> handover.Receipt:
    return handover.Receipt(notice_id=row.id, tenant=row.tenant, procedure=row.procedure, made=made)
