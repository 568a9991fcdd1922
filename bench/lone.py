"""One lone notice and a hub that has nothing else to do: from rename in `in/` to receipt in `out/`.

The hub is a `hub run --announce` of its own; it names a receipt once its file is on the disk for
good, so what is measured ends a little after the file can be seen. Between two notices the hub goes
to sleep; the pauses differ, since a watch of the file system may answer differently soon after.
"""

import argparse
import random
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.material import drops, machine, options
from bench.material.service import PATIENCE, running

if TYPE_CHECKING:
    from queue import Queue

PAUSES = (0.02, 0.8)  # seconds, least and most: on both sides of watchdog's half second
WARM = 5  # notices that do not count: the first ones fill caches


def lone(
    incoming: Path, number: int, chance: random.Random, said: "Queue[tuple[float, str]]"
) -> float:
    """Hand in one notice; return the seconds until its receipt."""
    stem = f"n{number:06}"
    drops.write(incoming, stem, number, chance)
    begun = time.monotonic()  # the rename is the last thing that `write` does
    while True:
        at, line = said.get(timeout=PATIENCE)
        if line.startswith("receipt ") and f"/{stem}." in line:
            return at - begun


def measured(wanted: argparse.Namespace) -> list[float]:
    """Return the seconds of each notice that counts."""
    chance = random.Random()  # noqa: S311  # pauses, and bytes that are fresh
    with options.own_folder(wanted.folder) as folder:
        config = drops.first_hub(folder)
        incoming = drops.spool(folder) / "in"
        with running(wanted.hub, config) as said:
            found = []
            for number in range(wanted.notices + WARM):
                found.append(lone(incoming, number, chance, said))
                time.sleep(chance.uniform(*PAUSES))
    return found[WARM:]


def main() -> None:
    """Print median and 95th percentile."""
    parser = options.parser(__doc__, notices=100)
    parser.add_argument("--hub", type=Path, default=Path(sys.executable).with_name("hub"))
    wanted = parser.parse_args()
    print(f"$ {machine.command()}\n{machine.facts(wanted.folder)}", flush=True)
    seconds = measured(wanted)
    cuts = statistics.quantiles(seconds, n=20)
    print(
        f"one lone notice, rename in in/ to receipt in out/, {len(seconds)} times:\n"
        f"median {statistics.median(seconds) * 1000:.1f} ms  to hold: <= 25\n"
        f"p95    {cuts[-1] * 1000:.1f} ms  to hold: <= 60\n"
        f"most   {max(seconds) * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()
