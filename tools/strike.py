"""Strikes the hub with all long tests of tests/faults and reports: `make faults`.

    strike.py [MODULE[:TESTS] ...]

MODULE: such as `sweep` for tests/faults/test_sweep.py; none stands for all. TESTS: of its tests
only those whose names have this in them (pytest's -k). Each is a run of its own, two at a time:
they wait for hubs to start and for their own pauses half of the time. Results stay in .faults; the
page docs/reference/faults.md is made from all that are there, and says of each which version it
struck. So one can be run again, or the rest later: `make faults ONLY="sweep:batch power"`.

Exit: 0 all tests passed; 1 not so; 2 there is no such module.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

# Run as a script, its folder is the first on the path, and not the checkout's root.
sys.path.insert(0, str(Path(__file__).parents[1]))
from tools import fault_report

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "faults"
RESULTS = ROOT / ".faults"
LONGEST = ("sweep", "power", "overload", "random", "restore", "damage")  # begin first


def modules() -> list[str]:
    """Return the names of all modules with tests, those that take longest first."""
    found = sorted(file.stem.removeprefix("test_") for file in TESTS.glob("test_*.py"))
    return sorted(found, key=lambda name: name not in LONGEST)


def version() -> str:
    """Return the commit that is struck, and `-dirty` where the checkout differs from it."""
    told = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unversioned"


def strike(part: str, struck: str) -> None:
    """Run long tests; leave the results in .faults, if there are any, and say how it ended."""
    begun = time.monotonic()
    module, _, tests = part.partition(":")
    if not tests:  # it stands for its parts
        for old in RESULTS.glob(f"{module}:*.xml"):
            old.unlink()
    log, results = RESULTS / f"{part}.log", RESULTS / f"{part}.xml"
    command = [
        *(sys.executable, "-m", "pytest", str(TESTS / f"test_{module}.py"), "-m", "long"),
        *("-k", tests, "-o", f"junit_suite_name={struck}", f"--junit-xml={results}"),
    ]
    with log.open("wb") as output:
        ended = subprocess.run(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if ended.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
        results.unlink(missing_ok=True)
        return
    [*_, last] = log.read_text(encoding="utf-8", errors="replace").splitlines() or ["no output"]
    print(f"{part}: {last.strip('= ')} ({time.monotonic() - begun:.0f} s, {log})", flush=True)


def main(named: Sequence[str]) -> int:
    """Run the named modules, or all; write the page; return the exit code."""
    known = modules()
    if wrong := {part.partition(":")[0] for part in named} - set(known):
        print(f"no such module: {', '.join(sorted(wrong))}; there are {', '.join(known)}")
        return 2
    RESULTS.mkdir(exist_ok=True)
    if not named:
        for old in RESULTS.glob("*.xml"):
            old.unlink()
    struck = version()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda part: strike(part, struck), named or known))
    runs = fault_report.write(RESULTS)
    print(f"{fault_report.PAGE}: {sum(len(run.cases) for run in runs)} tests")
    return int(any(run.failed for run in runs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
