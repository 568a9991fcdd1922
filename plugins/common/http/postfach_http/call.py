"""One call of a client: how long it may still take, and what of it was sent."""

import time
from collections.abc import Callable


class Call:
    """What a connection needs to know of the call that it works for.

    left: seconds that it may still take
    begun: some of the request was sent
    cut: sending ended before the request did
    """

    __slots__ = ("begun", "cut", "left")

    def __init__(self, left: Callable[[], float]) -> None:
        """Begin it; nothing is sent yet."""
        self.left = left
        self.begun = False
        self.cut = False

    def seconds(self) -> float:
        """Return what is left, more than 0. Raises TimeoutError."""
        left = self.left()
        if left <= 0:
            raise TimeoutError("the call's end")
        return left


def lasting(seconds: float) -> Callable[[], float]:
    """Return a clock that says how much is left of so many seconds from now; suspension counts."""
    end = time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
    return lambda: end - time.clock_gettime(time.CLOCK_BOOTTIME)
