"""Poison: something at which the hub fails, or dies, again and again is set aside; the rest flows.

A stage hands over what it found, and how a batch of it is worked. Where a hub that had not ended
came before, each batch of the first minute is counted durably before it is worked, and forgotten
when that went well: so the next start knows what was in hand when the hub died, and works each of
that alone. What merely raises is counted too. The third time it is set aside: a notice is held,
anything else left alone; `hub doctor` names it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from hub.clock import Clock
from hub.errors import HubError
from hub.journal import Journal, tries, workers
from hub.journal.recovery import CRASHES
from hub.seal import SealUnavailable
from hub.telemetry import logger

Item = TypeVar("Item")
FRESH = 60.0  # seconds after a death in which what is in hand is counted beforehand


@dataclass(slots=True, kw_only=True)  # what has failed
class Caution:
    """Knows what was in hand when something failed. For one worker, one thread."""

    journal: Journal
    clock: Clock
    _known: dict[tuple[str, str], int] = field(default_factory=dict)
    _until: float = 0.0

    def begin(self) -> None:
        """Learn whether a hub died, and what was in hand then. Raises StorageFailed."""
        self.learn()
        with self.journal.read() as connection:
            died = workers.unended(connection)  # one that works beside us looks the same
        for (stage, name), tried in self._known.items():
            if tried >= CRASHES:
                logger().error("set aside - it failed again and again", stage=stage, code=name)
        if died:
            self._until = self.clock.elapsed() + FRESH

    def learn(self) -> None:
        """Learn what others have counted meanwhile. Raises StorageFailed."""
        with self.journal.read() as connection:
            self._known = tries.known(connection)

    def work(
        self,
        stage: str,
        items: Sequence[Item],
        act: Callable[[Sequence[Item]], object],
        *,
        name: Callable[[Item], object],
        aside: Callable[[Item], None] | None = None,
    ) -> None:
        """Work items together, and each of those alone that were in hand when something failed.

        name: what tells an item from the others of this stage, over restarts
        aside: what is done with one at its third time; None: it is left alone
        Raises StorageFailed, SealUnavailable, as `act` does.
        """
        fresh = [one for one in items if not self._tries(stage, name(one))]
        if fresh:
            self._together(stage, fresh, act, name)
        for one in items:
            if (tried := self._tries(stage, name(one))) >= CRASHES and aside:
                aside(one)
                self._forget(stage, [name(one)])
            elif 0 < tried < CRASHES and one not in fresh:
                self._together(stage, [one], act, name)

    def leaves(self, stage: str, name: object) -> bool:
        """Whether something is left alone by now."""
        return self._tries(stage, name) >= CRASHES

    def counted(self, stage: str, name: object) -> bool:
        """Whether something was in hand at a failure."""
        return self._tries(stage, name) > 0

    def count(self, stage: str, names: Sequence[object]) -> None:
        """Count a try of each, durably. Raises StorageFailed."""
        with self.journal.write() as tx:
            tries.count(tx, stage, [str(one) for one in names])
        for one in names:
            self._known[stage, str(one)] = self._tries(stage, one) + 1

    def over(self, stage: str, name: object) -> None:
        """Forget what was counted of something that went well. Raises StorageFailed."""
        if self._tries(stage, name):
            self._forget(stage, [name])

    def _together(
        self,
        stage: str,
        batch: Sequence[Item],
        act: Callable[[Sequence[Item]], object],
        name: Callable[[Item], object],
    ) -> None:
        names = [name(one) for one in batch]
        beforehand = self.clock.elapsed() < self._until or self._tries(stage, names[0]) > 0
        if beforehand:
            self.count(stage, names)
        try:
            act(batch)
        except (HubError, SealUnavailable):  # of the disk, the database, the seal: not of an item
            with suppress(HubError):
                if beforehand:
                    self._forget(stage, names)
            raise
        except Exception as error:  # noqa: BLE001  # whatever an item brings out must not stop the others
            if len(batch) > 1:
                for one in batch:
                    self._together(stage, [one], act, name)
                return
            logger().error("work failed", stage=stage, code=str(names[0]), exc_info=error)
            if not beforehand:
                self.count(stage, names)
        else:
            if beforehand:
                self._forget(stage, names)

    def _tries(self, stage: str, name: object) -> int:
        return self._known.get((stage, str(name)), 0)

    def _forget(self, stage: str, names: Sequence[object]) -> None:
        with self.journal.write() as tx:
            tries.over(tx, stage, [str(one) for one in names])
        for one in names:
            self._known.pop((stage, str(one)), None)
