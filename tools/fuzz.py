"""Searches for bytes that a parser does not end well with; by hand, as long as wanted.

    python -m tools.fuzz --target envelope --seconds 300    # or --target all
    python -m tools.fuzz --target envelope --replay FILE    # one input again

The parsers, what counts as a fault, and what a search begins with: tests/hostile/parsers.py. With
atheris (`pip install atheris`, no dependency of ours) the search follows the coverage of the
Python code; without it, bytes are spoilt at random, by `--seed`. What was found is written to
fuzz-NAME.bin, and its traceback printed; then the exit status is 1.
"""

import argparse
import importlib.util
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

PATIENCE = 5.0  # seconds that one input may take
PER_TURN = 64  # inputs between two looks at the clock
FOUND = 1
OURS = (
    *("http", "fitconnect", "mail", "mailbox", "check_clamd"),
    *("mailbox_bundid", "mailbox_directory", "mailbox_muk", "mailbox_postal"),
)
INSTRUMENTED = ("hub", *(f"postfach_{each}" for each in OURS), "h11", "tomllib", "email", "joserfc")


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", default="all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--plain", action="store_true", help="without atheris, also if it is there")
    return parser.parse_args()


def at_random(name: str, seconds: float, seed: int) -> int:
    """Spoil at random until the time is up; return the exit status."""
    from tests.hostile import parsers, seeds  # noqa: PLC0415  # atheris instruments it first

    dice, known = random.Random(seed), parsers.seeds_of(name)  # noqa: S311  # no secret
    end, tried, slowest = time.monotonic() + seconds, 0, 0.0
    while time.monotonic() < end:
        for _ in range(PER_TURN):
            data = seeds.spoilt(dice.choice(known), dice)
            begun = time.monotonic()
            try:
                parsers.TARGETS[name].parse(data)
            except Exception:  # noqa: BLE001  # finding any is what this is for
                return _told(name, data)
            slowest = max(slowest, time.monotonic() - begun)
            if slowest > PATIENCE:
                return _told(name, data)
            tried += 1
    print(f"{name}: {tried} inputs in {seconds:.0f} s, seed {seed}, slowest {slowest:.3f} s: none")
    return 0


def _told(name: str, data: bytes) -> int:
    place = Path(f"fuzz-{name}.bin")
    place.write_bytes(data)
    traceback.print_exc()
    print(f"{name}: a fault; its input is in {place}")
    return FOUND


def by_coverage(name: str, seconds: float) -> int:
    """Let atheris search in a process of its own; it ends the process that it runs in."""
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, "-m", "tools.fuzz", "--target", f"@{name}"]
        ended = subprocess.run(
            [*command, "--replay", corpus, "--seconds", str(seconds)], check=False
        )
    return FOUND if ended.returncode else 0


def search(name: str, corpus: Path, seconds: float) -> None:
    """Be that process. Does not return."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        from tests.hostile import parsers, seeds  # noqa: PLC0415  # instrumented as it loads
    seeds.corpus(corpus, iter(parsers.seeds_of(name)))
    flags = [f"-max_total_time={seconds:.0f}", f"-timeout={PATIENCE:.0f}", "-rss_limit_mb=1024"]
    prefix = f"-artifact_prefix=fuzz-{name}-"
    atheris.Setup(
        [sys.argv[0], *flags, prefix, "-print_final_stats=1", str(corpus)],
        parsers.TARGETS[name].parse,
        enable_python_coverage=True,
    )
    atheris.Fuzz()


def main() -> int:
    """Search, or replay."""
    given = options()
    if given.target.startswith("@"):
        search(given.target[1:], given.replay, given.seconds)
    from tests.hostile import parsers  # noqa: PLC0415  # after search, which instruments it

    if given.replay is not None:
        parsers.TARGETS[given.target].parse(given.replay.read_bytes())
        return 0
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**32)
    names = list(parsers.TARGETS) if given.target == "all" else [given.target]
    covered = importlib.util.find_spec("atheris") is not None and not given.plain
    codes = [
        by_coverage(name, given.seconds) if covered else at_random(name, given.seconds, seed)
        for name in names
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
