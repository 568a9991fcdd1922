"""What receipts say, and where a notice goes, is held against the evidence log first."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import casework
from hub.casework import Decision
from hub.errors import DataInvalid
from hub.journal import payloads
from hub.journal.tables import notice, payload
from hub.returns import judging
from postfach_mailbox import Item, Repeat, Unknown
from tests.unit import notices
from tests.unit.dispatching import DEPOSITED, WHY, Ground, Worker, capabilities
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


def past_triggers(ground: Ground, *statements: str) -> None:
    """Change the database as somebody does who can write its file."""
    with closing(sqlite3.connect(ground.journal.path)) as database, database:
        found = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in database.execute(found).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)


@pytest.mark.parametrize(
    "statements",
    [
        (
            "UPDATE entry SET body = CAST(replace(body, 'anna', 'bert') AS BLOB)",
            "UPDATE notice SET address = 'bert'",
        ),
        ("UPDATE notice SET tenant = 'wismar'", "UPDATE \"drop\" SET tenant = 'wismar'"),
        ("UPDATE payload SET offset = -1 WHERE item = 'document'",),
        ("UPDATE notice SET key_wrapped = 'no bytes'",),
        ("DELETE FROM payload WHERE item = 'content'",),
    ],
    ids=["the entry too", "the drop too", "place", "key", "content"],
)
def test_what_was_changed_in_more_than_one_place_or_beyond_reading_is_held(
    ground: Ground, statements: tuple[str, ...]
) -> None:
    number = taken(ground)
    past_triggers(ground, *statements)
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


def test_no_decision_of_a_person_tells_what_was_changed(ground: Ground) -> None:
    number = taken(ground)
    Worker.make(ground, capabilities(Repeat.NEITHER)).work(Unknown(reason=WHY))
    with ground.journal.write() as tx:
        tx.connection.execute(sa.update(notice).values(address="berta"))
    decision = Decision(settled_as="failed", reason="asked", happened_at=None, user=1000)
    before = ground.receipts(number)
    with pytest.raises(DataInvalid, match="damaged"):
        casework.settle(ground.journal, ground.issuer, number, decision, ground.clock.now())
    assert (ground.row(number).state, ground.receipts(number)) == ("IN_DOUBT", before)


def test_no_receipt_of_what_came_back_tells_what_was_changed(ground: Ground) -> None:
    number = taken(ground)
    Worker.make(ground, capabilities(Repeat.NEITHER)).work(DEPOSITED)
    proof = {"name": "a", "media_type": "text/plain", "data": "YQ=="}
    told = {"id": "1", "kind": "retrieval", "at": START, "about": "a" * 64, "evidence": [proof]}
    item = Item.model_validate(told)
    with ground.journal.write() as tx:
        assert judging.trouble(tx, number, item, START) is None
        tx.connection.execute(sa.update(notice).values(address="berta"))
        assert judging.trouble(tx, number, item, START) == judging.DAMAGED


def test_what_was_changed_while_it_was_held_is_not_freed(ground: Ground) -> None:
    number = taken(ground)
    held = {"state": "HELD", "held_from": "SEALED", "held_reason": "capabilities"}
    with ground.journal.write() as tx:
        row = {"held_at": START, "due_at": None, "envelope_sha256": "f" * 64}
        tx.connection.execute(sa.update(notice).values(**held, **row))
    Worker.make(ground, capabilities(Repeat.NEITHER)).stage.tend()
    assert (ground.row(number).state, ground.row(number).held_reason) == ("HELD", "payload")
