"""Hostile things in a spool against a real run of the hub.

Each is refused with its class, or let lie; nothing outside is touched; good notices beside pass.
"""

import os
from pathlib import Path

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import World
from tests.hostile import standing
from tests.hostile.measuring import Record, record_case
from tests.hostile.standing import ROOTS, TAKEN, Attacked, name_of

# The attacks' own threads leave files open and meet files that are gone.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

FLOOD = 10_000


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    return standing.attack(World.make(tmp_path_factory.mktemp("attacked") / "hub"))


@pytest.mark.parametrize("name", standing.names())
def test_an_attack_on_the_spool_ends_as_it_must(
    attacked: Attacked, name: str, record_property: Record
) -> None:
    if os.geteuid() != 0 and name in ROOTS:
        pytest.skip(ROOTS[name])
    said, paths = attacked.expected[name]
    record_case(record_property, "spool", name, said, size=attacked.sizes[name])
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
    with standing.program().Attacks(str(world.procedure / "in"), ["immutable"], b"<x/>") as made:
        for _ in range(2):
            world.once()
        (path,) = made.made["immutable"][1]
        still_there = Path(os.fsdecode(path)).exists()
    (receipt,) = world.receipts().values()
    assert receipt.refusal == "SpoolFileRejected" if still_there else "SchemaInvalid"


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_flood_of_bad_drops_does_not_starve_the_good_ones(
    world: World, record_property: Record
) -> None:
    record_case(record_property, "spool", "flood", "XmlMalformed", size=1)
    with standing.program().Attacks(str(world.procedure / "in"), ["flood"]):
        world.put(drop(stem="agood"), drop(stem="zgood"))
        said = world.once().splitlines()
    assert world.outcomes("agood") == world.outcomes("zgood") == ["DEPOSITED"]
    assert sum(line.startswith("receipt ") for line in said) == FLOOD + 2
    assert unbalanced(world, FLOOD + 2) == []
