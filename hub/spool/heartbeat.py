"""What a running worker says of itself in its lock file, for `hub doctor` to read.

It is written over once a second and never synced: whoever holds the lock is alive, and what a
power cut leaves of it nobody reads.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

SIZE = 1024  # bytes, always as many, so that no rest of a longer one is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The last turn of a worker's loop. Times are seconds on the clock that no one sets.

    still: since when something of it stands still or fails, by what that is
    """

    at: float
    still: Mapping[str, float] = field(default_factory=dict)

    def written(self) -> bytes:
        """Return it as it stands in the file; of what stands still as much as fits."""
        still = dict(self.still)
        while len(text := json.dumps({"at": self.at, "still": still})) > SIZE:
            still.popitem()
        return text.ljust(SIZE).encode("ascii")

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """Return what stands there; None where it is none, as before the first turn."""
        try:
            found = json.loads(data)
            still = {str(what): float(since) for what, since in found["still"].items()}
            return cls(at=float(found["at"]), still=still)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
