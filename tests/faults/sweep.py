"""A world that is made anew for each fault, and the commands that a fault tool needs for it."""

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.flow.papers import drop
from tests.flow.posting import LINES, with_post
from tests.flow.world import HUB, World

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A world with one notice handed in; `seed` is the copy that each fault starts from."""

    world: World
    seed: Path
    handed_in: int

    @classmethod
    def make(cls, folder: Path, *, fresh: bool = False, post: bool = False) -> Self:
        """Make it; the fault strikes a notice to a mailbox.

        fresh: it may strike the hub's very first start; else it has worked before
        post: the notice fails, and goes to a print service
        """
        world = World.make(folder / "hub")
        if post:
            with_post(world)
        if not fresh:
            world.put(drop(stem="before"))
            world.once()
        world.put(drop(stem="one", account="carla", lines=LINES) if post else drop(stem="one"))
        seed = folder / "seed"
        shutil.copytree(world.folder, seed)
        return cls(world=world, seed=seed, handed_in=1 if fresh else 2)

    def command(self, tool: Path, *arguments: str) -> list[str]:
        """Return the command that strikes at each point of one run."""
        python = shlex.quote(sys.executable)
        place = shlex.quote(str(self.world.folder))
        check = f"cd {ROOT} && {python} -m tests.faults.aftermath {place} {self.handed_in}"
        return [
            sys.executable,
            str(tool),
            "--prepare",
            self._prepare(),
            "--run",
            f"{shlex.quote(str(HUB))} --config {place}/hub.toml run --once",
            "--check",
            check,
            "--under",
            str(self.world.folder),
            "--quiet",
            *arguments,
        ]

    def _prepare(self) -> str:
        # The folders stay: an `out/` with another inode would be another folder to the hub.
        place, seed = shlex.quote(str(self.world.folder)), shlex.quote(str(self.seed))
        emptied = f"{place}/var {place}/spool/.workers {place}/spool/*/*/.claimed"
        if (self.world.folder / "print").is_dir():
            emptied += f" {place}/print {place}/printed"
        return (
            f"mkdir -p {place}/spool/.workers"
            f" && find {emptied} -mindepth 1 -delete"
            f" && find {place} ! -type d -delete && cp -a {seed}/. {place}"
        )
