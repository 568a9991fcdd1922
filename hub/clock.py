"""The only reader of time.

Two clocks: `now()` is the wall clock in UTC, for what is written down and for due times that
survive a restart; `elapsed()` is the clock that no one sets and that goes on while the machine is
suspended (CLOCK_BOOTTIME), for leases and deadlines of calls. The latter is comparable between
processes of one boot; `boot_id` says which boot that is.

A test may let the wall clock run faster (HUB_TEST_CLOCK). The journal refuses such a clock unless
its database was made for it, and refuses every other one then.
"""

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

TEST = "HUB_TEST_CLOCK"  # as `48 2026-02-03T10:00:00+00:00`: how fast, and when it shows the truth
FORM = re.compile(r"(?P<speed>[1-9][0-9]{0,3}) (?P<meets>\S{10,40}[+-]\d\d:\d\d)")


class Clock(Protocol):
    """What stages need of time; tests bring their own."""

    @property
    def boot_id(self) -> str:
        """Which boot `elapsed` counts in."""
        ...

    @property
    def speed(self) -> int:
        """How many seconds the wall clock shows in one second of `elapsed`: 1 but in tests."""
        ...

    @property
    def mark(self) -> str:
        """What its database must be marked with; empty for the machine's clock."""
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
    speed: int = 1
    mark: str = ""

    def now(self) -> datetime:
        """Return the wall clock's time: aware, UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Return seconds since boot, suspension included (CLOCK_BOOTTIME)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class FastClock:
    """A test's clock: its wall clock runs `speed` times as fast, and is right at `meets`.

    Before that it is slow, so that what it writes into receipts lies in the past for who reads them
    with a clock of their own. Deadlines of calls and leases are about real processes: unchanged.
    """

    real: SystemClock
    speed: int
    meets: datetime

    @property
    def boot_id(self) -> str:
        """The machine's boot."""
        return self.real.boot_id

    @property
    def mark(self) -> str:
        """How it runs, as HUB_TEST_CLOCK says it."""
        return f"{self.speed} {self.meets.isoformat()}"

    def now(self) -> datetime:
        """Return the test's time: aware, UTC."""
        return self.meets + (self.real.now() - self.meets) * self.speed

    def elapsed(self) -> float:
        """Return seconds since boot, suspension included: not faster."""
        return self.real.elapsed()


def on_the_wall(clock: Clock, at: float) -> datetime:
    """Return what the wall clock, as it is set now, shows when `elapsed()` is `at`; now if past."""
    return clock.now() + timedelta(seconds=max(0.0, at - clock.elapsed())) * clock.speed


def system_clock(environ: Mapping[str, str] = os.environ) -> Clock:
    """Return the machine's clocks, or those of a test; the boot id is the kernel's.

    Where HUB_TEST_CLOCK does not say how fast, and when right, it is the machine's under a mark
    that no database has, so that the journal refuses it.
    """
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    told = environ.get(TEST, "")
    if found := FORM.fullmatch(told):
        with suppress(ValueError):
            meets = datetime.fromisoformat(found["meets"]).astimezone(UTC)
            return FastClock(
                real=SystemClock(boot_id=boot_id), speed=int(found["speed"]), meets=meets
            )
    return SystemClock(boot_id=boot_id, mark=told)
