"""Where tests find the material that lies beside the checkout, in the folder `shared`.

Hostile input, sample PDFs, foreign schemas, programs that make faults. It is no part of the
repository: a test that needs it says so in its result when it is absent. POSTFACH_SHARED names
another place.
"""

import csv
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("POSTFACH_SHARED", ROOT.parent / "shared"))


def shared(part: str) -> Path:
    """Return the file or folder `part` of the shared material; skip the test where it is absent."""
    place = SHARED / part
    if not place.exists():
        pytest.skip(f"shared/{part}: not there, not checked")
    return place


def rows(part: str) -> list[dict[str, str]]:
    """Return the lines of the tab separated index `part`, for parametrize; none where it is absent.

    Meant for collection time, where skipping would hide the rest of the module. pytest then
    reports the one empty parameter set as a skipped test.
    """
    try:
        with (SHARED / part).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except FileNotFoundError:
        return []
