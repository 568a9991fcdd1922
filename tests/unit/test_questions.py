"""What the journal answers when people ask."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import DataInvalid
from hub.journal import Journal, circuits, questions
from hub.journal.tables import notice
from hub.model import State
from hub.transition import operation
from postfach_mailbox import Capabilities, Repeat
from tests.unit.spools import START, TurnedClock, add_notice, issue


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


def put(journal: Journal, number: int, **values: Any) -> None:
    with journal.write() as tx:
        tx.connection.execute(sa.update(notice).where(notice.c.id == number).values(**values))


def tell(journal: Journal, repeat: Repeat) -> None:
    told = Capabilities(
        scheme="directory",
        address_pattern="[a-z]+",
        legal_bases=frozenset({"OZG9"}),
        assurance_level="substantial",
        max_file=1000,
        max_total=1000,
        max_count=1,
        media_types=("application/pdf",),
        subject_max=10,
        sender_max=10,
        text_max=10,
        repeat=repeat,
    )
    with journal.write() as tx:
        circuits.know(tx, ["archive"])
        circuits.told(tx, "archive", told.model_dump_json(), START)


def test_a_notice_is_found_however_its_id_is_written(journal: Journal, clock: TurnedClock) -> None:
    add_notice(journal, clock, 7)
    with journal.read() as connection:
        (found,) = questions.by_message_id(connection, "URN:7")
        assert found.message_id == "urn:7"
        with pytest.raises(DataInvalid, match="waits for says hub doctor"):
            questions.by_message_id(connection, "urn:8")


def test_notices_are_listed_oldest_first_and_by_state_tenant_and_age(
    journal: Journal, clock: TurnedClock
) -> None:
    for number in (1, 2, 3):
        add_notice(journal, clock, number)
        clock.turn(hours=1)
    put(journal, 2, state="DEFERRED")

    def listed(*asked: Any) -> list[str]:
        with journal.read() as connection:
            return [row.message_id for row in questions.listed(connection, *asked)]

    assert listed(None, None, None) == ["urn:1", "urn:2", "urn:3"]
    assert listed("DEFERRED", None, None) == ["urn:2"]
    assert listed(None, "schwerin", None) == []
    assert listed("SEALED", "rostock", START + timedelta(minutes=30)) == ["urn:1"]
    with journal.read() as connection:
        assert questions.open_by_state(connection) == {"DEFERRED": 1, "SEALED": 2}


def test_a_story_tells_receipts_and_what_comes_next(journal: Journal, clock: TurnedClock) -> None:
    number = add_notice(journal, clock, 1)
    issue(journal, clock, number, 1)
    with journal.read() as connection:
        (row,) = questions.by_message_id(connection, "urn:1")
        story = questions.story(connection, row)
    assert story["next"] == "next attempt at 2026-03-01 12:00:00 UTC"
    (receipt,) = story["receipts"]
    assert receipt["file"] == "rostock/bauamt/out/stem-1.01.deposited.xml"
    assert (receipt["written_at"], receipt["confirmed_at"]) == (None, None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": "DEPOSITED", "open": False, "final_at": START}, "nothing"),
        ({"state": "ACCEPTED"}, "sealed as soon as"),
        ({"lease_owner": "w1"}, "under way"),
        ({"state": "PENDING", "due_at": None}, "; unresolved at 2026-03-08 12:00:00 UTC"),
        ({"state": "HELD", "held_from": "SEALED", "held_reason": "crashes"}, "a person frees it"),
        ({"state": "HELD", "held_from": "SEALED", "held_reason": "mailbox"}, "in order again"),
    ],
)
def test_what_comes_next_depends_on_the_state(
    journal: Journal, clock: TurnedClock, values: dict[str, Any], words: str
) -> None:
    put(journal, add_notice(journal, clock, 1), **values)
    with journal.read() as connection:
        (row,) = questions.by_message_id(connection, "urn:1")
        assert words in questions.story(connection, row)["next"]


@pytest.mark.parametrize(
    ("state", "repeat", "words"),
    [
        ("DEFERRED", Repeat.QUERYABLE, "next attempt at"),
        ("PENDING", Repeat.QUERYABLE, "asked again at"),
        ("IN_DOUBT", Repeat.QUERYABLE, "asked again at"),
        ("IN_DOUBT", Repeat.IDEMPOTENT, "next attempt at"),
        ("IN_DOUBT", Repeat.NEITHER, "a person or the mailbox says"),
    ],
)
def test_a_mailbox_that_is_only_asked_again_gets_no_next_attempt(
    journal: Journal, clock: TurnedClock, state: str, repeat: Repeat, words: str
) -> None:
    put(journal, add_notice(journal, clock, 1), state=state)
    tell(journal, repeat)
    with journal.read() as connection:
        (row,) = questions.by_message_id(connection, "urn:1")
        said = questions.story(connection, row)["next"]
    assert said.startswith(words)
    assert said.endswith(" 12:00:00 UTC")


@pytest.mark.parametrize("repeat", list(Repeat))
@pytest.mark.parametrize("state", ["ACCEPTED", "SEALED", "DEFERRED", "PENDING", "IN_DOUBT"])
def test_only_what_cannot_be_deposited_twice_may_be_tried_by_hand(
    journal: Journal, clock: TurnedClock, state: str, repeat: Repeat
) -> None:
    put(journal, add_notice(journal, clock, 1), state=state)
    tell(journal, repeat)
    doubtful = {"IN_DOUBT": repeat is not Repeat.NEITHER, "PENDING": repeat is Repeat.QUERYABLE}
    wanted = state in {"SEALED", "DEFERRED"} or doubtful.get(state, False)
    with journal.read() as connection:
        (row,) = questions.by_message_id(connection, "urn:1")
        called = operation(State(row.state), questions.policy(connection, row.mailbox))
    assert bool(called) is wanted


def test_of_a_mailbox_that_never_told_doubt_is_not_tried(
    journal: Journal, clock: TurnedClock
) -> None:
    put(journal, add_notice(journal, clock, 1), state="IN_DOUBT")
    with journal.read() as connection:
        (row,) = questions.by_message_id(connection, "urn:1")
        assert operation(State.IN_DOUBT, questions.policy(connection, row.mailbox)) is None


def test_held_notices_are_counted_by_mailbox_and_reason(
    journal: Journal, clock: TurnedClock
) -> None:
    held = {"state": "HELD", "held_from": "SEALED", "due_at": None}
    for number, reason in enumerate(("mailbox", "mailbox", "crashes"), 1):
        at = START + timedelta(hours=number)
        put(journal, add_notice(journal, clock, number), held_reason=reason, held_at=at, **held)
    add_notice(journal, clock, 4)
    with journal.read() as connection:
        found = [(one.reason, one.count, one.since) for one in questions.held(connection)]
    assert found == [
        ("crashes", 1, START + timedelta(hours=3)),
        ("mailbox", 2, START + timedelta(hours=1)),
    ]


def test_the_newest_key_is_that_of_a_notice_that_is_not_erased(
    journal: Journal, clock: TurnedClock
) -> None:
    first, second = (add_notice(journal, clock, number) for number in (1, 2))
    put(journal, second, state="FAILED", open=False, final_at=START, key_wrapped=None)
    with journal.read() as connection:
        found = questions.newest_key(connection)
    assert found is not None
    assert found.delivery_key == f"key-{first}"


def test_an_empty_journal_has_a_schema_and_nothing_else(journal: Journal) -> None:
    with journal.read() as connection:
        assert questions.schema_version(connection) == "0008"
        assert questions.last_commit(connection) is None
        assert questions.newest_key(connection) is None
        assert questions.held(connection) == []
        assert questions.open_by_state(connection) == {}
