"""Entries of the evidence log whose columns say otherwise than their bytes are found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.proving import prove
from tests.unit.dispatching import Ground
from tests.unit.notices import TurnedClock
from tests.unit.striking import change


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "'notice.freed'"),
        ("at", "'2020-01-01T00:00:00.000000Z'"),
        ("notice_id", "999"),
        ("notice_id", "2"),
    ],
)
def test_an_entry_whose_columns_say_otherwise_than_its_bytes_is_found(
    ground: Ground, column: str, value: str
) -> None:
    ground.take(1)
    ground.take(2)
    taken = ground.row(1).message_id
    with ground.journal.write() as tx:
        tx.note(1, "notice.taken", ground.clock.now(), message_id=taken)
        tx.note(1, "reply.taken", ground.clock.now(), message_id="urn:9")
    assert prove(ground.journal, None, lambda _: None).findings == []
    change(ground, f"UPDATE entry SET {column} = {value} WHERE id = 1")  # noqa: S608  # ours
    said = prove(ground.journal, None, lambda _: None).findings
    assert said == [f"entry 1 of the journal: {column} is not as it was written"]


def test_an_entry_whose_bytes_are_none_is_found_and_keeps_no_other_from_being_looked_at(
    ground: Ground,
) -> None:
    ground.take()
    with ground.journal.write() as tx:
        for number in range(2):
            tx.note(1, "notice.held", ground.clock.now(), n=number)
    change(ground, "UPDATE entry SET body = x'00', notice_id = 77 WHERE id = 1")
    change(ground, "UPDATE entry SET notice_id = 77 WHERE id = 2")
    said = prove(ground.journal, None, lambda _: None).findings
    assert "entry 2 of the journal: notice_id is not as it was written" in said
    assert len(said) > 1
