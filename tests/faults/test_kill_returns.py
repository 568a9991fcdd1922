"""Killed while replies come back: each comes out once and whole, and is acknowledged."""

import hashlib
import random
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from hub import schemas
from tests.flow.answers import replies, reply
from tests.flow.papers import drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
NAME = f"{{{schemas.NAMESPACE}}}"
STANDS = "SELECT count(*) AS n, count(acknowledged_at) AS told FROM returned"


def whole(file: Path) -> bool:
    """Tell whether a Reply is valid, and its documents lie beside it as it says."""
    root = schemas.parse(file.read_bytes())
    if not schemas.schema("reply").validate(root):
        return False
    return all(
        hashlib.sha256(
            (file.parent / str(document.findtext(f"{NAME}Reference"))).read_bytes()
        ).hexdigest()
        == document.findtext(f"{NAME}Digest")
        for document in root.iter(f"{NAME}Document")
    )


def _more(world: World, before: int) -> bool:
    return bool(world.rows(STANDS)[0]["n"] > before)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("letters", "kills"),
    [(12, 4), pytest.param(300, 60, marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_killed_at_random_while_replies_come_back_each_comes_out_once(
    world: World, letters: int, kills: int
) -> None:
    dice = random.Random(letters)
    world.configure("[mailboxes.citizens]", "[mailboxes.citizens]\ncollect = '1s'")
    world.put(*(drop(stem=f"n{number:03}") for number in range(letters)))
    world.once()
    found = [one for one in world.letters() if len(one.name) == 64]
    cut = 0
    for turn in range(kills):
        for number, one in enumerate(found[turn::kills]):
            reply(one, name=f"r{turn:02}-{number:02}")
        stored = world.rows(STANDS)[0]["n"]
        with world.service() as hub, suppress(TimeoutExpired):
            until(partial(_more, world, stored), "the first of them")
            hub.process.wait(dice.uniform(0.0, 0.2))
        stored, told = world.rows(STANDS)[0]
        cut += stored < sum(len(found[each::kills]) for each in range(turn + 1)) or told < stored
    assert cut  # kills came amid the work
    for _ in range(2):
        world.once()
    assert tuple(world.rows(STANDS)[0]) == (letters, letters)
    came = replies(world)
    assert len(came) == len({file.name.split(".")[0] for file in came}) == letters
    assert [file.name for file in came if not whole(file)] == []
    taken = [each for one in found for each in (one.parent / "replies" / ".taken").iterdir()]
    assert len(set(taken)) == letters
