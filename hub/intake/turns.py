"""Queues that are served in turn: a flood in one of them makes no other wait."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hub.spool import Spool

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)  # queues
class Turns(Generic[T]):
    """What waits, by tenant and procedure: one of each tenant in turn, of its procedures too."""

    _tenants: dict[str, dict[str, deque[T]]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._tenants)

    def add(self, spool: Spool, items: Iterable[T]) -> None:
        """Put items behind those of the same procedure."""
        if items := deque(items):
            procedures = self._tenants.setdefault(spool.tenant, {})
            procedures.setdefault(spool.procedure, deque()).extend(items)

    def pop(self) -> T:
        """Take out the first of the procedure whose turn it is. Raises LookupError: none waits."""
        if not self._tenants:
            raise LookupError("nothing waits")
        # A dict keeps the order of insertion: whoever was served goes behind the others.
        tenant = next(iter(self._tenants))
        procedures = self._tenants.pop(tenant)
        procedure = next(iter(procedures))
        queue = procedures.pop(procedure)
        item = queue.popleft()
        if queue:
            procedures[procedure] = queue
        if procedures:
            self._tenants[tenant] = procedures
        return item

    def holds(self, spool: Spool) -> bool:
        """Whether anything of a procedure waits."""
        return spool.procedure in self._tenants.get(spool.tenant, {})

    def forget(self, tenant: str | None = None) -> None:
        """Forget what waits: of a tenant, or all."""
        if tenant is None:
            self._tenants.clear()
        else:
            self._tenants.pop(tenant, None)
