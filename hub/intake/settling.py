"""Drops of transfers that cannot rename: taken once they have stood still for a while.

What counts is since when the hub itself saw a file unchanged (preserved mtimes must not fool it),
on the clock that no one sets. A referenced document that is not there yet is waited for, ten times
as long; then the drop is examined as it is, and refused. After a restart the waits begin anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from hub.clock import Clock
from hub.config import Config
from hub.intake.drops import Opened
from hub.intake.layers import references
from hub.spool import Claim, Signature, Spool

PATIENCE = 10  # times `settle` that a missing document is waited for


@dataclass(slots=True, kw_only=True)  # remembers what it saw, and when
class Settling:
    """Who stood still since when; for one worker."""

    config: Config
    clock: Clock
    _seen: dict[tuple[str, str, bytes], tuple[Signature, float]] = field(default_factory=dict)
    _claimed: dict[str, float] = field(default_factory=dict)

    def still(
        self, spool: Spool, names: Sequence[bytes], *, known_only: bool = False
    ) -> list[bytes]:
        """Return those of the names that may be claimed now.

        known_only: look only at names that were seen before
        """
        settle = self._settle(spool)
        if not settle:
            return [] if known_only else list(names)
        if known_only:
            here = (spool.tenant, spool.procedure)
            names = [name for name in names if (*here, name) in self._seen]
        prefix = (spool.tenant, spool.procedure)
        there = set(names)
        gone = [key for key in self._seen if key[:2] == prefix and key[2] not in there]
        for key in gone:
            if key[2].endswith(b".xml"):
                del self._seen[key]
        return [name for name in names if self._stands(spool, name, settle)]

    def complete(self, opened: Opened) -> bool:
        """Return whether a claimed drop may be examined: its documents there and standing still."""
        spool, claim = opened.work.spool, opened.work.claim
        settle = self._settle(spool)
        if not settle:
            return True
        since = self._claimed.setdefault(claim.id, self.clock.elapsed())
        patient = self.clock.elapsed() - since < PATIENCE * settle.total_seconds()
        missing = moving = False
        for n, reference in references(opened):
            if spool.has_document(claim, n):
                continue
            if spool.standing(reference) is None:
                missing = True
            elif not self._stands(spool, reference.encode("ascii"), settle):
                moving = True
        if patient and (missing or moving):
            return False
        self._claimed.pop(claim.id, None)
        for _, reference in references(opened):
            self._seen.pop((spool.tenant, spool.procedure, reference.encode("ascii")), None)
        return True

    def awaits(self, claim: Claim) -> bool:
        """Whether a claimed drop was not complete when it was looked at last."""
        return claim.id in self._claimed

    @property
    def pending(self) -> bool:
        """Whether something was seen that may still settle; `run --once` waits for it."""
        return bool(self._seen or self._claimed)

    def _stands(self, spool: Spool, name: bytes, settle: timedelta) -> bool:
        key, now = (spool.tenant, spool.procedure, name), self.clock.elapsed()
        found = spool.standing(name)
        if found is None:
            self._seen.pop(key, None)
            return False
        known = self._seen.get(key)
        if known is None or known[0] != found:
            self._seen[key] = (found, now)
            return False
        if now - known[1] < settle.total_seconds():
            return False
        self._seen.pop(key, None)
        return True

    def _settle(self, spool: Spool) -> timedelta:
        return self.config.tenants[spool.tenant].procedures[spool.procedure].settle
