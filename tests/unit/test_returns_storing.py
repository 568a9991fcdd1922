"""An item is stored once, and belongs to a notice of its own mailbox and of its tenants."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.journal import Journal, returning
from hub.journal.tables import returned
from hub.returns import Storing
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


def test_what_another_hub_stored_meanwhile_is_not_stored_again(ground: Ground) -> None:
    storing = Storing(
        config=ground.config,
        journal=ground.journal,
        vault=ground.vault,
        issuer=ground.issuer,
        clock=ground.clock,
    )
    for _ in range(2):
        storing.store("archive", ITEM, new_key(), (), None)
    with ground.journal.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(returned)) == 1


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
