"""Drops that wait for a place before their checks, as claims: by tenant, each in its turn."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from hub.intake.checks import Checks
from hub.intake.drops import Work


@dataclass(slots=True, kw_only=True)  # a queue
class Parking:
    """The drops of one worker that no check has a place for; no envelope of them is in memory."""

    checks: Checks
    _waiting: dict[str, deque[tuple[Work, int]]] = field(default_factory=dict)

    def park(self, works: Iterable[Work]) -> None:
        """Keep drops until there is a place.

        Waiting is no crash, so no try counts meanwhile; `leave` tells how many there were.
        """
        for work in works:
            waiting = self._waiting.setdefault(work.spool.tenant, deque())
            waiting.append((work.untried(), work.claim.tries))

    @property
    def ready(self) -> bool:
        """Whether a parked drop finds a place now."""
        return any(self._places(tenant) for tenant in self._waiting)

    @property
    def coming(self) -> bool:
        """Whether a parked drop finds a place as soon as its checks' rates allow."""
        return any(works and self.checks.room(tenant) for tenant, works in self._waiting.items())

    def leave(self, at_most: int) -> list[tuple[Work, int]]:
        """Return parked drops for which there is a place now, of one tenant, with their tries.

        One that had tries comes alone.
        """
        for tenant in self._waiting:
            if count := min(self._places(tenant), at_most):
                works = self._waiting.pop(tenant)
                self._waiting[tenant] = works  # behind the others: each tenant has its turn
                left = [works.popleft()]
                while len(left) < count and not left[-1][1] and not works[0][1]:
                    left.append(works.popleft())
                return left
        return []

    def _places(self, tenant: str) -> int:
        return (
            min(len(works), self.checks.places(tenant)) if (works := self._waiting[tenant]) else 0
        )
