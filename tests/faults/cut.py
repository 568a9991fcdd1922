"""What power_cut.py runs in each round: a world on a disk that will lose its power.

`python -m tests.faults.cut prepare PLACE DISK HOME` makes it. `... check PLACE DISK HOME PROMISES`
holds the hub to its word after the cut, starts it again and balances; it exits 1 if that fails.

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
from tests.faults.sweep import SMALL
from tests.flow.papers import Drop, drop
from tests.flow.posting import LINES, with_post
from tests.flow.world import World

# place -> what lies on the disk: nothing named means all of it. `letter` and `status` are handed in
# alone: of several one makes the others durable.
PLACES = {
    "all": (),
    "first": (),
    "spool": ("spool",),
    "mailboxes": ("var/mailboxes",),
    "post": ("print", "printed"),
    "letter": ("var/mailboxes",),
    "status": ("var/mailboxes",),
}


def drops(place: str) -> list[Drop]:
    """Return what is handed in before the power goes."""
    made = mixture()
    return {"letter": made[2:3], "status": made[-2:-1]}.get(place, made)


def prepare(place: str, disk: Path, home: Path) -> None:
    """Make a world with drops that wait; but for `first` it has worked before."""
    folder = home if PLACES[place] else disk / "hub"
    if home.exists():
        shutil.rmtree(home)
    world = World.make(folder)
    with_post(world)
    world.configure(*SMALL)
    for part in PLACES[place]:
        shutil.move(folder / part, disk / part.rpartition("/")[2])
        (folder / part).symlink_to(disk / part.rpartition("/")[2])
    if place != "first":
        world.put(drop(stem="before"), drop(stem="posted", account="carla", lines=LINES))
        world.once()
    world.put(*drops(place))


def check(place: str, disk: Path, home: Path, promises: Path) -> list[str]:
    """Return each promise that is not kept; where all are, what does not balance afterwards."""
    world = World(folder=home if PLACES[place] else disk / "hub")
    lines = promises.read_text("utf-8").splitlines()
    handed_in = len(drops(place)) + (0 if place == "first" else 2)
    return broken(world, lines) or aftermath(world, handed_in)


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "prepare":
        prepare(arguments[0], Path(arguments[1]), Path(arguments[2]))
        sys.exit()
    findings = check(arguments[0], *map(Path, arguments[1:]))
    sys.stdout.write("; ".join(findings) or "balanced\n")
    sys.exit(1 if findings else 0)
