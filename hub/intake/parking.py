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
    _waiting: dict[str, deque[Work]] = field(default_factory=dict)

    def park(self, works: Iterable[Work]) -> None:
        """Keep drops until there is a place; waiting is no crash, so it counts no try."""
        for work in works:
            self._waiting.setdefault(work.spool.tenant, deque()).append(work.untried())

    @property
    def ready(self) -> bool:
        """Whether a parked drop finds a place now."""
        return any(self._places(tenant) for tenant in self._waiting)

    def leave(self, at_most: int) -> list[Work]:
        """Return parked drops for which there is a place now, of one tenant."""
        for tenant in self._waiting:
            if count := min(self._places(tenant), at_most):
                works = self._waiting.pop(tenant)
                self._waiting[tenant] = works  # behind the others: each tenant has its turn
                return [works.popleft() for _ in range(count)]
        return []

    def _places(self, tenant: str) -> int:
        return (
            min(len(works), self.checks.places(tenant)) if (works := self._waiting[tenant]) else 0
        )
