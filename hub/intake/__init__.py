"""Stage 1: take drops over wholly, or refuse them wholly, with a receipt either way.

    scan -> claim -> layers (read, check, copy encrypted) -> seal -> barrier -> one commit
         -> remove or move the claimed files

Between layers and seal a drop waits for the checks of its tenant, where there are any
(`hub.intake.checks`); the batch goes on without it.

What a scan saw of a procedure is worked wholly before names of the next, in batches; a batch is
what lies there, never waited for, of each tenant and procedure in turn. One drop's failure never
fails its batch. If the barrier or the commit fails, the batch is thrown away in memory and worked
singly from its claims. These, and the claims of a dead hub, are worked before what lies in `in/` of
their procedure: it came later, and a later state of an application forbids an earlier one. Among
themselves they go as they were claimed, whichever hub claimed them.

Where too little room is left (`hub.room`) nothing more is claimed or copied: drops stay in `in/`,
or claims, until there is room again.

Crash safety: before the commit only claims exist, and they are found again; after it the rows say
what the claimed files were. A claim that was in work when a hub died is worked singly, the try
counted durably first; the third crash refuses it (9030).
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hub.errors import HubError, StorageFailed
from hub.intake.batch import Sorted, Taker
from hub.intake.checks import Checks
from hub.intake.commit import Begun, Committer, Done
from hub.intake.drops import Checked, Refusal, Work
from hub.intake.holding import Holding, Tried
from hub.intake.layers import Layers
from hub.intake.lying import Lying
from hub.intake.parking import Parking
from hub.intake.preparing import Preparer
from hub.intake.settling import Settling
from hub.intake.stuck import StuckFiles
from hub.intake.suspects import Suspects
from hub.intake.turns import Turns
from hub.journal import Journal, payloads, taking
from hub.room import Room
from hub.seal import SealUnavailable
from hub.spool import Claim, Spool, Stuck
from hub.telemetry import logger

__all__ = [
    "BATCH",
    "Begun",
    "Checks",
    "Committer",
    "Done",
    "Holding",
    "Intake",
    "Layers",
    "Lying",
    "Parking",
    "Preparer",
    "Settling",
    "StuckFiles",
    "Suspects",
    "Taker",
]

BATCH = 50
# Where drops come from, each in its turn: `in/`, claims of dead hubs and of batches that failed,
# what is worked by itself, what waited for a place before its checks.
SOURCES = ("in", "earlier", "singles", "parked")


@dataclass(slots=True, kw_only=True)  # the queue of one worker
class Intake:
    """The stage, for one worker. For one thread: the reader of the spool."""

    lying: Lying
    taker: Taker
    parked: Parking
    held: Holding
    room: Room
    stuck: StuckFiles
    earlier: Turns[Tried] = field(default_factory=lambda: Turns(order=_turn))
    singles: Turns[Tried] = field(default_factory=Turns)
    failed: bool = False  # whether a fault of ours, or the room, kept a drop from being taken
    _source: int = 0
    _unsettled: list[tuple[Work, bool]] = field(default_factory=list)

    @property
    def busy(self) -> bool:
        """Whether something is to be worked now."""
        claimed = self.singles or self.earlier or self.parked.ready
        roomy = self.room.short is None
        return bool(self.taker.checks.landed or (roomy and (claimed or self.lying.names)))

    def scan(self, *, settling_only: bool = False) -> None:
        """Look at each spool of which all is worked off that was seen before.

        Drops that waited come again once for each `rescan`; those that settle, each time.

        settling_only: take no name that this scan is the first to see
        """
        unsettled, self._unsettled = self._unsettled, []
        for work, reject in unsettled:
            self._settle([work], reject=reject)
        if not self._has_room():
            return
        for work, tries in self.held.due():
            self.singles.add(work.spool, [(work, tries)])
        self.lying.look(known_only=settling_only, without=self.held.full)
        self.failed = self.failed or self.lying.unreadable

    def recover(self, spool: Spool, claims: Iterable[Claim]) -> None:
        """Take claims of a dead worker: finish what the journal has, work the rest singly."""
        claims = list(claims)
        with self.taker.committer.journal.read() as connection:
            kinds = taking.kinds(connection, [claim.id for claim in claims])
        left = list[Tried]()
        for claim in claims:
            work = Work(spool=spool, claim=claim)
            if claim.id in kinds:
                self._settle([work], reject=kinds[claim.id] == taking.REFUSED)
            else:
                left.append((work, claim.tries + 1))
        self.earlier.add(spool, left)

    def step(self) -> Done | None:
        """Work the next batch or single drop; None where nothing was committed."""
        if self.taker.checks.landed:
            return self._decided()
        if not self._has_room():
            return None
        batch, refusals = list[Work](), list[Refusal]()
        for _ in SOURCES:
            self._source = (self._source + 1) % len(SOURCES)
            if SOURCES[self._source] == "in":
                for spool, name in self.lying.draw(BATCH, behind=self.earlier):
                    self._claim(spool, name, batch, refusals)
            else:
                for tried in self._claimed(SOURCES[self._source]):
                    batch.extend(self._ready(*tried))
            if batch or refusals:
                return self._work(batch, refusals)
        return None

    def _claimed(self, source: str) -> list[Tried]:
        """Return the next claims to be worked together; of most sources one."""
        if source == "parked":
            return self.parked.leave(BATCH)
        claims = self.earlier if source == "earlier" else self.singles
        return [found] if (found := claims.pop()) else []

    def _has_room(self) -> bool:
        """Whether more may be begun; if not, what lies in `in/` stays there."""
        if self.room.look():
            return True
        claimed = bool(self.earlier or self.singles)
        self.failed = self.failed or claimed or self.lying.leave()
        return False

    def _decided(self) -> Done | None:
        """Take or refuse drops whose checks have answered; the others wait for the next scan."""
        found = self.taker.checks.decided(BATCH)
        self.held.wait(found.waiting)
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
            self.held.keep(work, tries)
            return []
        self._settle([work], reject=kinds[work.claim.id] == taking.REFUSED)
        return []

    def _claim(self, spool: Spool, name: bytes, batch: list[Work], refusals: list[Refusal]) -> None:
        try:
            claim = spool.claim(name)
            if isinstance(claim, Stuck):
                if refusal := self.stuck.refuse(spool, claim, name):
                    refusals.append(refusal)
            elif claim is not None:
                batch.append(Work(spool=spool, claim=claim))
        except HubError as error:  # nothing of this spool can be claimed now
            logger().error("spool unclaimable", tenant=spool.tenant, exc_info=error)
            self.failed = True

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
                for work in batch:
                    self.earlier.add(work.spool, [(work, work.claim.tries)])
            else:
                self.failed = True
                self.held.wait(batch)
            self.stuck.forget(refusals)
            return None
        self._keep(found)
        return found.done

    def _keep(self, found: Sorted) -> None:
        self.failed = self.failed or bool(found.failed or found.unfit)
        self.held.wait(found.waiting)
        self.held.settle(found.settling)
        for work in found.failed:
            self.held.keep(work, work.claim.tries)
        for work, size in found.unfit:
            self.held.unfit(work, size)
        for tenant in self.held.full:
            self.lying.names.forget(tenant)
        for work in found.large:
            self.singles.add(work.spool, [(work, work.claim.tries)])
        self.parked.park(found.parked)
        if found.done:
            self._settle(found.done.finished, reject=False)
            self._settle(found.done.rejected, reject=True)

    def _settle(self, works: Sequence[Work], *, reject: bool) -> None:
        by_spool: dict[int, list[Work]] = {}
        for work in works:
            by_spool.setdefault(id(work.spool), []).append(work)
        for own in by_spool.values():
            spool, claims = own[0].spool, [work.claim for work in own]
            settled = spool.reject(*claims) if reject else spool.finish(*claims)
            ids = {claim.id for claim in settled}
            self._unsettled.extend((work, reject) for work in own if work.claim.id not in ids)


def _turn(tried: Tried) -> str:
    return tried[0].claim.turn


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
