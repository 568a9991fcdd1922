"""A world that is made anew for each fault, and the commands that a fault tool needs for it."""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tests.faults.mixture import mixture
from tests.flow.papers import Drop, drop
from tests.flow.posting import LINES, with_post
from tests.flow.world import HUB, World

ROOT = Path(__file__).parents[2]
# For a world on a disk that is smaller than what the hub leaves free.
SMALL = ("[seal]", '[limits]\nfree_space = "1KiB"\n[seal]')
HANGS = 100  # seconds after which a run that is struck counts as hanging


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep did: faults that struck, and drops and notices that they left unfinished."""

    struck: int
    recovered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A world with drops handed in; `seed` is the copy that each fault starts from."""

    world: World
    seed: Path
    handed_in: int

    @classmethod
    def make(cls, folder: Path, kind: str) -> Self:
        """Make it.

        kind: `first`: the hub starts for the first time, with one notice; `used`: it has worked
            before; `post`: the notice fails and goes to a print service; `batch`: one of each kind
        """
        world = World.make(folder / "hub")
        if kind in ("post", "batch"):
            with_post(world)
        if kind != "first":
            world.put(drop(stem="before"))
            world.once()
        drops = _drops(kind)
        world.put(*drops)
        seed = folder / "seed"
        shutil.copytree(world.folder, seed)
        return cls(world=world, seed=seed, handed_in=len(drops) + (kind != "first"))

    def killed(self, tool: Path, when: float) -> Self:
        """Return a scene that starts from what one kill left; `when`: 0 first of all, to 1."""
        place = str(self.world.folder)
        told = [str(tool), "kill", str(when), self._run(), self._prepare(), place]
        subprocess.run([sys.executable, "-m", "tests.faults.strike", *told], cwd=ROOT, check=True)
        seed = self.seed.with_name("killed")
        shutil.copytree(self.world.folder, seed)
        return replace(self, seed=seed)

    def sweep(self, tool: Path, *arguments: str, share: tuple[int, int] = (0, 1)) -> Swept:
        """Strike at each point of one run, or at a share of them; start again, and balance."""
        ended = subprocess.run(
            self._command(tool, share, arguments),
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        found = re.search(r"fault struck (\d+), checks failed 0", ended.stdout)
        assert found, ended.stdout
        recovered = re.findall(r"recovered (\d+)", ended.stdout)
        return Swept(struck=int(found[1]), recovered=sum(map(int, recovered)))

    def _command(self, tool: Path, share: tuple[int, int], more: tuple[str, ...]) -> list[str]:
        python, place = shlex.quote(sys.executable), shlex.quote(str(self.world.folder))
        code = shlex.quote(str(self._code))
        return [
            *(sys.executable, "-m", "tests.faults.strike", str(tool), *map(str, share)),
            *("--prepare", f"rm -f {code}; {self._prepare()}"),
            *("--run", f"timeout -k 5 {HANGS} {self._run()}; echo $? > {code}"),
            "--check",
            f"cd {ROOT} && {python} -m tests.faults.aftermath {place} {self.handed_in} {code}",
            *("--under", str(self.world.folder), *more),
        ]

    @property
    def _code(self) -> Path:
        return self.seed.with_name("code")

    def _run(self) -> str:
        place = shlex.quote(str(self.world.folder))
        return f"{shlex.quote(str(HUB))} --config {place}/hub.toml run --once"

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


def _drops(kind: str) -> list[Drop]:
    if kind == "batch":
        return mixture()
    return [drop(stem="one", account="carla", lines=LINES) if kind == "post" else drop(stem="one")]
