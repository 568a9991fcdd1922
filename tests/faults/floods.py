"""A hub with two authorities, one of which floods it; and a small disk for a hub."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.papers import Drop, Paper, drop
from tests.flow.world import World

OTHER = """
[tenants.wismar]
mailboxes = ["archive", "citizens"]
[tenants.wismar.procedures.meldeamt]
authors = ["ags:130030000000"]
"""


def with_neighbour(world: World) -> World:
    """Add an authority with a procedure of its own; return the hub as that procedure sees it."""
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(OTHER)
    own = Neighbour(folder=world.folder, program=world.program)
    shutil.copytree(world.procedure, own.procedure, ignore=shutil.ignore_patterns("*.xml*"))
    for name, mode in {"in": 0o2770, "out": 0o2770, "rejected": 0o2750}.items():
        (own.procedure / name).chmod(mode)
    return own


class Neighbour(World):
    """The hub as wismar/meldeamt sees it."""

    @property
    def procedure(self) -> Path:
        return self.folder / "spool" / "wismar" / "meldeamt"


def flood(number: int, **told: str) -> Iterator[Drop]:
    """Give so many small drops, each a single file."""
    paper = Paper(inline=True)
    return (drop(paper, stem=f"f{n:06d}", **told) for n in range(number))


def peak_memory(pid: int) -> int:
    """Return the most memory that a process ever had, in MiB (VmHWM: ru_maxrss outlives exec)."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of so many megabytes; skips where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts: not checked")
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    made = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"mount: not allowed here, not checked ({made.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def heavy(number: int, size: int, stem: str = "h") -> Iterable[Drop]:
    """Give so many drops with one document of so many bytes."""
    paper = Paper(data=b"%PDF-1.4\n" + bytes(size))
    return (replace(drop(paper, stem=f"{stem}{n:03d}")) for n in range(number))


def lines_with(world: World, words: str) -> Callable[[], int]:
    """Return a function that counts the lines of the hub's log that hold these words."""
    return lambda: (world.folder / "log").read_text("utf-8").count(words)
