"""Step B: what is due goes out; what passed its deadline ends; what was left behind is found."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub import issuing, mailboxes, parcel, retry, transition
from hub.clock import Clock
from hub.config import Config
from hub.dispatch.lines import Line
from hub.dispatch.results import FINAL_EVENTS, Flight, hand_out, tries_of
from hub.errors import HubError, NoticeRefused
from hub.issuing import Issuer
from hub.journal import Journal, Row, Transaction, attempts, circuits, payloads, recovery, steps
from hub.journal.attempts import Lease
from hub.journal.handouts import Handout
from hub.model import State
from hub.parcel import Parcel
from hub.telemetry import logger
from hub.vault import Vault
from postfach_mailbox import Repeat
from postfach_mailbox.cipher import Damaged

LIMIT = 200  # notices looked at in one go


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """An attempt that is written as started: its call may leave now."""

    flight: Flight
    parcel: Parcel


@dataclass(frozen=True, slots=True, kw_only=True)
class Leasing:
    """Finds what is to be done, by the journal. For one worker."""

    config: Config
    journal: Journal
    vault: Vault
    issuer: Issuer
    clock: Clock
    worker: str

    def due(self, line: Line) -> list[Departure]:
        """Lease what is due at a mailbox, as much as it takes now: one commit.

        Notices that a crash left behind are worked one at a time.
        """
        free = line.places
        if not free:
            return []
        now = self.clock.now()
        with self.journal.read() as connection:  # most often nothing is due: no write lock then
            sent = transition.depositable(line.policy.repeat)
            found = [*attempts.due(connection, line.name, now, sent, suspect=False, limit=free)]
            if line.suspect_in_work is None and len(found) < free:
                found += attempts.due(connection, line.name, now, sent, suspect=True, limit=1)
        opened = self._unpack(found)
        if not opened:
            return []
        term = line.term(self.worker, self.clock.boot_id, self.clock.elapsed())
        with self.journal.write() as tx:
            fences = attempts.free_still(tx.connection, [row.id for row, _ in opened])
            kept = [(row, made) for row, made in opened if fences.get(row.id) == row.fence]
            rows = [(row.id, row.fence, row.suspect, transition.DEPOSIT) for row, _ in kept]
            leases = {lease.notice_id: lease for lease in attempts.start(tx, term, rows, now)}
        return [
            Departure(flight=self.flight(line, leases[row.id], row, made), parcel=made)
            for row, made in kept
            if row.id in leases
        ]

    def _unpack(self, found: Sequence[Row]) -> list[tuple[Row, Parcel]]:
        opened = []
        for row in found:
            with self.journal.read() as connection:
                rows = payloads.load(connection, row.id)
            try:
                opened.append((row, parcel.unpack(row, rows, self.vault)))
            except (Damaged, HubError) as error:  # what does not open is held, the rest flows
                logger().error("payload damaged", message_id=row.message_id, exc_info=error)
                self._hold(row, "payload")
        return opened

    def _hold(self, row: Row, reason: str) -> None:
        now = self.clock.now()
        with self.journal.write() as tx:
            if attempts.free_still(tx.connection, [row.id]).get(row.id) != row.fence:
                return
            before = State(row.state)
            steps.step(tx, row.id, State.HELD, None, now, held_from=before, held_reason=reason)
            tx.note(row.id, "notice.held", now, message_id=row.message_id, reason=reason)

    def waits_now(self, line: Line) -> bool:
        """Whether something is due at this mailbox."""
        now, sent = self.clock.now(), transition.depositable(line.policy.repeat)
        with self.journal.read() as connection:
            return any(
                attempts.due(connection, line.name, now, sent, suspect=suspect, limit=1)
                for suspect in (False, True)
            )

    def flight(self, line: Line, lease: Lease, row: Row, made: Parcel) -> Flight:
        """Return the flight of a leased notice."""
        return Flight(
            mailbox=line.name,
            lease=lease,
            state=State(row.state),
            failures=row.failures,
            tenant=row.tenant,
            procedure=row.procedure,
            delivery_key=row.delivery_key,
            facts=made.facts,
            policy=line.policy,
            suspect=row.suspect,
        )

    def recover(self, lines: Mapping[str, Line], dead: Iterable[str]) -> int:
        """End leases that are over; an attempt without end is UNKNOWN. Returns how many."""
        now = self.clock.now()
        where = (self.clock.boot_id, self.clock.elapsed(), tuple(dead))
        with self.journal.read() as connection:
            if not recovery.left_behind(connection, *where):
                return 0
        with self.journal.write() as tx:
            found = recovery.left_behind(tx.connection, *where)
            for row in found:
                state, due_at = self._after_loss(row, lines, now)
                became = recovery.recover(tx, row, state, due_at, now)
                tx.note(
                    row.id,
                    "attempt.lost",
                    now,
                    message_id=row.message_id,
                    attempt=row.attempt_n or 0,
                    state=became.value,
                )
        return len(found)

    def _after_loss(
        self, row: Row, lines: Mapping[str, Line], now: datetime
    ) -> tuple[State, datetime | None]:
        before, line = State(row.state), lines.get(row.mailbox)
        state = before if before.doubtful else State.IN_DOUBT
        if line is None:  # left hub.toml since: a person puts it back, or settles
            return state, None
        operation = transition.operation(state, line.policy.repeat)
        if operation is None:
            return state, None
        if operation == transition.DEPOSIT:
            return state, now
        return state, retry.due(now, line.waits, 1, random.random())  # noqa: S311

    def expire(self) -> tuple[list[Handout], list[tuple[str, State]]]:
        """End what passed its deadline: `failed`, in doubt `unresolved`. Raises SealUnavailable."""
        now = self.clock.now()
        with self.journal.read() as connection:
            if not recovery.overdue(connection, now, 1):
                return [], []
        finals = []
        with self.journal.write() as tx:
            issued = []
            found = recovery.overdue(tx.connection, now, LIMIT)
            history = attempts.history(tx.connection, [row.id for row in found])
            for row in found:
                state = transition.at_deadline(State(row.state))
                code = "OUTCOME_UNKNOWN" if state is State.UNRESOLVED else "GAVE_UP"
                facts = parcel.facts(row, payloads.load(tx.connection, row.id))
                made = self.issuer.of_notice(
                    FINAL_EVENTS[state],
                    facts,
                    now,
                    attempts=tries_of(history.get(row.id, [])),
                    reason=issuing.reason(code),
                )
                issued.append((_ended(row, facts), made))
                steps.step(tx, row.id, state, None, now)
                tx.record(row.id, made.entry)
                finals.append((row.message_id, state))
            files = hand_out(tx, issued)
        return files, finals

    def admit(self, line: Line) -> list[Handout]:
        """Check what was held until a mailbox told its capabilities. Raises SealUnavailable."""
        told, now = line.capabilities, self.clock.now()
        if told is None:
            return []
        files: list[Handout] = []
        with self.journal.read() as connection:
            held = circuits.untold(connection, line.name, LIMIT)
        for row in held:
            with self.journal.read() as connection:
                rows = payloads.load(connection, row.id)
            kept = parcel.read_content(row, rows, self.vault)
            facts = parcel.facts(row, rows)
            with self.journal.write() as tx:
                if attempts.free_still(tx.connection, [row.id]).get(row.id) != row.fence:
                    continue
                try:
                    sandbox = self.config.mailboxes[line.name].sandbox
                    mailboxes.check(kept, told, sandbox=sandbox, now=now)
                except NoticeRefused as refused:
                    files += self._unfit(tx, row, facts, refused, now)
                    continue
                normal = told.normal(kept.mailbox.id) or kept.mailbox.id
                circuits.admit(
                    tx,
                    row.id,
                    normal,
                    self.config.mailboxes[line.name].scheme or told.scheme,
                    now,
                )
                tx.note(row.id, "notice.freed", now, message_id=row.message_id)
        return files

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
            reason=issuing.reason("CONTENT_INVALID", f"{refused.what}; deliver by post"),
        )
        steps.step(tx, row.id, State.FAILED, None, now)
        tx.record(row.id, made.entry)
        return hand_out(tx, [(_ended(row, facts), made)])


def _ended(row: Row, facts: issuing.Facts) -> Flight:
    """Return what `hand_out` needs of a notice that ends without an attempt."""
    lease = Lease(
        notice_id=row.id,
        attempt_id=0,
        n=0,
        fence=row.fence,
        operation=transition.DEPOSIT,
        started_at=row.accepted_at,
    )
    return Flight(
        mailbox=row.mailbox,
        lease=lease,
        state=State(row.state),
        failures=row.failures,
        tenant=row.tenant,
        procedure=row.procedure,
        delivery_key=row.delivery_key,
        facts=facts,
        policy=transition.Policy(waits=(), repeat=Repeat.NEITHER),
    )
