"""Stage 6: let go of what need not be kept.

    payloads      of final notices: once the final receipt was fetched, at the latest after a time
    segments      of the vault that no notice needs any more
    `rejected/`   what lay there long enough

An open notice keeps its payload. Receipts and the evidence log stay.

Crash safety: the commit that forgets the keys comes first; files that a crash leaves behind then
are found by `remove_unused_segments`, and hold nothing that anyone can decrypt.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from hub.caution import Caution
from hub.clock import Clock
from hub.config import Retention
from hub.errors import HubError
from hub.journal import Journal, payloads, returned_files
from hub.journal.payloads import Erasable
from hub.spool import Spools, remove_rejected
from hub.telemetry import logger
from hub.vault import Vault

BATCH = 200  # notices or drops in one commit


def erase(
    journal: Journal, vault: Vault, retention: Retention, clock: Clock, caution: Caution
) -> int:
    """Erase the payload of all notices that are due; return how many. Raises StorageFailed."""
    count = 0
    while batch := _erase_batch(journal, vault, retention, clock, caution):
        count += batch
    if count or journal.log_stands:
        journal.truncate_log()  # what the commits overwrote still stands in the old log
    if count:
        logger().info("payload erased", count=count)
    return count


def _erase_batch(
    journal: Journal, vault: Vault, retention: Retention, clock: Clock, caution: Caution
) -> int:
    now, erased = clock.now(), set[int]()
    with journal.read() as connection:
        due = payloads.erasable(connection, now - retention.payload, BATCH)

    def act(some: Sequence[Erasable]) -> None:
        with journal.write() as tx:
            unused = payloads.erase(tx, [one.id for one in some], now)
            for one in some:
                why = "taken" if one.taken else "expired"
                tx.note(one.id, "notice.erased", now, message_id=one.message_id, code=why)
        _remove(vault, unused)
        erased.update(one.id for one in some)

    caution.work("erasing", due, act, name=lambda one: one.id)
    return len(erased)


def erase_returned(journal: Journal, vault: Vault, retention: Retention, clock: Clock) -> int:
    """Erase the content of replies that were fetched, or are old enough; return how many.

    Raises StorageFailed.
    """
    before = clock.now() - retention.payload
    with journal.read() as connection:
        if not returned_files.erasable(connection, before, 1):
            return 0
    with journal.write() as tx:
        due = returned_files.erasable(tx.connection, before, BATCH)
        unused = returned_files.erase(tx, due, clock.now())
    _remove(vault, unused)
    journal.truncate_log()
    return len(due)


def remove_unused_segments(journal: Journal, vault: Vault) -> int:
    """Remove segments that no row names: a crash's rest; return how many. For start and daily.

    Raises StorageFailed.
    """
    count = 0
    for batch in _batches(vault.segments()):
        with journal.read() as connection:
            unused = set(batch) - payloads.used(connection, batch)
            unused -= returned_files.used(connection, unused)
        count += _remove(vault, unused)
    return count


def age_out(journal: Journal, spools: Spools, retention: Retention, clock: Clock) -> int:
    """Remove from `rejected/` what lay there long enough; return of how many drops.

    What cannot be removed, or belongs to a spool that is no longer served, stays and is tried again
    at the next call. Raises StorageFailed.
    """
    count, after = 0, ""
    while True:
        with journal.read() as connection:
            before = clock.now() - retention.rejected
            due = payloads.old_refusals(connection, before, after=after, limit=BATCH)
        if not due:
            return count
        after = due[-1].claim
        by_spool: dict[tuple[str, str], set[str]] = {}
        for one in due:
            by_spool.setdefault((one.tenant, one.procedure), set()).add(one.claim)
        gone: set[str] = set()
        for key, claims in by_spool.items():
            if spool := spools.get(key):
                gone |= remove_rejected(spool, claims)
        if gone:
            with journal.write() as tx:
                payloads.aged_out(tx, gone)
        count += len(gone)


def _remove(vault: Vault, segments: Iterable[str]) -> int:
    """Remove segments; one that cannot be removed now is logged and found again later."""
    count = 0
    for segment in segments:
        try:
            vault.remove(segment)
        except HubError as error:
            logger().warning("segment not removed", key=segment, error=type(error).__name__)
        else:
            count += 1
    return count


def _batches(ids: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(ids, BATCH)):
        yield batch
