"""After a fault: run the hub again, to its end, and balance. For tools that kill from outside.

`python -m tests.faults.aftermath FOLDER HANDED_IN` says what does not balance, and then exits 1.
"""

import sys
from pathlib import Path

from tests.flow.inventory import unbalanced
from tests.flow.world import World


def aftermath(world: World, handed_in: int) -> list[str]:
    """Return what does not balance after one more run."""
    world.once()
    return unbalanced(world, handed_in)


if __name__ == "__main__":
    findings = aftermath(World(folder=Path(sys.argv[1])), int(sys.argv[2]))
    sys.stdout.write("".join(f"{finding}\n" for finding in findings) or "balanced\n")
    sys.exit(1 if findings else 0)
