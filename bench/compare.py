"""The hub beside its floor: alternating pairs on the same fresh material, medians of ratios.

Each run is a process of its own in a folder of its own. Absolute figures move with the machine; the
ratios of one pair hold. What the limits mean: docs/reference/performance.md.
"""

import argparse
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.material import machine, options
from bench.material.cost import Cost

HERE = Path(__file__).parent
WAITS = ("fsync", "fdatasync", "syncfs", "sync_file_range", "sync", "msync")
COUNTED = (100, 600)  # notices of two traced runs: their difference leaves start and end out


def once(script: str, wanted: argparse.Namespace, seed: int) -> Cost:
    """Make one run of a script in a process of its own."""
    return Cost.from_json(_output([], script, wanted.folder, wanted.notices, seed))


def pairs(wanted: argparse.Namespace) -> list[tuple[Cost, Cost]]:
    """Make the runs: floor and hub on the same material, each first in turn."""
    found = []
    for number in range(wanted.pairs):
        seed = secrets.randbits(32)
        order = ("floor", "pipeline") if number % 2 == 0 else ("pipeline", "floor")
        costs = {script: once(script, wanted, seed) for script in order}
        floor, hub = costs["floor"], costs["pipeline"]
        found.append((floor, hub))
        print(
            f"pair {number + 1}: floor {floor.rate:.0f}/s, {floor.cpu:.2f} ms CPU a notice; "
            f"hub {hub.rate:.0f}/s, {hub.cpu:.2f} ms, of it {hub.children * 1000 / hub.notices:.2f}"
            f" in the mailbox's child; ratios {hub.rate / floor.rate:.2f} and "
            f"{hub.cpu / floor.cpu:.2f}",
            flush=True,
        )
    return found


def traced(folder: Path) -> dict[str, float] | None:
    """Return barriers per notice of all processes by kind, by strace; None where there is none."""
    if shutil.which("strace") is None:
        return None
    few, many = (_traced(folder, notices) for notices in COUNTED)
    more = COUNTED[1] - COUNTED[0]
    return {call: (many[call] - few.get(call, 0)) / more for call in many}


def _traced(folder: Path, notices: int) -> dict[str, int]:
    with tempfile.NamedTemporaryFile("r", encoding="ascii") as table:
        calls = f"trace={','.join(WAITS)}"
        strace = ["strace", "-f", "-qq", "-c", "--seccomp-bpf", "-e", calls, "-o", table.name]
        _output(strace, "pipeline", folder, notices, secrets.randbits(32))
        # % time, seconds, usecs/call, calls, errors or nothing, syscall
        lines = re.findall(
            r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", table.read(), re.MULTILINE
        )
    return {call: int(count) for count, call in lines if call != "total"}


def _output(before: list[str], script: str, folder: Path, notices: int, seed: int) -> str:
    command = [*before, sys.executable, str(HERE / f"{script}.py"), "--json"]
    command += ["--folder", str(folder), "--notices", str(notices), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stderr}")
    return done.stdout


def middle(values: Sequence[float]) -> str:
    """Return median, least and most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Print the pairs, and medians beside what is to hold."""
    parser = options.parser(__doc__, notices=1000)
    parser.add_argument("--pairs", type=int, default=5, help="how many pairs of runs, 1 or more")
    wanted = parser.parse_args()
    print(f"$ {machine.command()}\n{machine.facts(wanted.folder)}", flush=True)
    found = pairs(wanted)
    hubs = [hub for _, hub in found]
    own = statistics.median(hub.barriers / hub.notices for hub in hubs)
    floors = statistics.median(floor.barriers / floor.notices for floor, _ in found)
    commits = statistics.median(hub.commits / hub.notices for hub in hubs)
    rates = middle([hub.rate / floor.rate for floor, hub in found])
    cpu = middle([hub.cpu / floor.cpu for floor, hub in found])
    print(f"\nmedians of {len(found)} pairs, {wanted.notices} notices of 50 KB, batch 50")
    print(f"notices a second, hub / floor    {rates}  to hold: >= 0.60")
    print(f"CPU a notice, hub / floor        {cpu}  to hold: <= 2.0")
    print(f"barriers a notice, hub's process {own:.3f}, floor {floors:.3f}  to hold: <= 0.3")
    print(f"commits a notice                 {commits:.3f}")
    if (kinds := traced(wanted.folder)) is None:
        print("barriers a notice by strace      not counted: strace is not installed")
        return
    parts = ", ".join(f"{kind} {count:.3f}" for kind, count in sorted(kinds.items()))
    print(f"barriers a notice by strace      {sum(kinds.values()):.3f}, with the child: {parts}")


if __name__ == "__main__":
    main()
