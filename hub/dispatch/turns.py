"""Who goes next at a mailbox at which more is due than it takes now.

Tenants take turns, and of each tenant what goes for the first time and what was tried before. What
a crash left behind has a turn of its own. So neither a flood of one tenant, nor a heap of what was
deferred while the mailbox was away, nor a stream of new notices keeps the others waiting.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Protocol

from hub.journal import Row
from hub.model import State

SUSPECT = ""  # stands where a tenant's name does, for what a crash left behind


class Due(Protocol):
    """Gives what is due of a tenant, longest first: what goes for the first time, or the others."""

    def __call__(self, tenant: str, limit: int, *, first: bool) -> Sequence[Row]:
        """Return at most `limit` rows."""
        ...


@dataclass(slots=True, kw_only=True)  # remembers whose turn it was
class Turns:
    """The turns at one mailbox."""

    _count: int = 0
    _served: dict[str, int] = field(default_factory=dict)
    _tried_next: set[str] = field(default_factory=set)

    def choose(
        self,
        longest: Sequence[Row],
        tenants: Iterable[str],
        suspects: Sequence[Row],
        due: Due,
    ) -> list[Row]:
        """Return as many rows as places are free, and note whose turn it was.

        longest: those longest due, one for each free place, if nobody took turns
        tenants: those of which something is due; suspects: at most one
        """
        free = len(longest)
        names = sorted([*tenants, *([SUSPECT] if suspects else [])], key=self._last)
        names = names[:free]
        share = -(-free // max(1, len(names)))
        queues = [
            suspects if name == SUSPECT else self._of_tenant(name, share, due) for name in names
        ]
        rounds = zip_longest(*queues)
        chosen = [row for one in rounds for row in one if row is not None][:free]
        ids = {row.id for row in chosen}
        chosen += [row for row in longest if row.id not in ids][: free - len(chosen)]
        for row in chosen:
            self._note(row)
        return chosen

    def _last(self, name: str) -> int:
        return self._served.get(name, 0)

    def _of_tenant(self, tenant: str, share: int, due: Due) -> list[Row]:
        """Return what is due of a tenant, new and tried in turn."""
        kinds = [due(tenant, share, first=first) for first in (True, False)]
        if tenant in self._tried_next:
            kinds.reverse()
        mixed = [row for pair in zip_longest(*kinds) for row in pair if row is not None]
        return mixed[:share]

    def _note(self, row: Row) -> None:
        self._count += 1
        name = SUSPECT if row.suspect else row.tenant
        self._served[name] = self._count
        if not row.suspect and row.state == State.SEALED:
            self._tried_next.add(name)
        else:
            self._tried_next.discard(name)
