"""Damage to rows of a journal: each column of a table, in each way, each in another notice's row.

As a disk, or a hand, does it: past constraints and triggers of the database.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from hub.journal.utctime import UtcTime
from hub.journal.values import Blob

# by kind of column: SQL of what it becomes; {c} is the column
TEXT = {
    "garbage": "'\x01 garbage'",
    "null byte": "'a' || char(0) || 'b'",
    "no text": "x'ff00fe'",
    "no utf-8": "CAST(x'61ff62' AS TEXT)",
    "cut": "substr({c}, 1, length({c}) / 2)",
    "empty": "''",
}
TIME = {
    "no time": "'soon'",
    "no day": "'2026-02-31T10:00:00.000000Z'",
    "a number": "5",
    "no text": "x'ff00fe'",
    "no utf-8": "CAST(x'32ff32' AS TEXT)",
}
NUMBER = {"negative": "-5", "text": "'many'", "huge": str(2**62), "bytes": "x'ff'"}
TRUTH = {"seven": "7", "text": "'maybe'", "the other": "1 - {c}"}
BYTES = {
    "text": "'text'",
    "cut": "substr({c}, 1, length({c}) / 2)",
    "flipped": "CAST(substr({c}, 1, 20) || x'00ff' || substr({c}, 23) AS BLOB)",
    "empty": "x''",
    "a number": "5",
}
DANGLING = {"dangling": "999999", "text": "'many'", "another": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to damage a column."""

    column: str
    name: str
    sql: str


def ways(table: sa.Table) -> Iterator[Way]:
    """Give every way to damage every column of a table but its own number."""
    for column in table.c:
        if column.primary_key and table.name not in ("drop", "mailbox", "worker", "observer"):
            continue
        for name, sql in _of(column).items():
            at = f'"{column.name}"'
            yield Way(column=column.name, name=name, sql=sql.replace("{c}", at))
        if column.nullable and not column.primary_key:
            yield Way(column=column.name, name="nothing", sql="NULL")


def _of(column: "sa.Column[object]") -> Mapping[str, str]:
    if column.foreign_keys:
        return DANGLING
    kinds = ((UtcTime, TIME), (Blob, BYTES), (sa.Boolean, TRUTH), (sa.Integer, NUMBER))
    found = (ways for kind, ways in kinds if isinstance(column.type, kind))
    return next(found, NUMBER if isinstance(column.type, sa.Float) else TEXT)


def strike(database: Path, statements: Iterator[str] | list[str]) -> None:
    """Change a database past all that it allows; its write-once rules stand again afterwards."""
    with closing(sqlite3.connect(database, timeout=30)) as opened:
        opened.execute("PRAGMA foreign_keys=OFF")
        opened.execute("PRAGMA ignore_check_constraints=ON")
        triggers = opened.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = triggers.fetchall()
        for name, _ in kept:
            opened.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            opened.execute(statement)
        for _, sql in kept:
            opened.execute(sql)
        opened.commit()
