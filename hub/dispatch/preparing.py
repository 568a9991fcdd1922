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
                attempts.end(tx, kept, PREPARED, self.clock.now())
                paused = pauses.names(tx.connection)
                beginning: dict[str, list[tuple[Result, Parcel]]] = {}
                begun: set[int] = set()
                for one, sealed, row in made:
                    flight, line = one.flight, lines[one.flight.mailbox]
                    if flight.lease.attempt_id not in ours:
                        continue
                    new = replace(row, made_by=line.host.plugin)
                    taking.replace(tx, flight.lease.notice_id, new)
                    on_the_way = beginning.setdefault(line.name, [])
                    waits = paused.concerns(flight.tenant, line.name)
                    if begin and not waits and (line.places or 0) > len(on_the_way):
                        on_the_way.append((one, sealed))
                        begun.add(flight.lease.notice_id)
                back = [lease for lease in kept if lease.notice_id not in begun]
                attempts.let_go(tx, back, self.clock.now())
                return [
                    departure
                    for name, batch in beginning.items()
                    for departure in self._begin(tx, lines[name], batch)
                ]

    def _begin(
        self, tx: Transaction, line: Line, batch: Sequence[tuple[Result, Parcel]]
    ) -> list[Departure]:
        before = [result.flight.lease for result, _ in batch]
        tries = attempts.history(tx.connection, [lease.notice_id for lease in before])
        term = line.term(self.worker, self.clock.boot_id, self.clock.elapsed())
        leases = attempts.go_on(tx, term, before, self.clock.now())
        return [
            Departure(
                flight=replace(result.flight, lease=lease),
                parcel=made,
                attempt=1 + attempts.deposits(tries[lease.notice_id]),
            )
            for lease, (result, made) in zip(leases, batch, strict=True)
        ]

    def _open(self, results: Sequence[Result]) -> list[tuple[Result, Parcel]]:
        """Return the parcels of notices still ours; what does not open is held when next due."""
        opened, leases = [], [result.flight.lease for result in results]
        with self.journal.read() as connection:
            ours = attempts.holding(connection, self.worker, leases)
            ids = [lease.notice_id for lease in leases if lease.attempt_id in ours]
            found, kept = attempts.rows(connection, ids), payloads.load_all(connection, ids)
        for result in results:
            if result.flight.lease.attempt_id not in ours:  # it may be erased by now
                continue
            row = found[result.flight.lease.notice_id]
            try:
                opened.append((result, parcel.unpack(row, kept[row.id], self.vault)))
            except (Damaged, HubError) as error:
                logger().error(
                    "payload damaged", message_id=row.message_id, row=row.id, exc_info=error
                )
        return opened


def _encrypted(segment: Segment, result: Result, made: Parcel) -> tuple[Parcel, NewPayload]:
    """Encrypt what a mailbox made; return its notice with it, and its row."""
    if not isinstance(result.outcome, Prepared):
        raise TypeError("not bytes that a mailbox made")
    data, key = result.outcome.data, made.delivery_key
    row, extent = parcel.stored(segment, made.key, key, parcel.PREPARED, data)
    return replace(made, prepared=data if extent is None else extent), row
