"""Where the hub may make cgroups (version 2) for its plugins' processes, and what they can limit.

A cgroup ends all that is in it at once, whoever stops, forks or daemonises there; with the
controllers `memory` and `pids` it also limits all of it together. The hub uses the group that it
runs in only if that was given to it: by systemd's `Delegate=yes`, as the root of a container, or
because it belongs to the hub's user. Elsewhere it belongs to the service manager.
"""

import os
import select
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LEAF = "hub"  # the hub's own place, since a group with processes cannot pass controllers on
ROUNDS = 100  # of 20 ms at most
WANTED = ("memory", "pids")


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """A folder of the cgroup file system in which the hub may make groups.

    controllers: those of WANTED that groups made here have
    """

    folder: Path
    controllers: tuple[str, ...]

    def make(self, name: str, memory: int | None, tasks: int | None) -> Path | None:
        """Make a group with its limits; None where that fails: there is the guardian still.

        memory: bytes of all its processes together; tasks: processes and threads
        """
        made = self.folder / name
        try:
            made.mkdir()
            if memory is not None and "memory" in self.controllers:
                (made / "memory.max").write_text(str(memory), "ascii")
            if tasks is not None and "pids" in self.controllers:
                (made / "pids.max").write_text(str(tasks), "ascii")
        except OSError:
            end(made)
            return None
        return made


def end(folder: Path) -> None:
    """End all that is in a group, and remove it; what the guardian has done already is no error."""
    for _ in range(ROUNDS):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # there is something in it still
            with suppress(OSError):
                (folder / "cgroup.kill").write_text("1", "ascii")
            _wait_for_change(folder)
        else:
            return


def _wait_for_change(folder: Path) -> None:
    with suppress(OSError), (folder / "cgroup.events").open("rb") as events:
        events.read()
        select.select([], [], [events], 0.02)


@cache
def groups() -> Groups | None:
    """Return where this process may make groups; None where it may not."""
    return find(_read("/proc/self/cgroup"), _read("/proc/self/mountinfo"))


def find(cgroup: str, mountinfo: str) -> Groups | None:
    """As `groups`, from the texts of /proc/self/cgroup and /proc/self/mountinfo."""
    own = next((line[3:] for line in cgroup.splitlines() if line.startswith("0::")), None)
    mount = next(filter(None, map(_mount, mountinfo.splitlines())), None)
    if own is None or mount is None:
        return None
    root, place = mount
    inside = os.path.relpath(own, root)
    if inside.startswith(".."):  # the group is not to be seen from here
        return None
    folder = Path(os.path.normpath(place / inside))
    if folder.name == LEAF and folder != place:
        folder = folder.parent
    if not (folder / "cgroup.procs").exists() or not _delegated(folder, place):
        return None
    return Groups(folder=folder, controllers=_pass_on(folder))


def _mount(line: str) -> tuple[str, Path] | None:
    """Return root and place of a cgroup2 mount, if the line is one."""
    before, _, after = line.partition(" - ")
    if after.split(" ")[0] != "cgroup2":
        return None
    fields = before.split(" ")
    return fields[3], Path(fields[4])


def _delegated(folder: Path, place: Path) -> bool:
    if not os.access(folder, os.W_OK):
        return False
    if folder == place or (os.geteuid() != 0 and folder.stat().st_uid == os.geteuid()):
        return True
    for name in ("trusted.delegate", "user.delegate"):
        with suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _pass_on(folder: Path) -> tuple[str, ...]:
    """Have groups made in `folder` get the wanted controllers; return those that they have."""
    offered = _read(folder / "cgroup.controllers").split()
    passed = _read(folder / "cgroup.subtree_control").split()
    missing = [name for name in WANTED if name in offered and name not in passed]
    if missing and not _enable(folder, missing):
        with suppress(OSError):
            (folder / LEAF).mkdir(exist_ok=True)
            (folder / LEAF / "cgroup.procs").write_text(str(os.getpid()), "ascii")
            _enable(folder, missing)
    passed = _read(folder / "cgroup.subtree_control").split()
    return tuple(name for name in WANTED if name in passed)


def _enable(folder: Path, names: list[str]) -> bool:
    try:
        (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in names))
    except OSError:  # busy: there are processes in the group itself
        return False
    return True


def _read(file: str | Path) -> str:
    try:
        return Path(file).read_text("ascii")
    except OSError:
        return ""
