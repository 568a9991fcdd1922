"""What is not wholly acceptable is refused with its reason; a repeat is answered, not sent."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.papers import PDF, Drop, Paper, drop, message_id
from tests.flow.world import World

pytestmark = pytest.mark.slow


def changed(made: Drop, old: bytes, new: bytes) -> Drop:
    assert old in made.envelope
    return replace(made, envelope=made.envelope.replace(old, new, 1))


def utf16(made: Drop) -> Drop:
    text = made.envelope.decode().replace("UTF-8", "UTF-16")
    return replace(made, envelope=text.encode("utf-16"))


def deep(made: Drop) -> Drop:
    levels = b"<Text>" * 10_000 + b"</Text>" * 10_000
    return changed(made, b"  <LegalBasis>", levels + b"<LegalBasis>")


def other_files(made: Drop, data: bytes) -> Drop:
    return replace(made, files=dict.fromkeys(made.files, data))


Spoil = Callable[[Drop], Drop]

# name: what is handed in instead of a good drop; the class and code that it is refused with
CASES: dict[str, tuple[Spoil, str, str | None]] = {
    "missing": (lambda made: replace(made, files={}), "AttachmentRejected", "9052"),
    "longer": (lambda made: other_files(made, PDF + b"\n"), "AttachmentRejected", "9052"),
    "shorter": (lambda made: other_files(made, PDF[:-1]), "AttachmentRejected", "9052"),
    "altered": (lambda made: other_files(made, PDF.swapcase()), "AttachmentRejected", "9052"),
    "utf-16": (utf16, "XmlMalformed", "9051"),
    "doctype": (
        lambda made: changed(made, b"<Notice", b"<!DOCTYPE Notice>\n<Notice"),
        "XmlForbidden",
        "9050",
    ),
    "unknown": (
        lambda made: changed(made, b"<Subject>", b"<Topic/><Subject>"),
        "SchemaInvalid",
        "9050",
    ),
    "deep": (deep, "LimitExceeded", "9023"),
    "author": (
        lambda made: changed(made, b">130030000000<", b">130030000001<"),
        "TenantViolation",
        None,
    ),
    "mailbox": (lambda made: changed(made, b'"citizens"', b'"elsewhere"'), "MailboxRefused", None),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Hand in every case, a good notice among and after them, all in one run."""
    world = World.make(tmp_path_factory.mktemp("refused") / "hub")
    for name, (spoil, _, _) in CASES.items():
        world.put(spoil(drop(stem=name)))
    world.put(drop(stem="nmiddle"))
    world.once()
    world.put(drop(stem="after"))
    world.once()
    return world


@pytest.mark.parametrize("name", CASES)
def test_a_drop_that_is_not_acceptable_is_refused_with_its_class(refused: World, name: str) -> None:
    (receipt,) = refused.receipts(name).values()
    _, refusal, code = CASES[name]
    assert (receipt.outcome, receipt.refusal) == ("REJECTED", refusal)
    assert code in (None, receipt.code)


def test_a_refused_drop_lies_in_rejected_with_its_documents(refused: World) -> None:
    kept = [path.name for path in (refused.procedure / "rejected").iterdir()]
    assert sorted(name.partition(".")[0] for name in kept if name.endswith(".xml")) == sorted(CASES)
    assert [name for name in kept if name.startswith("altered.") and name.endswith(".0")]


def test_a_refusal_names_line_and_path(refused: World) -> None:
    (receipt,) = refused.receipts("unknown").values()
    assert receipt.line == "10"
    assert receipt.path is not None
    assert receipt.path.startswith("/Notice/Topic")


def test_good_notices_among_refused_ones_and_after_them_pass(refused: World) -> None:
    assert refused.outcomes("nmiddle") == ["DEPOSITED"]
    assert refused.outcomes("after") == ["DEPOSITED"]
    assert unbalanced(refused, len(CASES) + 2) == []


def test_the_same_drop_twice_is_one_deposit_and_the_same_receipt(world: World) -> None:
    first = drop(stem="first")
    world.put(first)
    world.once()
    (name, receipt) = world.receipts().popitem()
    (world.procedure / "out" / name).unlink()
    world.put(first)
    world.once()
    assert {name: each.data for name, each in world.receipts().items()} == {name: receipt.data}
    assert len(world.letters()) == 1
    assert list((world.procedure / "in").iterdir()) == []
    assert unbalanced(world, 2) == []


def test_the_same_drop_under_another_stem_gets_the_same_receipt_there(world: World) -> None:
    first = drop(stem="first")
    world.put(first)
    world.once()
    world.put(replace(first, stem="second"))
    world.once()
    one, two = world.receipts("first"), world.receipts("second")
    assert [each.data for each in one.values()] == [each.data for each in two.values()]
    assert len(world.letters()) == 1
    assert unbalanced(world, 2) == []


def test_the_same_drop_twice_in_one_batch_is_one_deposit(world: World) -> None:
    first = drop(Paper(inline=True), stem="first")
    world.put(first, replace(first, stem="second"))
    world.once()
    one, two = world.receipts("first"), world.receipts("second")
    assert len(one) == len(two) == 1
    assert [each.data for each in one.values()] == [each.data for each in two.values()]
    assert len(world.letters()) == 1
    assert unbalanced(world, 2) == []


def test_the_same_drop_again_while_the_first_waits_is_one_deposit(world: World) -> None:
    first = drop(stem="first")
    world.mark("citizens", there=False)
    world.put(first)
    world.once()
    world.put(replace(first, stem="second"))
    world.once()
    assert world.outcomes("second") == ["ACCEPTED"]
    world.mark("citizens", there=True)
    world.hub("retry", first.message_id)
    world.once()
    assert world.outcomes("first") == world.outcomes("second") == ["ACCEPTED", "DEPOSITED"]
    assert len(world.letters()) == 1
    assert unbalanced(world, 2) == []


@pytest.mark.parametrize("together", [False, True], ids=["later", "in one batch"])
def test_the_same_id_with_other_content_is_refused_and_the_first_goes_on_unharmed(
    world: World, together: bool
) -> None:
    number = message_id()
    world.put(drop(stem="a-first", message_id=number))
    if not together:
        world.once()
    other = number.upper().replace("URN:DE:XTA:MESSAGEID:BAUAMT", "urn:de:xta:messageid:bauamt")
    world.put(drop(stem="b-second", message_id=other, subject="Etwas anderes"))
    world.once()
    assert world.outcomes("a-first") == ["DEPOSITED"]
    (receipt,) = world.receipts("b-second").values()
    assert (receipt.outcome, receipt.refusal) == ("REJECTED", "DuplicateConflict")
    assert receipt.code == "9024"
    assert len(world.letters()) == 1
    assert unbalanced(world, 2) == []


def test_a_corrected_drop_under_the_stem_of_a_refused_one_passes(world: World) -> None:
    good = drop(stem="again")
    world.put(replace(good, files={}))
    world.once()
    world.put(good)
    world.once()
    assert world.outcomes("again") == ["REJECTED", "DEPOSITED"]
    assert unbalanced(world, 2) == []


def test_new_documents_beside_a_refused_drop_are_left_alone(world: World, tmp_path: Path) -> None:
    good = drop(stem="again")
    world.put(changed(good, b"<Subject>", b"<Topic/><Subject>"))
    (world.procedure / "in" / "again.1.bin").write_bytes(PDF)
    world.once()
    left = {path.name for path in (world.procedure / "in").iterdir()}
    assert "again.1.bin" in left
