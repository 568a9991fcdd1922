"""Bytes that a mailbox makes before the first attempt, so that each attempt sends the same.

    lease -> prepare (in the child, no network) -> one commit: the bytes, and the first attempt

Bytes that were made by an older version of the plugin are sent again as they are once a deposit was
begun with them; only a notice that was never sent gets new ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hub import parcel
from hub.clock import Clock
from hub.dispatch.departing import Departure
from hub.dispatch.flights import Result
from hub.dispatch.lines import Line
from hub.errors import HubError
from hub.journal import Journal, Row, Transaction, attempts, pauses, payloads, taking
from hub.journal.taking import NewPayload
from hub.parcel import Parcel
from hub.telemetry import logger
from hub.transition import DEPOSIT, PREPARE, PREPARED
from hub.vault import Segment, Vault
from postfach_mailbox import Prepared
from postfach_mailbox.cipher import Damaged


def first_call(line: Line, made: Parcel) -> str:
    """Return what is to be called for a notice that is to be sent: deposit, or prepare before it.

    made: without bytes that are not to be sent
    """
    told = line.capabilities
    if made.prepared is not None or told is None or not told.prepares:
        return DEPOSIT
    return PREPARE


def without_old_bytes(line: Line, made: Parcel, tries: Sequence[Row]) -> Parcel:
    """Return a parcel without bytes that another version made and that were never sent."""
    if attempts.deposits(tries) or made.made_by in (None, line.host.plugin):
        return made
    return replace(made, prepared=None, made_by=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparing:
    """Stores what mailboxes made, and begins the attempts that send it. For one worker."""

    journal: Journal
    vault: Vault
    clock: Clock
    worker: str

    def store(
        self, results: Sequence[Result], lines: Mapping[str, Line], *, begin: bool
    ) -> list[Departure]:
        """Store bytes that were made: one commit. Returns the attempts that begin with them.

        begin: whether attempts may begin; a notice that has no place at its mailbox now is given
        back, and goes when there is one
        Raises StorageFailed; then nothing is stored.
        """
        opened = self._open(results)
        with self.vault.segment() as segment:
            made = [(one, *_encrypted(segment, one, unpacked)) for one, unpacked in opened]
            segment.sync()
            with self.journal.write() as tx:
                leases = [one.flight.lease for one in results]
                ours = attempts.holding(tx.connection, self.worker, leases)
                kept = [lease for lease in leases if lease.attempt_id in ours]
                for lease in kept:
                    attempts.end(tx, lease, PREPARED, self.clock.now())
                paused = pauses.names(tx.connection)
                departures: list[Departure] = []
                for one, sealed, row in made:
                    if one.flight.lease.attempt_id not in ours:
                        continue
                    line = lines[one.flight.mailbox]
                    new = replace(row, made_by=line.host.plugin)
                    taking.replace(tx, one.flight.lease.notice_id, new)
                    on_the_way = sum(each.flight.mailbox == line.name for each in departures)
                    waits = paused.concerns(one.flight.tenant, line.name)
                    if begin and not waits and (line.places or 0) > on_the_way:
                        departures.append(self._begin(tx, line, one, sealed))
                begun = {one.flight.lease.notice_id for one in departures}
                for lease in kept:
                    if lease.notice_id not in begun:
                        attempts.let_go(tx, lease, self.clock.now())
        return departures

    def _begin(self, tx: Transaction, line: Line, result: Result, made: Parcel) -> Departure:
        before = result.flight.lease
        tries = attempts.history(tx.connection, [before.notice_id])[before.notice_id]
        term = line.term(self.worker, self.clock.boot_id, self.clock.elapsed())
        lease = attempts.go_on(tx, term, before, self.clock.now())
        return Departure(
            flight=replace(result.flight, lease=lease),
            parcel=made,
            attempt=1 + attempts.deposits(tries),
        )

    def _open(self, results: Sequence[Result]) -> list[tuple[Result, Parcel]]:
        """Return the parcels of these notices; what does not open is held once it is due again."""
        opened = []
        for result in results:
            notice_id = result.flight.lease.notice_id
            with self.journal.read() as connection:
                row = attempts.row(connection, notice_id)
                rows = payloads.load(connection, notice_id)
            try:
                opened.append((result, parcel.unpack(row, rows, self.vault)))
            except (Damaged, HubError) as error:
                logger().error("payload damaged", message_id=row.message_id, exc_info=error)
        return opened


def _encrypted(segment: Segment, result: Result, made: Parcel) -> tuple[Parcel, NewPayload]:
    """Encrypt what a mailbox made; return its notice with it, and its row."""
    if not isinstance(result.outcome, Prepared):
        raise TypeError("not bytes that a mailbox made")
    data, key = result.outcome.data, made.delivery_key
    row, extent = parcel.stored(segment, made.key, key, parcel.PREPARED, data)
    return replace(made, prepared=data if extent is None else extent), row
