"""Stage 1: take drops over wholly, or refuse them wholly, with a receipt either way.

    scan -> claim -> layers (read, check, copy encrypted) -> seal -> barrier -> one commit
         -> remove or move the claimed files

Between layers and seal a drop waits for the checks of its tenant, where there are any
(`hub.intake.checks`); the batch goes on without it.

A scan is worked wholly before names of the next, in batches; a batch is what lies there, never
waited for. One drop's failure never fails its batch. If the barrier or the commit fails, the batch
is thrown away in memory and worked singly from its claims.

Crash safety: before the commit only claims exist, and they are found again; after it the rows say
what the claimed files were. A claim that was in work when a hub died is worked singly, the try
counted durably first; the third crash refuses it (9030).
"""

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hub.errors import HubError, NoticeRefused, RefusalClass, StorageFailed
from hub.intake.batch import Sorted, Taker
from hub.intake.checks import Checks
from hub.intake.commit import Begun, Committer, Done
from hub.intake.drops import Checked, Refusal, Work
from hub.intake.layers import Layers
from hub.intake.parking import Parking
from hub.intake.preparing import Preparer
from hub.intake.settling import Settling
from hub.journal import Journal, pauses, payloads, taking
from hub.seal import SealUnavailable
from hub.spool import Claim, Spool, Stuck
from hub.telemetry import logger

__all__ = [
    "BATCH",
    "Begun",
    "Checks",
    "Committer",
    "Done",
    "Intake",
    "Layers",
    "Parking",
    "Preparer",
    "Settling",
    "Taker",
]

BATCH = 50
Tried = tuple[Work, int]  # a drop, and the tries that count when it is worked


@dataclass(slots=True, kw_only=True)  # the queue of one worker
class Intake:
    """The stage, for one worker. For one thread: the reader of the spool."""

    spools: Sequence[Spool]
    taker: Taker
    parked: Parking
    names: deque[tuple[Spool, bytes]] = field(default_factory=deque)
    recovered: deque[Tried] = field(default_factory=deque)
    singles: deque[Tried] = field(default_factory=deque)
    waiting: list[Tried] = field(default_factory=list)
    failed: bool = False  # whether a fault of ours kept a drop from being taken
    _again_at: float = 0.0
    _unsettled: list[tuple[Work, bool]] = field(default_factory=list)
    _stuck: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """Whether the last scan is not worked off yet."""
        checks = self.taker.checks
        return bool(
            self.names or self.singles or self.recovered or checks.landed or self.parked.ready
        )

    def scan(self, *, settling_only: bool = False) -> None:
        """Look at every spool, if the last scan is worked off.

        Drops that waited come again once for each `rescan`; those that settle, each time.

        settling_only: take no name that this scan is the first to see
        """
        if self.busy:
            return
        now, rescan = self.taker.clock.elapsed(), self.taker.committer.config.spool.rescan
        due = now >= self._again_at
        if due:  # a little early, so that the rescan itself never comes too soon
            self._again_at = now + 0.9 * rescan.total_seconds()
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            again = due or self.taker.settling.awaits(one[0].claim)
            (self.singles if again else self.waiting).append(one)
        unsettled, self._unsettled = self._unsettled, []
        for work, reject in unsettled:
            self._settle([work], reject=reject)
        with self.taker.committer.journal.read() as connection:
            paused = pauses.names(connection).tenants  # their drops stay where they lie
        for spool in self.spools:
            try:
                names = [] if spool.tenant in paused else spool.scan()
                still = self.taker.settling.still(spool, names, known_only=settling_only)
            except HubError as error:  # one folder out of order stops no other
                logger().error("spool unreadable", tenant=spool.tenant, exc_info=error)
                self.failed = True
                self.taker.settling.still(spool, [])  # nobody waits for what cannot be seen
                continue
            self.names.extend((spool, name) for name in still)

    def recover(self, spool: Spool, claims: Iterable[Claim]) -> None:
        """Take claims of a dead worker: finish what the journal has, work the rest singly."""
        claims = list(claims)
        with self.taker.committer.journal.read() as connection:
            kinds = taking.kinds(connection, [claim.id for claim in claims])
        for claim in claims:
            work = Work(spool=spool, claim=claim)
            if claim.id in kinds:
                self._settle([work], reject=kinds[claim.id] == taking.REFUSED)
            else:
                self.recovered.append((work, claim.tries + 1))

    def step(self) -> Done | None:
        """Work the next batch or single drop; None where nothing was committed."""
        if self.taker.checks.landed:
            return self._decided()
        batch: list[Work] = []
        if self.recovered:
            batch = self._ready(*self.recovered.popleft())
            return self._work(batch) if batch else None
        refusals: list[Refusal] = []
        while self.names and len(batch) < BATCH:
            self._claim(*self.names.popleft(), batch, refusals)
        if not batch and not refusals and self.singles:
            batch.extend(self._ready(*self.singles.popleft()))
        if not batch and not refusals:
            for work, tries in self.parked.leave(BATCH):
                batch.extend(self._ready(work, tries))
        return self._work(batch, refusals) if batch or refusals else None

    def _decided(self) -> Done | None:
        """Take or refuse drops whose checks have answered; the others wait for the next scan."""
        found = self.taker.checks.decided(BATCH)
        self._wait(found.waiting)
        self.failed = self.failed or found.failed
        done = None
        try:
            if found.passed or found.refusals:
                done = self._work([], found.refusals, found.passed)
            return done
        finally:
            _close(found.passed, self.taker.committer.journal if done else None)

    def _ready(self, work: Work, tries: int) -> list[Work]:
        """Return a drop with its tries counted durably; it waits where that fails.

        Nothing is left to do where the commit that seemed to fail holds it already.
        """
        try:
            with self.taker.committer.journal.read() as connection:
                kinds = taking.kinds(connection, [work.claim.id])
            if not kinds:
                return [work.tried(tries)]
        except StorageFailed as error:
            logger().error("drop not workable", claim=work.claim.id, exc_info=error)
            self.failed = True
            self.waiting.append((work, tries))
            return []
        self._settle([work], reject=kinds[work.claim.id] == taking.REFUSED)
        return []

    def _claim(self, spool: Spool, name: bytes, batch: list[Work], refusals: list[Refusal]) -> None:
        try:
            claim = spool.claim(name)
            if isinstance(claim, Stuck):
                if refusal := self._refuse_stuck(spool, claim, name):
                    refusals.append(refusal)
            elif claim is not None:
                batch.append(Work(spool=spool, claim=claim))
        except HubError as error:  # nothing of this spool can be claimed now
            logger().error("spool unclaimable", tenant=spool.tenant, exc_info=error)
            self.failed = True

    def _refuse_stuck(self, spool: Spool, stuck: Stuck, name: bytes) -> Refusal | None:
        """Return the refusal of what cannot be moved: once for each file, however often seen."""
        key = (spool.tenant, spool.procedure, stuck.file)
        if key in self._stuck:
            return None
        with self.taker.committer.journal.read() as connection:
            known = stuck.file in taking.stuck_files(connection, spool.tenant, spool.procedure)
        self._stuck.add(key)
        if known:
            return None
        made = Claim.new(name, spool.clock)
        return Refusal(
            work=Work(spool=spool, claim=made),
            stuck=stuck.file,
            error=NoticeRefused(
                RefusalClass.SPOOL_FILE_REJECTED,
                "9052",
                "the file cannot be moved out of in/",
                fix="Remove it, and hand in a plain file that the hub's user may rename",
            ),
        )

    def _work(
        self,
        batch: Sequence[Work],
        refusals: Sequence[Refusal] = (),
        passed: Sequence[Checked] = (),
    ) -> Done | None:
        try:
            found = self.taker.take(batch, refusals, passed)
        except (StorageFailed, SealUnavailable) as error:
            batch = [*batch, *(one.drop.opened.work for one in passed)]
            batch += [one.work for one in refusals if one.stuck is None]
            batch = [work for work in batch if not self.taker.checks.holds(work)]
            logger().error("batch failed", count=len(batch), exc_info=error)
            if len(batch) > 1:
                self.singles.extend((work, work.claim.tries) for work in batch)
            else:
                self.failed = True
                self._wait(batch)
            self._stuck -= {_key(one) for one in refusals}
            return None
        self._keep(found)
        return found.done

    def _keep(self, found: Sorted) -> None:
        self.failed = self.failed or bool(found.failed)
        self._wait(found.waiting)
        self.waiting.extend((work.untried(), work.claim.tries) for work in found.settling)
        self.waiting.extend((work, work.claim.tries) for work in found.failed)
        self.singles.extend((work, work.claim.tries) for work in found.large)
        self.parked.park(found.parked)
        if found.done:
            self._settle(found.done.finished, reject=False)
            self._settle(found.done.rejected, reject=True)

    def _wait(self, works: Sequence[Work]) -> None:
        """Keep drops as claims to be tried again; waiting is no crash, so it counts no try."""
        self.waiting.extend((work.untried(), 0) for work in works)

    def _settle(self, works: Sequence[Work], *, reject: bool) -> None:
        by_spool: dict[int, list[Work]] = {}
        for work in works:
            by_spool.setdefault(id(work.spool), []).append(work)
        for own in by_spool.values():
            spool, claims = own[0].spool, [work.claim for work in own]
            settled = spool.reject(*claims) if reject else spool.finish(*claims)
            ids = {claim.id for claim in settled}
            self._unsettled.extend((work, reject) for work in own if work.claim.id not in ids)


def _close(passed: Sequence[Checked], journal: Journal | None) -> None:
    """Let go of segments; throw away what the commit has no notice for, as of a repeat.

    journal: None where no commit is known to be made
    """
    ids = [one.segment.id for one in passed]
    used = set(ids)
    if journal and ids:
        with suppress(HubError), journal.read() as connection:
            used = payloads.used(connection, ids)
    for one in passed:
        if one.segment.id in used:
            one.segment.close()
        else:
            one.segment.discard()


def _key(refusal: Refusal) -> tuple[str, str, str]:
    return (refusal.work.spool.tenant, refusal.work.spool.procedure, refusal.stuck or "")
