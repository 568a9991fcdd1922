"""A copy of the database while hubs work on it: of one moment, whole, and marked as a copy.

SQLite's backup goes on page by page in one read transaction, so that commits made meanwhile neither
wait nor begin it anew. The copy is one file, without a write-ahead log; no hub works on it before
it is put back (`hub.journal.restoring`).
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from hub.errors import StorageFailed
from hub.evidence import Head, stamp
from hub.journal import COPY, payloads, returned_files
from hub.journal.database import BUSY_MS

PAGES = 4096  # copied between two words of progress
_SEGMENTS = """
    SELECT segment FROM payload WHERE segment IS NOT NULL
    UNION SELECT segment FROM returned_file WHERE segment IS NOT NULL ORDER BY segment
"""

Told = Callable[[int, int], None]
"""Is told how much is done, and of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy holds: its log, up to where, its schema, and the segments that it names."""

    log_id: str
    head: Head | None
    schema: str
    segments: tuple[str, ...]


def copy(source: Path, target: Path, at: datetime, told: Told) -> Copied:
    """Copy the database `source` to the new file `target`. Not durable before a sync.

    at: when the copy was begun. Raises StorageFailed.
    """

    def progress(_status: int, remaining: int, total: int) -> None:
        told(total - remaining, total)

    try:
        with (
            closing(sqlite3.connect(source, isolation_level=None)) as live,
            closing(sqlite3.connect(target, isolation_level=None)) as made,
        ):
            live.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            live.execute("BEGIN")  # else each commit of a hub would begin the copy anew
            live.execute("SELECT count(*) FROM meta").fetchone()
            live.backup(made, pages=PAGES, progress=progress)
            made.text_factory = lambda data: data.decode("utf-8", "replace")  # of damaged rows
            made.execute("PRAGMA journal_mode=DELETE")
            made.execute("INSERT INTO meta VALUES (?, ?)", (COPY, stamp(at)))
            return _looked_at(made, source)
    except sqlite3.Error as error:
        raise StorageFailed(
            f"the database cannot be copied ({error})",
            where=str(source),
            fix="Check the disks, and the database: hub doctor",
        ) from error


def _looked_at(made: sqlite3.Connection, source: Path) -> Copied:
    if (found := made.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise StorageFailed(
            f"the database is damaged ({found})",
            where=str(source),
            fix="Keep the last good backup, stop the hub, and restore it: hub restore",
        )
    last = made.execute("SELECT seq, value FROM chain ORDER BY seq DESC LIMIT 1").fetchone()
    return Copied(
        log_id=made.execute("SELECT value FROM meta WHERE key = 'log_id'").fetchone()[0],
        head=Head(number=last[0], link=last[1]) if last else None,
        schema=made.execute("SELECT version_num FROM alembic_version").fetchone()[0],
        segments=tuple(str(row[0]) for row in made.execute(_SEGMENTS)),
    )


def named(connection: sa.Connection, segment: str) -> bool:
    """Whether the journal still names a segment: something of a notice or a reply lies there."""
    return bool(payloads.used(connection, [segment]) or returned_files.used(connection, [segment]))
