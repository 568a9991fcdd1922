"""How many calls a mailbox gets at once: its rate, and one at a time while it shows no life."""

import math
from dataclasses import dataclass

from hub.config import Rate

WARY_AFTER = 20  # answers in a row that took nothing; then one call at a time until one is taken


@dataclass(slots=True)  # fills as time goes
class Bucket:
    """A rate as tokens: as many as `count` lie there, and come back evenly within `per`.

    Times are seconds on the clock that no one sets.
    """

    rate: Rate
    tokens: float
    at: float

    @classmethod
    def full(cls, rate: Rate, now: float) -> "Bucket":
        """Return a bucket with all its tokens."""
        return cls(rate, float(rate.count), now)

    def left(self, now: float) -> int:
        """Return how many calls may leave now."""
        gained = (now - self.at) * self._each_second
        self.tokens, self.at = min(float(self.rate.count), self.tokens + gained), now
        # Sums of fractions fall short by less than this. What was called beyond the rate, as by who
        # asks what came back, leaves less than nothing: none may leave then.
        return max(0, math.floor(self.tokens + 1e-9))

    def take(self, now: float) -> None:
        """Count a call that leaves now."""
        self.left(now)
        self.tokens -= 1.0

    def next_at(self, now: float) -> float:
        """Return when the next call may leave."""
        self.left(now)
        return now + max(0.0, 1.0 - self.tokens) / self._each_second

    @property
    def _each_second(self) -> float:
        return self.rate.count / self.rate.per.total_seconds()


@dataclass(slots=True)  # follows what a mailbox answers
class Trust:
    """Whether a mailbox may have many calls at once.

    After a fault of its own (a closed circuit, deaths of its process) and after WARY_AFTER answers
    in a row that took nothing it gets one call at a time, until one is taken.
    """

    wary: bool = False
    in_vain: int = 0

    def lose(self) -> None:
        """Give it one call at a time from now on."""
        self.wary = True

    def note(self, *, taken: bool) -> None:
        """Note an answer: whether the mailbox took or refused the notice, or could do neither."""
        if taken:
            self.wary, self.in_vain = False, 0
            return
        self.in_vain += 1
        if self.in_vain >= WARY_AFTER:
            self.wary = True
