"""Transfers that cannot rename: a drop is taken when it has stood still, documents included."""

import os
import threading
from pathlib import Path

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.papers import Drop, drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow

YEAR_2000 = 946684800


@pytest.fixture
def patient(tmp_path: Path) -> World:
    return World.make(tmp_path / "hub", settle="1s", rescan="100ms")


def upload(world: World, made: Drop, *, documents: bool = True) -> Path:
    """Write a drop in place, as a transfer does that cannot rename."""
    incoming = world.procedure / "in"
    if documents:
        for name, data in made.files.items():
            (incoming / name).write_bytes(data)
    envelope = incoming / f"{made.stem}.xml"
    envelope.write_bytes(made.envelope)
    return envelope


def claimed(world: World) -> list[Path]:
    return list((world.procedure / ".claimed").glob("*/*.xml"))


def test_a_single_run_waits_for_a_drop_to_stand_still(patient: World) -> None:
    os.utime(upload(patient, drop(stem="one")), (YEAR_2000, YEAR_2000))
    patient.once()
    assert patient.outcomes("one") == ["DEPOSITED"]
    assert unbalanced(patient, 1) == []


def test_a_drop_that_is_still_being_written_is_left_alone(patient: World) -> None:
    made = drop(stem="slow")
    first = drop(stem="first")
    with patient.service() as hub:
        upload(patient, first)
        hub.wait_for(f"final {first.message_id}")
        envelope = upload(patient, made)
        pieces = [made.envelope[:n] for n in range(100, 1100, 100)]
        for piece in pieces:  # written anew every 0.2 s, twice as long as `settle` in all
            envelope.write_bytes(piece)
            threading.Event().wait(0.2)
            assert envelope.exists()
        envelope.write_bytes(made.envelope)
        hub.wait_for(f"final {made.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert unbalanced(patient, 2) == []


def test_a_document_that_comes_later_is_waited_for(patient: World) -> None:
    made = drop(stem="late")
    with patient.service() as hub:
        upload(patient, made, documents=False)
        until(lambda: len(claimed(patient)) == 1, "the claim")
        for name, data in made.files.items():
            (patient.procedure / "in" / name).write_bytes(data)
        hub.wait_for(f"final {made.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert unbalanced(patient, 1) == []


def test_a_document_that_never_comes_ends_in_a_refusal(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub", settle="300ms", rescan="100ms")
    upload(world, drop(stem="alone"), documents=False)
    world.once()
    (receipt,) = world.receipts("alone").values()
    assert (receipt.outcome, receipt.refusal) == ("REJECTED", "AttachmentRejected")
    upload(world, drop(stem="next"))
    world.once()
    assert world.outcomes("next") == ["DEPOSITED"]
    assert unbalanced(world, 2) == []


def test_a_drop_that_waits_for_its_document_survives_a_restart(patient: World) -> None:
    made = drop(stem="late")
    with patient.service():
        upload(patient, made, documents=False)
        until(lambda: len(claimed(patient)) == 1, "the claim")
    for name, data in made.files.items():
        (patient.procedure / "in" / name).write_bytes(data)
    patient.once()
    assert patient.outcomes("late") == ["DEPOSITED"]
    assert unbalanced(patient, 1) == []
