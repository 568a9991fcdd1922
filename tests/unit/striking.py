"""Damage to a journal's rows, as a disk or a hand does it."""

import sqlite3
from contextlib import closing

from tests.unit.dispatching import Ground


def change(ground: Ground, statement: str) -> None:
    """Change the database as a disk does: past its constraints and triggers."""
    with closing(sqlite3.connect(ground.journal.path)) as database:
        database.execute("PRAGMA ignore_check_constraints=ON")
        found = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in database.execute(found).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute(statement)
        database.commit()
