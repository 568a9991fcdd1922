"""The hub's pipeline: one worker put together as `hub run` does, with the mailbox's real child.

Counted is from the first look into `in/`, with the children started, until the last receipt lies
in `out/` and is marked as written. Barriers are the hub's own and the journal's commits (one
fdatasync of the write-ahead log each); bench/compare.py has the child's and SQLite's, by strace.
"""

import cProfile
import sys
from pathlib import Path

from bench.material import cost, drops, machine, options
from hub import telemetry
from hub.app import worker
from hub.app.loop import TICK, Loop, Parts, end
from hub.app.wake import Wake
from hub.clock import system_clock
from hub.config import load


def run(config: Path, notices: int, profile: Path | None = None) -> cost.Cost:
    """Work all that lies in `in/`.

    profile: where to write what cProfile sees of this process; it slows the run down
    """
    clock, wake = system_clock(), Wake()
    receipts: list[str] = []

    def announce(line: str) -> None:
        if line.startswith("receipt "):
            receipts.append(line)

    with worker(load(config, {}), clock, "bench") as parts:
        loop = Loop(parts=parts, wake=wake, announce=announce)
        loop.begin(once=False)

        def work() -> tuple[int, int]:
            before = _waits(parts)
            loop.scan()
            while len(receipts) < notices:
                if not loop.round():
                    loop.wait(TICK)
                loop.tick()
            parts.outbound.flush()
            after = _waits(parts)
            return after[0] - before[0], after[1] - before[1]

        if profile is None:
            found = cost.measure("hub", notices, work)
        else:
            with cProfile.Profile() as seen:
                found = cost.measure("hub", notices, work)
            seen.dump_stats(profile)
        end(loop, parts.config.hub.stop_grace)
    wake.close()
    return found


def _waits(parts: Parts) -> tuple[int, int]:
    """Return barriers, commits included, and commits of a worker so far."""
    return parts.barriers.total + parts.journal.commits, parts.journal.commits


def main() -> None:
    """Make one run and print what it cost."""
    parser = options.single(__doc__, notices=2000)
    parser.add_argument("--profile", type=Path, help="write a profile of the hub's process there")
    wanted = parser.parse_args()
    telemetry.set_up(sys.stderr, readable=True)
    with options.own_folder(wanted.folder) as folder:
        config = drops.first_hub(folder)
        drops.hand_in(folder, wanted.notices, wanted.seed)
        found = run(config, wanted.notices, wanted.profile)
        cost.check(folder, wanted.notices)
        if not wanted.json:
            print(f"$ {machine.command()}\n{machine.facts(folder)}")
        print(found.to_json() if wanted.json else found.line())


if __name__ == "__main__":
    main()
