"""What a mailbox's process dies at is left alone at the third time, and never acknowledged."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.caution import Caution
from hub.journal.tables import returned
from hub.returns import Channel, Deadly, Storing
from hub.returns.deadly import DEADLY, DYING, RETURNED
from hub.room import Room
from postfach_mailbox import Acknowledged, Collected, Item, Repeat
from postfach_mailbox.frames import Operation
from tests.unit.dispatching import Ground, Worker, capabilities
from tests.unit.notices import START, TurnedClock

INTERVAL = 60.0


def item(name: str) -> Item:
    proof = {"name": "a", "media_type": "text/plain", "data": "YQ=="}
    made = {"id": name, "kind": "retrieval", "at": START, "about": "b" * 64, "evidence": [proof]}
    return Item.model_validate(made)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


def deadly(ground: Ground, mailbox: str = "archive") -> Deadly:
    caution = Caution(journal=ground.journal, clock=ground.clock)
    caution.begin()
    return Deadly(caution=caution, mailbox=mailbox)


@pytest.fixture
def worker(ground: Ground) -> Worker:
    return Worker.make(ground, capabilities(Repeat.NEITHER, return_channel=True))


@pytest.fixture
def channel(ground: Ground, worker: Worker) -> Channel:
    return Channel(
        line=worker.line,
        air=worker.stage.air,
        journal=ground.journal,
        vault=ground.vault,
        config=ground.config,
        storing=Storing(
            config=ground.config,
            journal=ground.journal,
            vault=ground.vault,
            issuer=ground.issuer,
            clock=ground.clock,
        ),
        clock=ground.clock,
        interval=INTERVAL,
        deadly=deadly(ground),
        room=Room(folders={}, least=0),
    )


def look(
    channel: Channel, worker: Worker, *items: Item, dies_at: Operation | None = None
) -> list[str]:
    """Let the channel look once, and find these; return what it called, with what."""
    called = []
    for _ in range(20):
        channel.go_on()
        if (number := channel.call) is None:
            continue
        call = worker.process.out.pop(number)
        said = Collected(items=items) if call.operation == "collect" else Acknowledged()
        about = getattr(call.payload, "text", None) or ""
        called.append(f"{call.operation} {about}".strip())
        channel.answered(None if call.operation is dies_at else said)
    return called


def troubles(ground: Ground) -> dict[str, str | None]:
    with ground.journal.read() as connection:
        rows = connection.execute(sa.select(returned.c.item, returned.c.trouble))
        return {row.item: row.trouble for row in rows}


def test_an_item_is_left_at_the_third_death_over_restarts_and_no_other(ground: Ground) -> None:
    for died in range(3):
        assert not deadly(ground).leaves("1"), died
        deadly(ground).told("1", None)
    assert deadly(ground).leaves("1")
    assert not deadly(ground).leaves("2")
    assert not deadly(ground, "citizens").leaves("1")


def test_a_channel_at_which_looking_kills_is_looked_at_seldom_until_it_goes_well(
    ground: Ground,
) -> None:
    one = deadly(ground)
    for _ in range(3):
        assert one.pause(INTERVAL) == INTERVAL
        one.looked(None)
    assert deadly(ground).pause(INTERVAL) == DYING
    one.looked(Collected())
    assert deadly(ground).pause(INTERVAL) == INTERVAL


def test_a_deadly_item_is_a_case_and_stays_at_its_mailbox_and_the_next_has_its_turn(
    ground: Ground, channel: Channel, worker: Worker
) -> None:
    channel.deadly.caution.count(RETURNED, [channel.deadly.name("1")] * 3)
    assert look(channel, worker, item("1"), item("2")) == ["collect", "acknowledge 2"]
    assert troubles(ground)["1"] == DEADLY
    for _ in range(2):
        ground.clock.turn(INTERVAL)
        assert look(channel, worker, item("1")) == ["collect"]


def test_an_item_at_whose_acknowledgement_the_process_dies_is_not_acknowledged_for_ever(
    ground: Ground, channel: Channel, worker: Worker
) -> None:
    called = []
    for _ in range(5):
        called += look(channel, worker, item("1"), dies_at=Operation.ACKNOWLEDGE)
        ground.clock.turn(INTERVAL)
    assert called.count("acknowledge 1") == 3
    assert called.count("collect") == 5
