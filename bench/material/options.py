"""The options that each benchmark takes."""

import argparse
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BATCH = 50


def parser(text: str | None, *, notices: int) -> argparse.ArgumentParser:
    """Return a parser with the options of all; `text`: what the script says of itself."""
    made = argparse.ArgumentParser(description=(text or "").split("\n", 1)[0])
    made.add_argument("--notices", type=int, default=notices, help="how many in one run")
    made.add_argument(
        "--folder",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108  # what is made in it has a name of its own
        help="a folder on the disk to measure on",
    )
    return made


def single(text: str | None, *, notices: int) -> argparse.ArgumentParser:
    """Return a parser for a script that makes one run."""
    made = parser(text, notices=notices)
    made.add_argument("--seed", type=int, default=secrets.randbits(32), help="names the material")
    made.add_argument("--json", action="store_true", help="print for another program")
    return made


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for one run, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="postfach-bench-", dir=parent) as name:
        yield Path(name)
