"""Hostile things in a spool, and hostile envelopes, against a real run of the hub.

Each is refused with its class, or let lie; nothing outside is touched; good notices beside pass.
"""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from hub.spool.claims import good_stem, stand_in
from tests import material
from tests.flow.inventory import unbalanced
from tests.flow.papers import Paper, drop
from tests.flow.world import World

# The attacks' own threads leave files open and meet files that are gone.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

ROWS = material.rows("hostile/index.tsv")
FLOOD = 10_000
TAKEN = "taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """What became of each attack, and of the world around."""

    world: World
    expected: dict[str, tuple[str, list[bytes]]]
    ends: dict[bytes, set[str]]  # by path: classes of refusal, `taken`, or nothing
    left: set[bytes]  # what still lay in `in/` after the run
    outside_untouched: bool


def attacks() -> ModuleType:
    place = material.shared("hostile/spool_attacks.py")
    spec = importlib.util.spec_from_file_location("spool_attacks", place)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names() -> list[str]:
    if not (material.SHARED / "hostile/spool_attacks.py").exists():
        return []
    return [name for name in attacks().ATTACKS if name != "flood"]


def name_of(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def ends(world: World, path: bytes) -> set[str]:
    """Return what the receipts say of a path in `in/`; nothing where there is none."""
    name = name_of(path)
    stem = good_stem(name) or stand_in(name)
    receipts = world.receipts(stem).values()
    return {each.refusal or TAKEN for each in receipts}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    """Let all attacks but the flood stand at once, good notices among them, and run the hub."""
    module = attacks()
    world = World.make(tmp_path_factory.mktemp("attacked") / "hub")
    payload = drop(Paper(inline=True)).envelope
    world.put(drop(stem="agood"))
    with module.Attacks(str(world.procedure / "in"), names(), payload) as made:
        world.put(drop(stem="zgood"))
        world.once()
        left = {os.fsencode(path.name) for path in (world.procedure / "in").iterdir()}
        expected = dict(made.made)
    found = {path: ends(world, path) for _, paths in expected.values() for path in paths}
    return Attacked(
        world=world,
        expected=expected,
        ends=found,
        left=left,
        outside_untouched=made.outside_untouched,
    )


@pytest.mark.parametrize("name", names())
def test_an_attack_on_the_spool_ends_as_it_must(attacked: Attacked, name: str) -> None:
    said, paths = attacked.expected[name]
    allowed = set(said.split("|"))
    if name == "symlink_inside":  # the link's target is a plain file
        assert attacked.ends[paths[0]] == {TAKEN}
        paths = paths[1:]
    for path in paths:
        found = attacked.ends[path]
        assert found <= allowed, path
        if "ignored" not in allowed:
            assert len(found) == 1, path
        elif not found and name != "vanishing":
            assert name_of(path) in attacked.left, path


def test_nothing_outside_the_spool_was_touched(attacked: Attacked) -> None:
    assert attacked.outside_untouched
    shell = {path.name for path in attacked.world.folder.rglob("pwned")}
    assert shell == set()


def test_good_notices_beside_the_attacks_and_after_them_pass(attacked: Attacked) -> None:
    world = attacked.world
    world.put(drop(stem="after"))
    world.once()
    for stem in ("agood", "zgood", "after"):
        assert world.outcomes(stem) == ["DEPOSITED"]
    handed_in = world.rows("SELECT count(*) AS n FROM 'drop'")[0]["n"]
    assert unbalanced(world, handed_in) == []


def test_what_cannot_be_moved_is_refused_once_and_stays(world: World) -> None:
    with attacks().Attacks(str(world.procedure / "in"), ["immutable"], b"<x/>") as made:
        for _ in range(2):
            world.once()
        (path,) = made.made["immutable"][1]
        still_there = Path(os.fsdecode(path)).exists()
    (receipt,) = world.receipts().values()
    assert receipt.refusal == "SpoolFileRejected" if still_there else "SchemaInvalid"


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_flood_of_bad_drops_does_not_starve_the_good_ones(world: World) -> None:
    with attacks().Attacks(str(world.procedure / "in"), ["flood"]):
        world.put(drop(stem="agood"), drop(stem="zgood"))
        said = world.once().splitlines()
    assert world.outcomes("agood") == world.outcomes("zgood") == ["DEPOSITED"]
    assert sum(line.startswith("receipt ") for line in said) == FLOOD + 2
    assert unbalanced(world, FLOOD + 2) == []


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Hand in every hostile document at once, a good notice among them: one run."""
    world = World.make(tmp_path_factory.mktemp("hostile") / "hub")
    for row in ROWS:
        data = (material.SHARED / "hostile" / row["file"]).read_bytes()
        part = world.procedure / "in" / f"{stem_of(row)}.xml.part"
        part.write_bytes(data)
        part.rename(part.with_suffix(""))
    world.put(drop(stem="good"))
    world.once()
    return world


def stem_of(row: dict[str, str]) -> str:
    return Path(row["file"]).stem


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["file"]))
def test_a_hostile_envelope_gets_a_rejected_receipt_with_its_class(
    hostile: World, row: dict[str, str]
) -> None:
    (receipt,) = hostile.receipts(stem_of(row)).values()
    assert receipt.outcome == "REJECTED"
    assert receipt.refusal in row["expect"].split("|")


def test_hostile_envelopes_lie_aside_and_the_good_one_passed(
    hostile: World, shared: Callable[[str], Path]
) -> None:
    shared("hostile/index.tsv")
    assert hostile.outcomes("good") == ["DEPOSITED"]
    assert unbalanced(hostile, len(ROWS) + 1) == []
    kept = {path.name.partition(".")[0] for path in (hostile.procedure / "rejected").iterdir()}
    assert kept == {stem_of(row) for row in ROWS}
