"""Hostile documents and mutations of a good envelope, handed in to a real run of the hub.

Each gets a sealed receipt with its class and lies aside; the good ones pass; nothing of what they
hold stands in the log or in a receipt.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import material
from tests.flow.inventory import unbalanced
from tests.flow.papers import Drop, Paper, drop
from tests.flow.world import World
from tests.hostile import mutations
from tests.hostile.measuring import Record, record_case

pytestmark = pytest.mark.slow

ROWS = material.rows("hostile/index.tsv")
CANARY = "Kanarienvogel-4711"
SECRETS = (CANARY, "root:x:0")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Hand in every hostile document at once, a good notice among them: one run."""
    world = World.make(tmp_path_factory.mktemp("hostile") / "hub")
    for row in ROWS:
        data = (material.SHARED / "hostile" / row["file"]).read_bytes()
        world.put(Drop(stem=stem_of(row), envelope=data))
    world.put(drop(stem="good"))
    world.once()
    return world


def stem_of(row: dict[str, str]) -> str:
    return Path(row["file"]).stem


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["file"]))
def test_a_hostile_envelope_gets_a_rejected_receipt_with_its_class(
    hostile: World, row: dict[str, str], record_property: Record
) -> None:
    record_case(record_property, "document, handed in", row["file"], row["expect"])
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


@pytest.fixture(scope="module")
def mutated(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Hand in a good notice, then every mutation of one with the same author, then a good one."""
    world = World.make(tmp_path_factory.mktemp("mutated") / "hub")
    world.configure('["ags:130030000000"]', '["ags:130030000000", "ags:beispielamt"]')
    paper = Paper(data=b"%PDF-1.4\n% " + CANARY.encode() + b"\n%%EOF\n", inline=True)
    world.put(drop(stem="used", message_id=mutations.USED))
    world.once()
    valid = drop(paper, subject=CANARY, text=CANARY).envelope
    valid = valid.replace(b">130030000000<", b">beispielamt<")  # mutations change its case
    for each in mutations.params():
        if not each.marks:
            name = str(each.values[0])
            world.put(Drop(stem=name, envelope=mutations.mutated(name, valid)))
    world.put(drop(stem="good"))
    ended = world.hub("run", "--once", "--announce")
    (world.folder / "said").write_text(ended.stdout + ended.stderr, "utf-8")
    return world


@pytest.mark.parametrize(("name", "expect"), mutations.params())
def test_a_mutated_envelope_gets_a_rejected_receipt_with_its_class(
    mutated: World, name: str, expect: str, record_property: Record
) -> None:
    record_case(record_property, "mutation, handed in", name, expect)
    (receipt,) = mutated.receipts(name).values()
    assert receipt.outcome == "REJECTED"
    assert receipt.refusal in expect.split("|")


def test_nothing_of_a_refused_envelope_is_said(
    mutated: World, shared: Callable[[str], Path]
) -> None:
    shared("hostile/mutate.py")
    receipts = list(mutated.receipts().values())
    assert len(receipts) > 80
    said = (mutated.folder / "said").read_text("utf-8")
    assert said
    assert [each for each in SECRETS if each in said] == []
    assert [each.receipt_id for each in receipts if CANARY.encode() in each.data] == []


def test_the_good_notices_among_the_mutated_passed(
    mutated: World, shared: Callable[[str], Path]
) -> None:
    shared("hostile/mutate.py")
    handed_in = sum(not each.marks for each in mutations.params()) + 2
    assert mutated.outcomes("used") == mutated.outcomes("good") == ["DEPOSITED"]
    assert unbalanced(mutated, handed_in) == []
