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


def feed(count: int, pace: float, write: Callable[[int], None], begun: dict[str, float]) -> None:
    """Hand in so many notices, at so many a second; note when each was there."""
    start = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, start + number / pace - time.monotonic()))
        write(number)
        begun[f"g{number:06}"] = time.monotonic()


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
        begun: dict[str, float] = {}
        total = wanted.notices + WARM

        def good(number: int) -> None:
            drops.write(incoming, f"g{number:06}", number, one)

        def badly(number: int) -> None:
            drops.write(incoming, f"b{number:06}", number, other, scheme="bad", account="anna")

        feeding = [threading.Thread(target=feed, args=(total, PACE, good, begun), daemon=True)]
        if bad is not None:
            few = (wanted.notices * BAD_PACE // PACE, BAD_PACE, badly, dict[str, float]())
            feeding.append(threading.Thread(target=feed, args=few, daemon=True))
        ended: dict[str, float] = {}
        feeding.pop(0).start()
        while len(ended) < total:
            if feeding and len(ended) >= WARM:
                feeding.pop().start()
            at, line = said.get(timeout=PATIENCE)
            stem = line.rpartition("/")[2].partition(".")[0]
            if line.startswith("receipt ") and stem.startswith("g"):
                ended[stem] = at
    return [ended[stem] - begun[stem] for stem in sorted(ended)[WARM:]]


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
