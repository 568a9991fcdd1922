"""After a fault: run the hub again, to its end, and balance. For tools that kill from outside.

`python -m tests.faults.aftermath FOLDER HANDED_IN [CODE]` says what does not balance, and then
exits 1; else how many drops and notices the fault had left unfinished. CODE: the file in which the
run that was struck left its exit code.
"""

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.flow.inventory import unbalanced
from tests.flow.world import World

OPEN = "SELECT count(*) FROM notice WHERE state NOT IN ('DEPOSITED', 'FAILED', 'UNRESOLVED')"
HUNG, BUG = 124, 70  # exit codes: of `timeout`, and of the hub where it does not know an error


def aftermath(world: World, handed_in: int) -> list[str]:
    """Return what does not balance after one more run, and then what that run said: in one line."""
    said = world.hub("run", "--once", "--announce").stderr
    found = unbalanced(world, handed_in)
    return [*found, f"said by the hub: {' | '.join(said.splitlines())}"] if found else []


def unfinished(world: World) -> int:
    """Return how many drops and notices have not come to their end.

    The database is looked at as a copy: to open it would mend what the hub has to mend.
    """
    drops = [*(world.procedure / "in").glob("*.xml"), *world.procedure.glob(".claimed/*/*.xml")]
    with TemporaryDirectory() as folder:
        for file in (world.folder / "var").glob("hub.db*"):
            shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / "hub.db")) as database:
            try:
                return len(drops) + int(database.execute(OPEN).fetchone()[0])
            except sqlite3.OperationalError:  # not made yet
                return len(drops)


def _ended(code: Path) -> Iterator[str]:
    """Look at the exit code of the run that was struck; none where all of it was killed."""
    found = code.read_text("ascii").strip() if code.exists() else ""
    if found in (str(HUNG), str(BUG)):
        yield f"unexpected: the run ended with {found}"


if __name__ == "__main__":
    found, codes = World(folder=Path(sys.argv[1])), [Path(code) for code in sys.argv[3:]]
    left = unfinished(found)
    findings = [each for code in codes for each in _ended(code)]
    findings += aftermath(found, int(sys.argv[2]))
    sys.stdout.write("; ".join(findings) or f"balanced, recovered {left}\n")
    sys.exit(1 if findings else 0)
