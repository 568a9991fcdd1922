"""The only reader of time.

Two clocks: `now()` is the wall clock in UTC, for what is written down and for due times that
survive a restart; `elapsed()` is the clock that no one sets and that goes on while the machine is
suspended (CLOCK_BOOTTIME), for leases and deadlines of calls. The latter is comparable between
processes of one boot; `boot_id` says which boot that is.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What stages need of time; tests bring their own."""

    @property
    def boot_id(self) -> str:
        """Which boot `elapsed` counts in."""
        ...

    def now(self) -> datetime:
        """Return the wall clock's time: aware, UTC."""
        ...

    def elapsed(self) -> float:
        """Return seconds on the clock that counts suspension and is never set."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemClock:
    """The machine's clocks."""

    boot_id: str

    def now(self) -> datetime:
        """Return the wall clock's time: aware, UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Return seconds since boot, suspension included (CLOCK_BOOTTIME)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def on_the_wall(clock: Clock, at: float) -> datetime:
    """Return what the wall clock, as it is set now, shows when `elapsed()` is `at`; now if past."""
    return clock.now() + timedelta(seconds=max(0.0, at - clock.elapsed()))


def system_clock() -> SystemClock:
    """Return the machine's clocks; the boot id is the kernel's."""
    return SystemClock(boot_id=Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
