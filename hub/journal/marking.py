"""The mark of a database that was made for a test's clock.

It is written when the database is made, or never: one that anything has worked on cannot be marked,
and no mark is ever removed. So receipts with a test's times come from no database in use, and no
hub in use works on a test's.
"""

from pathlib import Path

import sqlalchemy as sa

from hub.clock import TEST, Clock
from hub.errors import CannotCreate, JournalInvalid
from hub.journal import database
from hub.journal.tables import meta

KEY = "test_clock"
_MARK = sa.select(meta.c.value).where(meta.c.key == KEY)


def make_for_test(path: Path, clock: Clock) -> None:
    """Make a database that only a hub with this test's clock works on.

    Raises CannotCreate where there is one that was worked on, StorageFailed, ValueError for the
    machine's clock.
    """
    if clock.speed == 1:
        raise ValueError("a clock that is not faster needs no mark")
    engine = database.connect(path, create=True)
    try:
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            if connection.execute(sa.select(meta.c.key)).first():
                raise CannotCreate(
                    "a database that was worked on is marked for no test",
                    where=str(path),
                    fix="Name a file that is not there yet",
                )
            connection.execute(sa.insert(meta).values(key=KEY, value=clock.mark))
    finally:
        engine.dispose()


def check(engine: sa.Engine, path: Path, clock: Clock) -> None:
    """Refuse a database that was made for another clock. Raises JournalInvalid."""
    with engine.connect() as connection, connection.begin():
        found = connection.scalar(_MARK) or ""
    if found == clock.mark:
        return
    if not found:
        raise JournalInvalid(
            f"{TEST} is set, and this is no test's database: its receipts would say wrong times",
            where=str(path),
            fix=f"Unset {TEST}",
        )
    raise JournalInvalid(
        f"it was made for a test whose clock ran otherwise ({found})",
        where=str(path),
        fix=f"Set {TEST} to that; for real notices, use a database that no test has worked on",
    )
