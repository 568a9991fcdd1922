"""Times as the journal holds them: whatever the year, they are read again, and sort as text."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from hub.journal.utctime import UtcTime

TIMES = [datetime(year, 1, 1, tzinfo=UTC) for year in (1, 999, 1000, 2026, 9999)]


@pytest.mark.parametrize("at", TIMES, ids=lambda at: f"year {at.year}")
def test_a_time_of_any_year_is_read_as_it_was_stored(at: datetime) -> None:
    database = sa.create_engine("sqlite://")
    table = sa.Table("t", sa.MetaData(), sa.Column("at", UtcTime))
    with database.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), {"at": at})
        assert connection.execute(sa.select(table.c.at)).scalar_one() == at
    database.dispose()


def test_times_are_stored_in_the_order_of_their_texts() -> None:
    texts = [UtcTime().process_bind_param(at, None) or "" for at in TIMES]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {27}
