"""Notices held until their mailbox told what it can do: freed, or failed, by what it told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from hub import consequence, handover, issuing, mailboxes, parcel, reasons
from hub.caution import Caution
from hub.clock import Clock
from hub.config import Config
from hub.dispatch.lines import Line
from hub.dispatch.results import FINAL_EVENTS
from hub.errors import HubError, NoticeRefused, StorageFailed
from hub.issuing import Issued, Issuer
from hub.journal import Journal, Row, Transaction, attempts, circuits, payloads, steps, taking
from hub.journal.handouts import Handout
from hub.model import State
from hub.telemetry import logger
from hub.vault import Vault
from postfach_mailbox import Capabilities
from postfach_mailbox.cipher import Damaged

LIMIT = 200  # notices looked at in one go


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitting:
    """Checks them. For one worker."""

    config: Config
    journal: Journal
    vault: Vault
    issuer: Issuer
    clock: Clock
    caution: Caution

    def admit(self, line: Line) -> list[Handout]:
        """Check what was held until a mailbox told its capabilities. Raises SealUnavailable."""
        told, now = line.capabilities, self.clock.now()
        if told is None:
            return []
        files: list[Handout] = []

        def check(rows: Sequence[Row]) -> None:
            for row in rows:
                files.extend(self._check(line, told, row, now))

        for rows in self._untold(line.name):
            self.caution.work(
                "admitting",
                rows,
                check,
                name=lambda row: row.id,
                aside=partial(hold_by_crashes, self.journal, self.clock),
            )
        return files

    def _check(self, line: Line, told: Capabilities, row: Row, now: datetime) -> list[Handout]:
        """Check a notice that was held until its mailbox told what it can do."""
        with self.journal.read() as connection:
            rows = payloads.load(connection, row.id)
            taken = taking.taken(connection, [row])
        try:
            parcel.vouch(row, rows, taken.get(row.id))
            kept = parcel.read_content(row, rows, self.vault)
        except StorageFailed:  # nothing can be read now; no notice is to blame
            raise
        except (Damaged, HubError) as error:  # it is held for itself now, the rest flows
            logger().error("payload damaged", message_id=row.message_id, row=row.id, exc_info=error)
            with self.journal.write() as tx:
                circuits.hold_itself(tx, row, now)
            return []
        facts = parcel.facts(row, rows)
        with self.journal.write() as tx:
            if attempts.free_still(tx.connection, [row.id]).get(row.id) != row.fence:
                return []
            try:
                sandbox = self.config.mailboxes[line.name].sandbox
                mailboxes.check(kept, told, sandbox=sandbox, now=now)
            except NoticeRefused as refused:
                if not State(row.held_from).doubtful:  # else that it fits not proves nothing
                    return self._unfit(tx, row, facts, refused, now)
            normal = told.normal(kept.mailbox.id) or kept.mailbox.id
            scheme = self.config.mailboxes[line.name].scheme or told.scheme
            circuits.admit(tx, row, normal, scheme, now)
            tx.note(row.id, "notice.freed", now, message_id=row.message_id)
        return []

    def _untold(self, name: str) -> Iterator[Sequence[Row]]:
        after = 0
        while True:
            with self.journal.read() as connection:
                found = circuits.untold(connection, name, LIMIT, after=after)
            if not found:
                return
            yield found
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
        return consequence.hand_out(tx, self.config, [receipt_of(row, made)], now)


def hold_by_crashes(journal: Journal, clock: Clock, row: Row) -> None:
    """Hold a notice at which the hub failed again and again."""
    with journal.write() as tx:
        circuits.hold_itself(tx, row, clock.now(), circuits.HELD_BY_CRASHES)


def tell(row: Row, error: Exception) -> None:
    """Log that what is stored of a notice does not open, or was changed."""
    logger().error("payload damaged", message_id=row.message_id, row=row.id, exc_info=error)


def receipt_of(row: Row, made: Issued) -> handover.Receipt:
    """Return the receipt of a notice."""
    return handover.Receipt(notice_id=row.id, tenant=row.tenant, procedure=row.procedure, made=made)
