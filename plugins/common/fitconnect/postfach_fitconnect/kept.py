"""What is kept of answers for a while, so that not each notice asks for it anew."""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST: Final = 512


class Kept(Generic[K, V]):
    """A bounded number of values, each for so many seconds. Safe for threads."""

    def __init__(self, seconds: float, most: int = _MOST) -> None:
        """Keep nothing yet."""
        self._seconds, self._most = seconds, most
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return a value that is not too old."""
        with self._lock:
            value, since = self._values.get(key, (None, 0.0))
            return value if since + self._seconds > _now() else None

    def put(self, key: K, value: V) -> None:
        """Keep a value; the one that came first goes."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = (value, _now())
            while len(self._values) > self._most:
                self._values.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value."""
        with self._lock:
            self._values.pop(key, None)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
