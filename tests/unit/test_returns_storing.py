"""An item is stored once, and belongs to a notice of its own mailbox and of its tenants."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.journal import Journal, posting, returning, steps
from hub.journal.cases import items
from hub.journal.tables import returned
from hub.model import State
from hub.returns import Storing, judging
from hub.vault import new_key
from postfach_mailbox import Item
from tests.unit import notices
from tests.unit.dispatching import Ground
from tests.unit.notices import START, TurnedClock

ITEM = Item.model_validate(
    {
        "id": "1",
        "kind": "retrieval",
        "at": START,
        "about": f"{1:064x}",
        "evidence": [{"name": "a", "media_type": "text/plain", "data": "YQ=="}],
    }
)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


@pytest.fixture
def storing(ground: Ground) -> Storing:
    return Storing(
        config=ground.config,
        journal=ground.journal,
        vault=ground.vault,
        issuer=ground.issuer,
        clock=ground.clock,
    )


def trouble(ground: Ground) -> str | None:
    with ground.journal.read() as connection:
        return connection.scalar(sa.select(returned.c.trouble))


def test_what_another_hub_stored_meanwhile_is_not_stored_again(
    ground: Ground, storing: Storing
) -> None:
    for _ in range(2):
        storing.store("archive", ITEM, new_key(), (), cursor=None)
    with ground.journal.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(returned)) == 1


def test_an_item_that_says_something_else_the_second_time_is_a_case(
    ground: Ground, storing: Storing
) -> None:
    ground.take(1)
    item = ITEM.model_copy(update={"kind": "status"})
    storing.store("archive", item, new_key(), (), cursor=None)
    assert storing.known("archive", item)
    assert trouble(ground) is None
    assert storing.known("archive", item.model_copy(update={"about": "another"}))
    assert trouble(ground) == returning.CHANGED


def test_an_item_whose_notice_is_gone_from_the_journal_is_still_a_case(
    ground: Ground, storing: Storing
) -> None:
    storing.store("archive", ITEM, new_key(), (), cursor=None)  # of no notice
    with closing(sqlite3.connect(ground.journal.path)) as database:  # which keeps no foreign keys
        database.execute("UPDATE returned SET notice_id = 77")
        database.commit()
    with ground.journal.read() as connection:
        (case,) = items(connection)
    assert (case.tenant, case.message_id) == (None, None)


@pytest.mark.parametrize(
    "state", [one for one in State if one not in (State.HELD, State.DEPOSITED)]
)
def test_what_was_never_deposited_was_not_retrieved(journal: Journal, state: State) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    with journal.write() as tx:
        steps.step(tx, number, state, None, START)
    with journal.write() as tx:
        assert judging.trouble(tx, number, ITEM, START) == posting.NOT_DEPOSITED


@pytest.mark.parametrize(
    ("mailbox", "tenants", "found"),
    [
        ("archive", ["rostock"], True),
        ("archive", ["schwerin"], False),  # the mailbox was taken from the tenant since
        ("other", ["rostock"], False),
    ],
)
def test_an_item_is_of_a_notice_of_its_mailbox_and_its_tenants(
    journal: Journal, mailbox: str, tenants: list[str], found: bool
) -> None:
    (number,) = notices.take(journal, notices.notice(1))
    with journal.read() as connection:
        whose = returning.match(connection, mailbox, f"{1:064x}", None, tenants)
    assert whose == ((number, None) if found else (None, returning.UNKNOWN))
