"""What a hostile case cost: `make hostile` makes its page of these.

A case is one property of a test: which kind of attack, the class it must be refused with, its
name, its size, and where they were measured, seconds and memory.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROPERTY = "hostile"
SECONDS, KIB = 2.0, 200 * 1024  # what one case may take: design/security.md
_PEAK = "VmHWM:"

Record = Callable[[str, object], None]  # pytest's record_property


def record_case(  # each is a column of the page
    record: Record,
    kind: str,
    case: str,
    expect: str,
    *,
    size: int | None = None,
    seconds: float | None = None,
    kib: int | None = None,
) -> None:
    """Note a case; `expect`: the classes that are right, the best first; size: bytes."""
    told = {"kind": kind, "case": case, "class": expect.partition("|")[0]}
    measured = {"size": size, "seconds": seconds, "kib": kib}
    record(PROPERTY, json.dumps(told | measured))


@contextmanager
def measured(record: Record, kind: str, case: str, expect: str, size: int) -> Iterator[None]:
    """Measure a case worked in this process, and see that it keeps to the limits."""
    before, begun = _peak_from_now(), time.monotonic()
    yield
    seconds, kib = time.monotonic() - begun, _peak() - before
    record_case(record, kind, case, expect, size=size, seconds=seconds, kib=kib)
    assert seconds < SECONDS
    assert kib < KIB


def _peak_from_now() -> int:
    """Let the kernel count this process's peak of memory anew; return what it is, in KiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(_PEAK))
