"""The numbers of files in `out/`: receipts and replies of one stem share the count."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.journal import Journal, handouts, numbering
from hub.vault import Vault
from tests.unit.barriers import Watched
from tests.unit.replies import store
from tests.unit.spools import TurnedClock, add_notice, issue, open_new_journal

PLACE = ("rostock", "bauamt", "stem-1")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Give a journal with two receipts and two replies of one stem."""
    clock = TurnedClock()
    opened, vault = open_new_journal(tmp_path, clock), Vault(tmp_path / "v", bytes(32), Watched())
    number = add_notice(opened, clock, 1)
    for receipt, outcome in enumerate(("ACCEPTED", "DEPOSITED")):
        issue(opened, clock, number, receipt, outcome=outcome, stem="stem-1")
    for item in ("3", "4"):
        store(opened, vault, item, "stem-1", int(item))
    yield opened
    vault.close()
    opened.close()


def test_receipts_and_replies_share_the_count(journal: Journal) -> None:
    with journal.read() as connection:
        assert handouts.next_number(connection, *PLACE) == 5
        assert numbering.last(connection, [PLACE]) == {PLACE: 4}


@pytest.mark.parametrize(
    ("table", "nn", "left"), [("handout", 2, 4), ("returned_file", 4, 3), ("returned_file", 3, 4)]
)
def test_a_damaged_number_counts_for_nothing(
    journal: Journal, table: str, nn: int, left: int
) -> None:
    with journal.write() as tx:
        change = f"UPDATE {table} SET nn = 'many' WHERE nn = {nn}"  # noqa: S608  # ours
        tx.connection.exec_driver_sql(change)
    with journal.read() as connection:
        assert handouts.next_number(connection, *PLACE) == left + 1
        assert numbering.last(connection, [PLACE]) == {PLACE: left}
