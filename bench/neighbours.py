"""A paced load, and what a bad mailbox beside it does to the 95th percentile of the others' times.

100 notices a second go to a good mailbox, `directory`; each is timed from its rename in `in/` until
the hub names its receipt. In turn without and with a bad mailbox: one that is away, and those of
tests/foreign/hostile that do one bad thing each. It gets five notices a second, from when the
first good ones, which do not count, have shown that the hub is at work.
"""

import argparse
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.material import drops, machine, options
from bench.material.service import PATIENCE, running
from tests.foreign import environment

PACE, BAD_PACE = 100, 5  # notices a second
WARM = 300  # notices that do not count
LEVEL = 20  # so many on their way mean that the hub has worked off what waited while it started
PAIRS = 5
BAD = ("away", "abort", "hang", "garbage", "bomb", "gorge")
HOSTILE = """\
plugin = "hostile"
python = "{python}"
scheme = "bad"
call_timeout = "3s"
memory = "512MiB"
[mailboxes.bad.config]
act = "{act}"
path = "{path}"
"""
AWAY = """\
plugin = "directory"
scheme = "bad"
[mailboxes.bad.config]
path = "{path}"
"""


def feed(
    pace: float, write: Callable[[int], None], begun: list[float], enough: threading.Event
) -> None:
    """Hand in notices, so many a second, until it is enough; note when each was there."""
    start = time.monotonic()
    while not enough.wait(max(0.0, start + len(begun) / pace - time.monotonic())):
        write(len(begun))
        begun.append(time.monotonic())


def times(wanted: argparse.Namespace, python: Path, bad: str | None) -> list[float]:
    """Return the seconds of each good notice, handed in at a pace."""
    with ExitStack() as stack:
        folder = stack.enter_context(options.own_folder(wanted.folder))
        config, incoming = drops.first_hub(folder), drops.spool(folder) / "in"
        if bad is not None:
            path = folder / "bad"  # without the marker of a `directory`: away
            path.mkdir()
            table = AWAY if bad == "away" else HOSTILE
            drops.with_mailbox(config, "bad", table.format(python=python, act=bad, path=path))
        said = stack.enter_context(running(wanted.hub, config))
        one, other = random.Random(), random.Random()  # noqa: S311  # bytes that are fresh
        enough = threading.Event()

        def good(number: int) -> None:
            drops.write(incoming, f"g{number:06}", number, one)

        def badly(number: int) -> None:
            drops.write(incoming, f"b{number:06}", number, other, scheme="bad", account="anna")

        def start(pace: float, write: Callable[[int], None]) -> list[float]:
            begun: list[float] = []
            feeder = threading.Thread(target=feed, args=(pace, write, begun, enough), daemon=True)
            stack.callback(feeder.join)
            stack.callback(enough.set)
            feeder.start()
            return begun

        begun, ended = start(PACE, good), dict[int, float]()
        first = None  # number of the first notice that counts
        while first is None or not ended.keys() >= set(range(first, first + wanted.notices)):
            if first is None and len(ended) >= WARM and len(begun) - len(ended) <= LEVEL:
                first = len(begun)
                if bad is not None:
                    start(BAD_PACE, badly)
            at, line = said.get(timeout=PATIENCE)
            stem = line.rpartition("/")[2].partition(".")[0]
            if line.startswith("receipt ") and stem.startswith("g"):
                ended[int(stem[1:])] = at
    return [ended[number] - begun[number] for number in range(first, first + wanted.notices)]


def p95(seconds: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(seconds, n=20)[-1]


def main() -> None:
    """Print the 95th percentile alone and beside each, and their ratio, medians of pairs."""
    parser = options.parser(__doc__, notices=1000)
    parser.add_argument("--hub", type=Path, default=Path(sys.executable).with_name("hub"))
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--bad", nargs="*", default=BAD, help=f"of {', '.join(BAD)}")
    wanted = parser.parse_args()
    print(f"$ {machine.command()}\n{machine.facts(wanted.folder)}", flush=True)
    with options.own_folder(wanted.folder) as folder:
        python = environment.make(folder / "hostile", environment.HOSTILE)
        for bad in wanted.bad:
            pairs = [
                (p95(times(wanted, python, None)), p95(times(wanted, python, bad)))
                for _ in range(wanted.pairs)
            ]
            alone, beside = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
            ratio = statistics.median(second / first for first, second in pairs)
            print(
                f"{bad:8} p95 alone {alone:.0f} ms, beside it {beside:.0f} ms,"
                f" ratio {ratio:.2f}  to hold: <= 1.20",
                flush=True,
            )


if __name__ == "__main__":
    main()
