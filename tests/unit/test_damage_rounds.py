"""While the hub runs it looks for damage a slice at a time, and comes past every row."""

import sqlalchemy as sa
import structlog

from hub.damage import SLICE, Damage
from hub.journal import Journal
from tests.unit.notices import TurnedClock

ROWS = 2 * SLICE + 50


def test_a_round_comes_past_the_last_row_of_each_table(
    journal: Journal, clock: TurnedClock
) -> None:
    at = "2026-01-05T10:00:00.000000Z"
    drops = [
        {"claim": f"{number:032x}", "at": at if number < ROWS - 1 else "then"}
        for number in range(ROWS)
    ]
    with journal.write() as tx:
        tx.connection.execute(
            sa.text(
                'INSERT INTO "drop" (claim, tenant, procedure, stem, kind, at, aged_out)'
                " VALUES (:claim, 't', 'p', 's', 'refused', :at, 0)"
            ),
            drops,
        )
    damage = Damage(journal=journal, clock=clock)
    found = []
    for _ in range(2):
        with structlog.testing.capture_logs() as logs:
            damage.step()
        found.append([one["code"] for one in logs])
    assert found == [[], []]
    with structlog.testing.capture_logs() as logs:
        damage.step()
    assert [(one["code"], one["row"]) for one in logs] == [("drop.at", ROWS)]
