"""Queues that are served in turn: a flood in one of them makes no other wait."""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hub.spool import Spool

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)  # queues
class Turns(Generic[T]):
    """What waits, by tenant and procedure: one of each tenant in turn, of its procedures too.

    order: by what those of one procedure go; without it as they came
    """

    order: Callable[[T], str] | None = None
    _tenants: dict[str, dict[str, deque[T]]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._tenants)

    def add(self, spool: Spool, items: Iterable[T]) -> None:
        """Put items with those of the same procedure: behind them, unless there is an order."""
        if items := deque(items):
            procedures = self._tenants.setdefault(spool.tenant, {})
            queue = procedures.setdefault(spool.procedure, deque())
            queue.extend(items)
            if self.order:
                procedures[spool.procedure] = deque(sorted(queue, key=self.order))

    def pop(self, *, behind: "Turns[Any] | None" = None) -> T | None:
        """Take out the first of the procedure whose turn it is.

        behind: a procedure of which anything waits there has no turn here
        None: none waits, or none has its turn.
        """
        # A dict keeps the order of insertion: whoever was served goes behind the others.
        for tenant, procedures in self._tenants.items():
            ahead = behind.waiting(tenant) if behind else ()
            for procedure in procedures:
                if procedure not in ahead:
                    return self._take(tenant, procedure)
        return None

    def _take(self, tenant: str, procedure: str) -> T:
        procedures = self._tenants.pop(tenant)
        queue = procedures.pop(procedure)
        item = queue.popleft()
        if queue:
            procedures[procedure] = queue
        if procedures:
            self._tenants[tenant] = procedures
        return item

    def holds(self, spool: Spool) -> bool:
        """Whether anything of a procedure waits."""
        return spool.procedure in self.waiting(spool.tenant)

    def waiting(self, tenant: str) -> Collection[str]:
        """Return the procedures of a tenant of which anything waits."""
        return self._tenants.get(tenant, {}).keys()

    def forget(self, tenant: str | None = None) -> None:
        """Forget what waits: of a tenant, or all."""
        if tenant is None:
            self._tenants.clear()
        else:
            self._tenants.pop(tenant, None)
