"""A mailbox over HTTP that answers after 300 ms, through one child; alone, and beside a dead one.

The mailbox is the one that `hub plugin new` makes, with its sandbox, in a Python of its own. The
dead one is the same plugin with an address where a connection is taken and nothing is answered; its
calls hang to their end. Counted are final states of the live one between the first tenth and the
last; the hub takes, seals and writes receipts at the same time, on the same processors.
"""

import argparse
import random
import socket
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.material import drops, machine, options, sample
from bench.material.service import PATIENCE, running

SECONDS = 0.3
DEAD = 200  # notices that wait for the dead one
PAIRS = 3


@contextmanager
def black_hole() -> Iterator[int]:
    """Listen and never answer; give the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def rate(wanted: argparse.Namespace, made: sample.Sample, *, beside: bool) -> float:
    """Return how many notices a second the live mailbox takes."""
    with ExitStack() as stack:
        folder = stack.enter_context(options.own_folder(wanted.folder))
        config, port = drops.first_hub(folder), free_port()
        drops.with_mailbox(config, "live", made.table("live", port))
        if beside:
            hole = stack.enter_context(black_hole())
            drops.with_mailbox(config, "dead", made.table("dead", hole))
        chance = random.Random()  # noqa: S311  # bytes that are fresh
        incoming = drops.spool(folder) / "in"
        for number in range(wanted.notices):
            told = {"account": "anna"}
            if beside and number % (wanted.notices // DEAD) == 0:
                drops.write(incoming, f"d{number:06}", number, chance, scheme="dead", **told)
            drops.write(incoming, f"n{number:06}", number, chance, scheme="live", **told)
        stack.enter_context(sample.sandbox(made, port, SECONDS))
        said = stack.enter_context(running(wanted.hub, config))
        times: list[float] = []
        while len(times) < wanted.notices:
            at, line = said.get(timeout=PATIENCE)
            if line.startswith("final ") and line.endswith(" DEPOSITED\n"):
                times.append(at)
    first, last = len(times) // 10, len(times) * 9 // 10
    return (last - first) / (times[last] - times[first])


def main() -> None:
    """Print both rates and their ratio, medians of pairs made in turn."""
    parser = options.parser(__doc__, notices=2000)
    parser.add_argument("--hub", type=Path, default=Path(sys.executable).with_name("hub"))
    parser.add_argument("--pairs", type=int, default=PAIRS)
    wanted = parser.parse_args()
    print(f"$ {machine.command()}\n{machine.facts(wanted.folder)}", flush=True)
    alone, beside = [], []
    with options.own_folder(wanted.folder) as folder:
        made = sample.install(folder / "sample")
        for _ in range(wanted.pairs):
            alone.append(rate(wanted, made, beside=False))
            beside.append(rate(wanted, made, beside=True))
            print(f"alone {alone[-1]:.0f}/s, beside a dead one {beside[-1]:.0f}/s", flush=True)
    ratios = [one / other for one, other in zip(beside, alone, strict=True)]
    print(
        f"answers after 300 ms, 64 in flight, one child, medians of {wanted.pairs}:\n"
        f"alone              {statistics.median(alone):.0f}/s  to hold: >= 180\n"
        f"beside a dead one  {statistics.median(beside):.0f}/s\n"
        f"ratio              {statistics.median(ratios):.2f}  to hold: >= 0.90"
    )


if __name__ == "__main__":
    main()
