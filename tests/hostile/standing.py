"""The shared attacks on a spool, standing while a hub works on it."""

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from hub.spool.claims import good_stem, stand_in
from tests import material
from tests.flow.papers import Paper, drop
from tests.flow.world import World

TAKEN = "taken"
# What only root can make: an attack that is none where another user makes it.
ROOTS = {
    "foreign_owner": "only root can give a file to another user",
    "immutable": "only root can set the flag",
    "device_null": "only root can make a device",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """What became of each attack, and of the world around."""

    world: World
    expected: dict[str, tuple[str, list[bytes]]]
    sizes: dict[str, int]  # bytes of the largest file that an attack made
    ends: dict[bytes, set[str]]  # by path: classes of refusal, `taken`, or nothing
    left: set[bytes]  # what still lay in `in/` after the run
    outside_untouched: bool


def program() -> ModuleType:
    place = material.shared("hostile/spool_attacks.py")
    spec = importlib.util.spec_from_file_location("spool_attacks", place)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names() -> list[str]:
    """Return the names of all attacks but the flood."""
    if not (material.SHARED / "hostile/spool_attacks.py").exists():
        return []
    return [name for name in program().ATTACKS if name != "flood"]


def name_of(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def attack(world: World) -> Attacked:
    """Let all attacks but the flood stand at once, good notices among them, and run the hub."""
    payload = drop(Paper(inline=True)).envelope
    world.put(drop(stem="agood"))
    with program().Attacks(str(world.procedure / "in"), names(), payload) as made:
        expected = dict(made.made)
        sizes = {name: _largest(paths) for name, (_, paths) in expected.items()}
        world.put(drop(stem="zgood"))
        world.once()
        left = {os.fsencode(path.name) for path in (world.procedure / "in").iterdir()}
    found = {path: _ends(world, path) for _, paths in expected.values() for path in paths}
    return Attacked(
        world=world,
        expected=expected,
        sizes=sizes,
        ends=found,
        left=left,
        outside_untouched=made.outside_untouched,
    )


def _largest(paths: Iterable[bytes]) -> int:
    """Return the size of the largest plain file of these; some come and go."""
    found = [Path(os.fsdecode(path)) for path in paths]
    return max((each.lstat().st_size for each in found if each.is_file()), default=0)


def _ends(world: World, path: bytes) -> set[str]:
    """Return what the receipts say of a path in `in/`; nothing where there is none."""
    name = name_of(path)
    stem = good_stem(name) or stand_in(name)
    receipts = world.receipts(stem).values()
    return {each.refusal or TAKEN for each in receipts}
