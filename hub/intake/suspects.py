"""Drops at which a check's process dies: asked about alone, then seldom; the others go on.

    died with several before it -> each of them asked about alone -> died at one three times
    -> that one waits as a claim, and is asked about again every SELDOM seconds

Nothing passes by that, and nothing is refused. `hub doctor` names what is asked about seldom. Only
a death counts: a check that is too slow, or undecided, is asked again as ever.

Crash safety: deaths are counted in the journal, so that the next start goes on counting.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hub.caution import Caution
from hub.clock import Clock
from hub.errors import HubError
from hub.host import Fault
from hub.telemetry import logger

STAGE = "check"  # as deaths are counted, with `<check>:<claim>`
SELDOM = 900.0  # seconds between two questions about a drop at which it died three times
WATCHED = 300.0  # seconds from a death in which a check is asked about one drop at a time


@dataclass(slots=True, kw_only=True)  # what is known
class Suspects:
    """What the checks of one worker died at."""

    caution: Caution
    clock: Clock
    _watched: dict[tuple[str, str], float] = field(default_factory=dict)
    _again: dict[tuple[str, str], float] = field(default_factory=dict)

    def leaves(self, check: str, claim: str) -> bool:
        """Whether a drop is not asked about now, since the check died at it again and again."""
        if not self.caution.leaves(STAGE, _name(check, claim)):
            return False
        now = self.clock.elapsed()
        return now < self._again.setdefault((check, claim), now + SELDOM)

    def meet(self, check: str, claim: str) -> None:
        """Take up a drop that is to be asked about: one that was in hand at a death comes alone."""
        if self.caution.counted(STAGE, _name(check, claim)):
            self._watched.setdefault((check, claim), self.clock.elapsed() + WATCHED)

    def singly(self, check: str) -> bool:
        """Whether a check is asked about one drop at a time."""
        now = self.clock.elapsed()
        self._watched = {key: until for key, until in self._watched.items() if until > now}
        return any(name == check for name, _ in self._watched)

    def lives(self, check: str, claim: str) -> None:
        """Forget what was counted of a drop: the check has answered."""
        self._watched.pop((check, claim), None)
        self._again.pop((check, claim), None)
        try:
            self.caution.over(STAGE, _name(check, claim))
        except HubError as error:  # it is counted for nothing: the drop is decided
            logger().error("death not forgotten", plugin=check, claim=claim, exc_info=error)

    def died(self, check: str, claims: Sequence[str], fault: Fault) -> None:
        """Note that a check's process is gone, with these drops before it.

        One of several is counted once for that: only what it dies at alone is known.
        """
        if fault is Fault.DEADLINE:
            return
        counted = [one for one in claims if len(claims) == 1 or self._is_new(check, one)]
        now = self.clock.elapsed()
        for one in claims:
            self._watched[check, one] = now + WATCHED
        try:
            if counted:
                self.caution.count(STAGE, [_name(check, one) for one in counted])
        except HubError as error:  # it counts when it happens again
            logger().error("death not counted", plugin=check, exc_info=error)
            return
        for one in claims:
            if self.caution.leaves(STAGE, _name(check, one)):
                del self._watched[check, one]
                self._again[check, one] = now + SELDOM
                logger().error("drop set aside - the check dies at it", plugin=check, claim=one)

    def _is_new(self, check: str, claim: str) -> bool:
        return not self.caution.counted(STAGE, _name(check, claim))

    def forget(self, checks: Iterable[str], claim: str) -> None:
        """Forget a drop that is decided, whatever other checks died at it."""
        for check in checks:
            self.lives(check, claim)


def _name(check: str, claim: str) -> str:
    return f"{check}:{claim}"
