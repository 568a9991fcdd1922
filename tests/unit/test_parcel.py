"""What receipts say, and where a notice goes, is held against the evidence log first."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.journal import payloads
from hub.journal.tables import notice, payload
from postfach_mailbox import Repeat
from tests.unit import notices
from tests.unit.dispatching import Ground, Worker, capabilities
from tests.unit.notices import START, TurnedClock

OTHERS = {
    "address": "berta",
    "tenant": "wismar",
    "procedure": "sozialamt",
    "message_key": "urn:another",
    "envelope_sha256": "f" * 64,
    "accepted_at": START.replace(year=2025),
    "case_reference": "another case",
}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


def taken(ground: Ground) -> int:
    """Take a notice, with the entry of the evidence log that says so."""
    key = notices.notice(1).message_key
    number = ground.take(1, delivery_key=hashlib.sha256(f"rostock\0{key}".encode()).hexdigest())
    row = ground.row(number)
    with ground.journal.read() as connection:
        (document,) = [one for one in payloads.load(connection, number) if one.item == "document"]
    names = ("claim", "message_id", "mailbox", "address", "envelope_sha256")
    with ground.journal.write() as tx:
        subject = {name: getattr(row, name) for name in names}
        tx.note(number, "notice.taken", START, **subject, document_0_sha256=document.sha256)
    return number


def test_a_notice_whose_rows_say_what_the_log_says_is_sent(ground: Ground) -> None:
    taken(ground)
    assert len(Worker.make(ground, capabilities(Repeat.NEITHER)).lease()) == 1


@pytest.mark.parametrize("column", OTHERS)
def test_a_notice_whose_row_says_something_else_is_held_and_not_sent(
    ground: Ground, column: str
) -> None:
    number = taken(ground)
    with ground.journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(**{column: OTHERS[column]}))
    assert Worker.make(ground, capabilities(Repeat.NEITHER)).lease() == []
    assert ground.row(number).held_reason == "payload"


@pytest.mark.parametrize(("column", "value"), [("sha256", "f" * 64), ("size", 5)])
def test_a_document_that_a_row_calls_another_is_not_sent(
    ground: Ground, column: str, value: object
) -> None:
    number = taken(ground)
    with ground.journal.write() as tx:
        of = payload.c.item == "document"
        tx.connection.execute(sa.update(payload).where(of).values(**{column: value}))
    assert Worker.make(ground, capabilities(Repeat.NEITHER)).lease() == []
    assert ground.row(number).held_reason == "payload"


def test_no_receipt_of_its_deadline_tells_what_was_changed(ground: Ground) -> None:
    number = taken(ground)
    with ground.journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(address="berta"))
    ground.clock.turn(8 * 86400)
    Worker.make(ground, capabilities(Repeat.NEITHER)).stage.tend()
    assert ground.receipts(number) == []
    assert ground.row(number).held_reason == "payload"
