"""A kit that exempts itself from what it does not keep, as far as that goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postfach_mailbox.testkit import Bench
from postfach_mailbox.testkit.fake import FakeFarSide


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    config = {"path": str(folder), "repeat": "IDEMPOTENT", "defect": "deposits"}
    yield Bench(config=config, far_side=FakeFarSide(folder), folder=folder)
