"""What power_cut.py runs in each round: a world on a disk that will lose its power.

`python -m tests.faults.cut prepare PLACE DISK HOME` makes it, `... check DISK HOME PROMISES` holds
the hub to its word after the cut, starts it again and balances; it exits 1 where that fails.

A cut of everything at once hides what the next commit of the database would have saved anyway: on
ext4 each fsync writes the whole file system's journal. So parts of the world lie on the disk alone,
and the rest of the world, which goes on, elsewhere: HOME.
"""

import shutil
import sys
from pathlib import Path

from tests.faults.aftermath import aftermath
from tests.faults.mixture import mixture
from tests.faults.promises import broken
from tests.flow.papers import drop
from tests.flow.posting import LINES, with_post
from tests.flow.world import World

# place -> what lies on the disk: nothing named means all of it
PLACES = {
    "all": (),
    "first": (),
    "spool": ("spool",),
    "mailboxes": ("var/mailboxes",),
    "post": ("print", "printed"),
}


def prepare(place: str, disk: Path, home: Path) -> None:
    """Make a world with drops that wait; but for `first` it has worked before."""
    folder = home if PLACES[place] else disk / "hub"
    if home.exists():
        shutil.rmtree(home)
    world = World.make(folder)
    with_post(world)
    for part in PLACES[place]:
        shutil.move(folder / part, disk / part.rpartition("/")[2])
        (folder / part).symlink_to(disk / part.rpartition("/")[2])
    if place != "first":
        world.put(drop(stem="before"), drop(stem="posted", account="carla", lines=LINES))
        world.once()
    world.put(*mixture())


def check(disk: Path, home: Path, promises: Path) -> list[str]:
    """Return each promise that is not kept; where all are, what does not balance afterwards."""
    world = World(folder=disk / "hub" if (disk / "hub").is_dir() else home)
    lines = promises.read_text("utf-8").splitlines()
    handed_in = len(mixture()) + (
        2 if world.rows("SELECT 1 FROM 'drop' WHERE stem = 'before'") else 0
    )
    return broken(world, lines) or aftermath(world, handed_in)


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "prepare":
        prepare(arguments[0], Path(arguments[1]), Path(arguments[2]))
        sys.exit()
    findings = check(*map(Path, arguments))
    sys.stdout.write("; ".join(findings) or "balanced\n")
    sys.exit(1 if findings else 0)
