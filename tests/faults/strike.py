"""kill_at_syscall.py for a share of its points, so that a long sweep goes on in several processes.

`python -m tests.faults.strike TOOL SHARE SHARES ...` takes the tool's own arguments after these.
`python -m tests.faults.strike TOOL kill WHEN RUN PREPARE UNDER` kills once, and leaves it so.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TRIES = 10  # points that may not be met by a run, one after the other


def load(tool: Path) -> Any:
    """Return the tool as a module; it strikes at syncfs too, the hub's barrier."""
    spec = importlib.util.spec_from_file_location("kill_at_syscall", tool)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.__dict__["CALLS"] += ",syncfs"
    return module


def sweep(tool: Path, share: int, shares: int, arguments: list[str]) -> int:
    """Strike at every `shares`-th point, from number `share` on; return the tool's exit code."""
    module = load(tool)
    every = module.points

    def points(log: str, under: list[str]) -> tuple[list[tuple[str, int]], dict[Any, str]]:
        chosen, names = every(log, under)
        return chosen[share::shares], names

    module.points = points
    return int(module.run(arguments))


def kill(tool: Path, when: float, run: str, prepare: str, under: str) -> int:
    """Kill the run at one of its points; `when`: 0 the first, to 1. Return 0 if it was killed."""
    module = load(tool)
    with TemporaryDirectory() as folder:
        log, traced = f"{folder}/strace", ["-e", f"trace={module.CALLS}"]
        module.strace(run, log, traced)
        points, _ = module.points(log, [under])
        first = int(when * len(points))
        for number in range(first, max(-1, first - TRIES), -1):  # a run may make a few calls less
            call, nth = points[number]
            subprocess.run(["sh", "-c", prepare], check=True)
            inject = ["-e", f"inject={call}:signal=KILL:when={nth}"]
            if module.strace(run, log, [*traced, *inject]).returncode:
                return 0
        return 1


if __name__ == "__main__":
    tool, mode, *more = sys.argv[1:]
    if mode == "kill":
        sys.exit(kill(Path(tool), float(more[0]), *more[1:]))
    sys.exit(sweep(Path(tool), int(mode), int(more[0]), more[1:]))
