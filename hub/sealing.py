"""Stage 2: what could not be sealed when it was taken, since the key was away, is sealed later.

A notice in ACCEPTED has its documents and content in the vault and no seal; its receipts wait with
it. The seal is made before the commit that says SEALED, and stored by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hub import parcel, receipt
from hub.caution import Caution
from hub.clock import Clock
from hub.errors import HubError, StorageFailed
from hub.issuing import Issuer
from hub.journal import Journal, Row, attempts, circuits, payloads, recovery, taking
from hub.model import Notice
from hub.seal import SealUnavailable
from hub.telemetry import logger
from hub.vault import Vault
from postfach_mailbox.cipher import Damaged

BATCH = 50


@dataclass(slots=True, kw_only=True)  # remembers what it said
class Sealing:
    """The stage, for one worker. That the seal is away is said once, not at each try."""

    journal: Journal
    vault: Vault
    issuer: Issuer
    clock: Clock
    caution: Caution
    _away: bool = False

    def step(self) -> int:
        """Seal a batch of what waits; returns how many. Raises StorageFailed."""
        with self.journal.read() as connection:
            found = recovery.unsealed(connection, BATCH)
        if not found:
            return 0
        try:
            self.caution.work(
                "sealing", found, self._seal_all, name=lambda row: row.id, aside=self._hold
            )
        except SealUnavailable as error:
            if not self._away:
                logger().warning("the seal is away", count=len(found), exc_info=error)
            self._away = True
            return 0
        if self._away:
            logger().info("the seal is back")
        self._away = False
        return len(found)

    def _seal_all(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._seal(row)

    def _hold(self, row: Row) -> None:
        with self.journal.write() as tx:
            circuits.hold_itself(tx, row, self.clock.now(), circuits.HELD_BY_CRASHES)

    def _seal(self, row: Row) -> None:
        now = self.clock.now()
        with self.journal.read() as connection:
            rows = payloads.load(connection, row.id)
        try:
            kept = parcel.read_content(row, rows, self.vault)
        except StorageFailed:  # nothing can be read now; no notice is to blame
            raise
        except (Damaged, HubError) as error:  # it is held for itself now, the rest flows
            logger().error("payload damaged", message_id=row.message_id, row=row.id, exc_info=error)
            with self.journal.write() as tx:
                circuits.hold_itself(tx, row, now)
            return
        if not isinstance(kept, Notice):
            raise TypeError("a status has no seal to wait for")
        plain = receipt.render_sealed_notice(
            kept,
            envelope=None,
            envelope_sha256=row.envelope_sha256,
            documents=parcel.digests(rows),
            accepted_at=row.accepted_at,
            issuer=self.issuer.name,
        )
        sealed = self.issuer.seal.sign(plain, now)
        key = self.vault.unwrap(row.key_wrapped, row.delivery_key.encode("ascii"))
        with self.vault.segment() as segment:
            made, _ = parcel.stored(segment, key, row.delivery_key, parcel.SEALED, sealed)
            segment.sync()
            with self.journal.write() as tx:
                if attempts.free_still(tx.connection, [row.id]).get(row.id) != row.fence:
                    return
                taking.store(tx, [(row.id, made)])
                recovery.seal(tx, row.id, row.fence)
                tx.note(row.id, "notice.sealed", now, message_id=row.message_id)
