"""What a hostile case cost: `make hostile` makes its page of these.

A case is one property of a test: which kind of attack, the class it must be refused with, its
name, its size, and where they were measured, seconds and memory.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PROPERTY = "hostile"
SECONDS = 2.0  # that one case may take: design/security.md

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
    """Measure a case worked in this process, and see that it keeps to the limit."""
    begun = time.monotonic()
    yield
    seconds = time.monotonic() - begun
    record_case(record, kind, case, expect, size=size, seconds=seconds)
    assert seconds < SECONDS
