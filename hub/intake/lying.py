"""What lies in `in/` and is not claimed: what a scan saw, each procedure in its turn."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hub.errors import HubError
from hub.intake.holding import Tried
from hub.intake.settling import Settling
from hub.intake.turns import Turns
from hub.journal import Journal, pauses
from hub.spool import Spool
from hub.telemetry import logger


@dataclass(slots=True, kw_only=True)  # a queue
class Lying:
    """The names of one worker's last scans. For one thread."""

    spools: Sequence[Spool]
    settling: Settling
    journal: Journal
    names: Turns[tuple[Spool, bytes]] = field(default_factory=Turns)
    unreadable: bool = False  # whether a folder could not be looked at

    def look(self, *, known_only: bool = False, without: frozenset[str] = frozenset()) -> None:
        """Look into each spool of which all is worked off that was seen before.

        known_only: take no name that this look is the first to see
        without: tenants of which nothing is to be claimed now
        """
        without |= self._paused()  # their drops stay where they lie
        for spool in self.spools:
            if self.names.holds(spool):
                continue
            try:
                names = [] if spool.tenant in without else spool.scan()
                still = self.settling.still(spool, names, known_only=known_only)
            except HubError as error:  # one folder out of order stops no other
                logger().error("spool unreadable", tenant=spool.tenant, exc_info=error)
                self.unreadable = True
                self.settling.still(spool, [])  # nobody waits for what cannot be seen
                continue
            self.names.add(spool, ((spool, name) for name in still))

    def draw(self, at_most: int, *, behind: Turns[Tried]) -> Iterator[tuple[Spool, bytes]]:
        """Give the next names, of each tenant and procedure in turn.

        behind: drops that go before what lies in `in/` of their procedure
        """
        for _ in range(at_most):
            if (drawn := self.names.pop(behind=behind)) is None:
                return
            yield drawn

    def leave(self) -> bool:
        """Forget all names, to be seen again later; whether anything lies there."""
        lay = bool(self.names)
        self.names.forget()
        if not lay:
            paused = self._paused()
            for spool in self.spools:
                with suppress(HubError):
                    lay = lay or (spool.tenant not in paused and bool(spool.scan()))
        return lay

    def _paused(self) -> frozenset[str]:
        with self.journal.read() as connection:
            return pauses.names(connection).tenants
