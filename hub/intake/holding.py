"""Drops that wait as claims: for a mailbox's word, a document, a check, the disk, or for room."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.clock import Clock
from hub.intake.drops import Work
from hub.intake.settling import Settling
from hub.room import VAULT, Room
from hub.telemetry import logger

Tried = tuple[Work, int]  # a drop, and the tries that count when it is worked
MANY = 50  # drops of a tenant that wait for room; then no more of it are claimed


@dataclass(slots=True, kw_only=True)  # a queue
class Holding:
    """What one worker has claimed and cannot work now.

    again: seconds between two tries of what waits
    """

    settling: Settling
    clock: Clock
    room: Room
    again: float
    _waiting: list[Tried] = field(default_factory=list)
    _unfit: list[tuple[Work, int]] = field(default_factory=list)
    _again_at: float = 0.0

    def wait(self, works: Sequence[Work]) -> None:
        """Keep drops to be tried again; waiting is no crash, so it counts no try."""
        self._waiting.extend((work.untried(), 0) for work in works)

    def settle(self, works: Sequence[Work]) -> None:
        """Keep drops that are not complete yet; their tries count when they are."""
        self._waiting.extend((work.untried(), work.claim.tries) for work in works)

    def keep(self, work: Work, tries: int) -> None:
        """Keep a drop with its tries."""
        self._waiting.append((work, tries))

    def unfit(self, work: Work, size: int) -> None:
        """Keep a drop until the vault has room for it; `size` in bytes."""
        logger().warning("drop waits for room", claim=work.claim.id, bytes=size)
        self._unfit.append((work, size))

    @property
    def full(self) -> frozenset[str]:
        """Tenants of which so many drops wait for room that no more are to be claimed."""
        counts = Counter(work.spool.tenant for work, _ in self._unfit)
        return frozenset(tenant for tenant, count in counts.items() if count >= MANY)

    def due(self) -> list[Tried]:
        """Take out what is to be tried again now: what settles each time, the rest in due time."""
        now, tried = self.clock.elapsed(), list[Tried]()
        due = now >= self._again_at
        if due:  # a little early, so that the rescan itself never comes too soon
            self._again_at = now + 0.9 * self.again
            tried += self._fitting()
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            again = due or self.settling.awaits(one[0].claim)
            (tried if again else self._waiting).append(one)
        return tried

    def _fitting(self) -> list[Tried]:
        """Take out of those that wait for room as many as fit now, the first first."""
        left, fitting, unfit = self.room.left(VAULT).size, list[Tried](), self._unfit
        self._unfit = []
        for work, size in unfit:
            if size <= left:
                fitting.append((work, work.claim.tries))
                left -= size
            else:
                self._unfit.append((work, size))
        return fitting
