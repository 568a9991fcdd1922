"""Step B: what is due goes out, its attempt committed as started before the call leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from hub import parcel, transition
from hub.caution import Caution
from hub.clock import Clock
from hub.dispatch import preparing
from hub.dispatch.admitting import hold_by_crashes
from hub.dispatch.departing import Departure
from hub.dispatch.flights import Flight
from hub.dispatch.lines import Line
from hub.errors import HubError, StorageFailed
from hub.issuing import Facts
from hub.journal import (
    Journal,
    Row,
    Transaction,
    attempts,
    circuits,
    pauses,
    payloads,
    posting,
    queue,
    taking,
)
from hub.journal.attempts import Lease
from hub.journal.pauses import Paused
from hub.model import Kind, Notice, State
from hub.parcel import Parcel
from hub.telemetry import logger
from hub.transition import DEPOSIT, RECONCILE, SET_STATUS, operation
from hub.vault import Vault
from postfach_mailbox.cipher import Damaged

# So long may new notices take each free place, which saves a commit, before what waits.
OVERTAKEN = timedelta(seconds=1)
LOOK_BACK = 0.25  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """A notice that is due, and the call that it needs; `parcel` where it is sent."""

    row: Row
    called: str
    facts: Facts
    parcel: Parcel | None
    attempt: int
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leasing:
    """Finds what is to be sent or asked, by the journal. For one worker."""

    journal: Journal
    vault: Vault
    clock: Clock
    worker: str
    caution: Caution

    def due(self, line: Line) -> list[Departure]:
        """Lease what is due at a mailbox, as much as it takes now: one commit.

        Notices that a crash left behind are worked one at a time.
        """
        free = line.places
        if not free:
            if free == 0:
                self._look_back(line)
            return []
        found = self._found(line, free)
        opened = self._unpack(line, found)
        if not opened:
            return []
        term = line.term(self.worker, self.clock.boot_id, self.clock.elapsed())
        with self.journal.write() as tx:
            paused = pauses.names(tx.connection)
            fences = attempts.free_still(tx.connection, [one.row.id for one in opened])
            kept = [
                one
                for one in opened
                if fences.get(one.row.id) == one.row.fence
                and not paused.concerns(one.row.tenant, line.name)
                and not self._held(tx, line, one)
            ]
            rows = [(one.row.id, one.row.fence, one.row.suspect, one.called) for one in kept]
            leases = attempts.start(tx, term, rows, self.clock.now())
        return [
            Departure(
                flight=_flight(line, lease, one),
                parcel=one.parcel,
                attempt=one.attempt,
                reference=one.reference,
            )
            for lease, one in zip(leases, kept, strict=True)
        ]

    def _held(self, tx: Transaction, line: Line, due: _Due) -> bool:
        """Hold a post job that may not go out; whether it was held."""
        row, sent = due.row, due.parcel
        if row.follows is None or sent is None or not isinstance(sent.notice, Notice):
            return False
        relays = line.capabilities is not None and line.capabilities.relays
        if posting.contradicted(tx.connection, row.follows):
            reason = posting.HELD_BY_LATE
        elif not sent.notice.postal_address:
            reason = posting.HELD_BY_ADDRESS
        elif not relays:
            reason = posting.HELD_BY_RELAY
        else:
            return False
        circuits.hold_itself(tx, row, self.clock.now(), reason)
        logger().error("post job held", message_id=row.message_id, code=reason)
        return True

    def waits_now(self, line: Line) -> bool:
        """Whether something is due at this mailbox, or is freed in a moment."""
        with self.journal.read() as connection:
            if circuits.held_on(connection, line.name):
                return True
            wanted = self._wanted(line, pauses.names(connection))
            if wanted is None:
                return False
            return any(queue.due(connection, wanted, 1, suspect=one) for one in (False, True))

    def _found(self, line: Line, free: int) -> list[Row]:
        """Return what is due, as much as goes now; of suspects one, and none while one is in work.

        Where all of it can go now nobody's turn matters: longest due first.
        """
        with self.journal.read() as connection:  # most often nothing is due: no write lock then
            wanted = self._wanted(line, pauses.names(connection))
            if wanted is None:
                return []
            found = [*queue.due(connection, wanted, free, suspect=False)]
            line.backlog = len(found) == free and self._is_old(found[0])
            suspects: Sequence[Row] = []
            if line.suspect_in_work is None:
                suspects = queue.due(connection, wanted, 1, suspect=True)
            if len(found) < free:
                return sorted([*found, *suspects], key=lambda row: row.due_at)

            def due(tenant: str, limit: int, *, first: bool) -> Sequence[Row]:
                return queue.due_of(connection, wanted, tenant, limit, first=first)

            return line.turns.choose(found, queue.tenants(connection, wanted), suspects, due)

    def _look_back(self, line: Line) -> None:
        """See, now and then, whether something waits long while what is new takes each place."""
        now = self.clock.elapsed()
        if now - line.looked_back_at < LOOK_BACK:
            return
        line.looked_back_at = now
        with self.journal.read() as connection:
            wanted = self._wanted(line, pauses.names(connection))
            found = queue.due(connection, wanted, 1, suspect=False) if wanted else ()
        line.backlog = bool(found) and self._is_old(found[0])

    def _is_old(self, row: Row) -> bool:
        waited: timedelta = self.clock.now() - row.due_at
        return waited >= OVERTAKEN

    def _wanted(self, line: Line, paused: Paused) -> queue.Wanted | None:
        """Return what may go at a mailbox now; None where it is paused."""
        if line.name in paused.mailboxes:
            return None
        states = transition.workable(line.policy)
        return queue.Wanted(
            mailbox=line.name,
            now=self.clock.now(),
            states=frozenset(states),
            asked=frozenset(one for one in states if operation(one, line.policy) == RECONCILE),
            stuck=frozenset(transition.stuck(line.policy)),
            boot_id=self.clock.boot_id,
            elapsed=self.clock.elapsed(),
            without=paused.tenants,
        )

    def _unpack(self, line: Line, found: Sequence[Row]) -> list[_Due]:
        opened: list[_Due] = []

        def unpack(rows: Sequence[Row]) -> None:
            opened.extend(self._unpack_all(line, rows))

        if found:
            self.caution.work(
                "leasing",
                found,
                unpack,
                name=lambda row: row.id,
                aside=partial(hold_by_crashes, self.journal, self.clock),
            )
        return opened

    def _unpack_all(self, line: Line, found: Sequence[Row]) -> list[_Due]:
        ids = [row.id for row in found]
        with self.journal.read() as connection:
            history = attempts.history(connection, ids)
            kept = payloads.load_all(connection, ids)
            taken = taking.taken(connection, found)
        opened = []
        for row in found:
            try:
                parcel.vouch(row, kept[row.id], taken.get(row.id))
                opened.append(self._open(line, row, kept[row.id], history.get(row.id, [])))
            except StorageFailed:  # nothing can be read now; no notice is to blame
                raise
            except (Damaged, HubError) as error:  # what does not open is held, the rest flows
                logger().error(
                    "payload damaged", message_id=row.message_id, row=row.id, exc_info=error
                )
                with self.journal.write() as tx:
                    circuits.hold_itself(tx, row, self.clock.now())
        return opened

    def _open(self, line: Line, row: Row, rows: Sequence[Row], tries: Sequence[Row]) -> _Due:
        called = operation(State(row.state), line.policy)
        made = None
        if called == DEPOSIT and row.kind == Kind.STATUS:
            made, called = parcel.unpack(row, rows, self.vault), SET_STATUS
        elif called == DEPOSIT:
            made = preparing.without_old_bytes(line, parcel.unpack(row, rows, self.vault), tries)
            called = preparing.first_call(line, made)
        return _Due(
            row=row,
            called=called or RECONCILE,
            facts=parcel.facts(row, rows),
            parcel=made,
            attempt=1 + attempts.deposits(tries),
            reference=attempts.reference(tries),
        )


def _flight(line: Line, lease: Lease, due: _Due) -> Flight:
    row = due.row
    return Flight(
        mailbox=line.name,
        lease=lease,
        state=State(row.state),
        failures=row.failures,
        tenant=row.tenant,
        procedure=row.procedure,
        delivery_key=parcel.bound_to(row),
        facts=due.facts,
        policy=replace(line.policy, restored=row.restored and row.kind == Kind.NOTICE),
        suspect=row.suspect,
        crashes=row.crashes + int(row.suspect),
        follows=row.follows,
    )
