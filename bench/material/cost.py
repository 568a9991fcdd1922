"""What a run costs: seconds, CPU of this process and of its children, barriers, commits."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from bench.material import drops
from hub import schemas
from hub.seal import verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a run cost.

    seconds: wall clock; own, children: CPU seconds; barriers: waits for the disk of this process,
    commits included; commits: of the journal
    """

    name: str
    notices: int
    seconds: float
    own: float
    children: float
    barriers: int
    commits: int

    @property
    def rate(self) -> float:
        """Notices a second."""
        return self.notices / self.seconds

    @property
    def cpu(self) -> float:
        """CPU milliseconds per notice, of this process and its children."""
        return (self.own + self.children) * 1000 / self.notices

    def line(self) -> str:
        """Return the figures on one line, for a person."""
        own, children = (part * 1000 / self.notices for part in (self.own, self.children))
        return (
            f"{self.name}: {self.notices} notices, {self.rate:.0f}/s, "
            f"CPU {self.cpu:.2f} ms a notice (own {own:.2f}, children {children:.2f}), "
            f"{self.barriers / self.notices:.3f} barriers and "
            f"{self.commits / self.notices:.3f} commits a notice"
        )

    def to_json(self) -> str:
        """Return it for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was used up by now."""

    wall: float
    own: float
    children: float

    @classmethod
    def now(cls) -> Self:
        """Read the clocks; children: those that live, to the nanosecond."""
        used = [time.clock_gettime(_cpu_clock(pid)) for pid in children()]
        return cls(wall=time.monotonic(), own=time.process_time(), children=sum(used))


def measure(name: str, notices: int, work: Callable[[], tuple[int, int]]) -> Cost:
    """Return what `work` costs; it returns its barriers and commits. Its children live on."""
    before = Moment.now()
    barriers, commits = work()
    after = Moment.now()
    return Cost(
        name=name,
        notices=notices,
        seconds=after.wall - before.wall,
        own=after.own - before.own,
        children=after.children - before.children,
        barriers=barriers,
        commits=commits,
    )


def children(of: int | str = "self") -> list[int]:
    """Return the ids of the processes that one started, and these in turn, and that live."""
    tasks = Path(f"/proc/{of}/task").iterdir()
    own = [int(pid) for task in tasks for pid in (task / "children").read_text("ascii").split()]
    return [*own, *(below for pid in own for below in children(pid))]


def _cpu_clock(pid: int) -> int:
    # clock_getcpuclockid(3): the clock of all threads of a process, CPUCLOCK_SCHED of linux/time.h
    return ~pid << 3 | 2


def check(folder: Path, notices: int) -> None:
    """Raise unless each notice lies in the mailbox and has a good receipt."""
    letters = os.listdir(drops.account(folder))  # noqa: PTH208  # names only, as many as they are
    receipts = sorted((drops.spool(folder) / "out").glob("*.01.deposited.xml"))
    if (len(letters), len(receipts)) != (notices, notices):
        raise AssertionError(f"{len(letters)} letters, {len(receipts)} receipts, not {notices}")
    for receipt in receipts[:: max(1, notices // 10)]:
        data = receipt.read_bytes()
        verify(data, (folder / "keys" / "ca.pem",))
        schemas.schema("receipt").assertValid(schemas.parse(data))
