"""One batch: from claims to a commit, or back to claims that wait."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime

from hub.clock import Clock
from hub.durable import Disk
from hub.errors import NoticeRefused, StorageFailed
from hub.intake.checks import Checks
from hub.intake.commit import Committer, Done
from hub.intake.drops import Acceptable, Checked, Opened, Refusal, Repeat, Waits, Work
from hub.intake.layers import Layers, references
from hub.intake.preparing import Preparer, Sealed
from hub.intake.settling import Settling
from hub.journal import taking
from hub.model import Kind
from hub.room import LARGE, VAULT, Room
from hub.segment import Segment, sync_together
from hub.telemetry import logger
from postfach_mailbox import Capabilities

SEALED = 2  # times an envelope's size: what its content and its seal take in the vault


@dataclass(slots=True, kw_only=True)  # filled while the batch is sorted
class Sorted:
    """A batch by what became of each drop.

    settling: not looked at yet; parked: nor these, of tenants whose checks have no place free
    unfit: nor these, for which the vault has no room, with the bytes they need
    asked: how many are before their checks now; left: bytes that the vault has room for
    """

    opened: list[Opened] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    waiting: list[Work] = field(default_factory=list)
    settling: list[Work] = field(default_factory=list)
    failed: list[Work] = field(default_factory=list)
    large: list[Work] = field(default_factory=list)
    parked: list[Work] = field(default_factory=list)
    unfit: list[tuple[Work, int]] = field(default_factory=list)
    asked: int = 0
    left: int = 0
    done: Done | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """What working a batch needs.

    told: gives the mailboxes' capabilities as they are known now
    """

    layers: Layers
    preparer: Preparer
    committer: Committer
    clock: Clock
    settling: Settling
    disk: Disk
    told: Callable[[], Mapping[str, Capabilities | None]]
    checks: Checks
    room: Room

    def take(
        self,
        batch: Sequence[Work],
        refusals: Sequence[Refusal] = (),
        passed: Sequence[Checked] = (),
    ) -> Sorted:
        """Work a batch to its commit. Raises StorageFailed, SealUnavailable: nothing is committed.

        refusals: what was refused before it was opened, or by a check
        passed: drops that passed all their checks; their segments stay the caller's to close
        """
        found = Sorted(refusals=list(refusals), left=self.room.left(VAULT).size)
        for work in batch:
            self._open(work, found)
        now = self.clock.now()
        with self.preparer.vault.segment() as segment:
            self._sort(found, segment, now)
            kept = [one.segment for one in passed if self._seal(one.drop, found, segment, now)]
            if not (found.sealed or found.repeats or found.refusals):
                return found
            works = (
                *batch,
                *(one.work for one in refusals),
                *(one.drop.opened.work for one in passed),
            )
            folders = {fd for work in works for fd in work.spool.folders.barrier()}
            if folders:
                self.disk.sync([], sorted(folders))
            sync_together(self.disk, [*kept, segment])
            found.done = self.committer.commit(found.sealed, found.repeats, found.refusals, now)
        return found

    def _open(self, work: Work, found: Sorted) -> None:
        def layer() -> None:
            opened = self.layers.open(work)
            if isinstance(opened, Refusal):
                found.refusals.append(opened)
            else:
                found.opened.append(opened)

        self._guarded(work, found, layer)

    def _sort(self, found: Sorted, segment: Segment, now: datetime) -> None:
        with self.committer.journal.read() as connection:
            known = taking.known(connection, [one.identity for one in found.opened])
        for opened in found.opened:
            notice = known.get(opened.identity)
            same = (opened.work.spool.procedure, opened.envelope_sha256)
            checked = _may_hold_harm(opened) and bool(self.checks.of(opened.work.spool.tenant))
            if notice and (notice.procedure, notice.envelope_sha256) == same:
                _take_along(opened)
                found.repeats.append(Repeat(opened=opened, notice_id=notice.id))
            elif not self.settling.complete(opened):
                found.settling.append(opened.work)
            elif checked and self.checks.leaves(opened.work):
                _take_along(opened)
                found.waiting.append(opened.work)
            elif checked and not self.checks.takes(opened.work):
                _take_along(opened)  # so that they need not stand still again
                found.parked.append(opened.work)
            elif (size := _size(opened)) > found.left:
                _take_along(opened)  # so that they need not stand still again
                found.unfit.append((opened.work, size))
            elif len(found.opened) > 1 and _is_large(opened):
                found.large.append(opened.work)
            else:
                found.left -= size
                if checked:
                    self._check(opened, found)
                else:
                    self._examine(opened, found, segment, now)

    def _examine(self, opened: Opened, found: Sorted, segment: Segment, now: datetime) -> None:
        def layer() -> None:
            match self.layers.examine(opened, segment, self.told()):
                case Acceptable() as drop:
                    found.sealed.append(self.preparer.seal(drop, segment, now))
                case Refusal() as refusal:
                    found.refusals.append(refusal)
                case Waits() as waits:
                    logger().info("drop waits", claim=waits.work.claim.id)
                    found.waiting.append(waits.work)

        self._guarded(opened.work, found, layer)

    def _check(self, opened: Opened, found: Sorted) -> None:
        """Examine a drop, its documents in a segment of its own, and ask its checks about it."""

        def layer() -> None:
            with ExitStack() as undo:
                segment = undo.enter_context(self.preparer.vault.segment())
                match self.layers.examine(opened, segment, self.told()):
                    case Acceptable() as drop:
                        self.checks.ask(drop, segment)
                        undo.pop_all()
                        found.asked += 1
                    case Refusal() as refusal:
                        found.refusals.append(refusal)
                    case Waits() as waits:
                        logger().info("drop waits", claim=waits.work.claim.id)
                        found.waiting.append(waits.work)

        self._guarded(opened.work, found, layer)

    def _seal(self, drop: Acceptable, found: Sorted, segment: Segment, now: datetime) -> bool:
        """Seal a drop that passed its checks; False where it waits instead.

        One whose mailbox has told since what it can do is checked against that, as a new one is.
        """
        if not drop.told and self.told().get(drop.mailbox) is not None:
            found.waiting.append(drop.opened.work)
            return False
        before = len(found.sealed)

        def layer() -> None:
            found.sealed.append(self.preparer.seal(drop, segment, now))

        self._guarded(drop.opened.work, found, layer)
        return len(found.sealed) > before

    def _guarded(self, work: Work, found: Sorted, layer: Callable[[], None]) -> None:
        """Keep one drop's failure from its batch: it waits, and a bug's third time refuses it."""
        try:
            layer()
        except StorageFailed as error:
            logger().error("drop unreadable", claim=work.claim.id, exc_info=error)
            found.failed.append(work)
        except Exception as error:  # noqa: BLE001  # whatever a drop's bytes bring out must not stop the others
            logger().error("drop failed", claim=work.claim.id, exc_info=error)
            counted = Work(spool=work.spool, claim=work.spool.count_try(work.claim))
            found.failed.append(counted)


def _may_hold_harm(opened: Opened) -> bool:
    """Whether checks look at it: a status has no document, and its texts are a few words."""
    return opened.notice.kind is Kind.NOTICE


def _take_along(opened: Opened) -> None:
    """Claim a drop's documents; one that cannot be moved stays where it is."""
    for n, reference in references(opened):
        with suppress(NoticeRefused):
            opened.work.spool.claim_document(opened.work.claim, n, reference)


def _is_large(opened: Opened) -> bool:
    return any(one.size > LARGE for one in opened.notice.documents)


def _size(opened: Opened) -> int:
    """Return how many bytes a drop takes in the vault, as its envelope announces: within limits."""
    return sum(one.size for one in opened.notice.documents) + SEALED * len(opened.envelope)
