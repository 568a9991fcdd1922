"""The fake's file: what was deposited, which accounts there are, and in what mood it is."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

FILE = "far-side.db"
TIMEOUT = 30.0  # seconds to wait for another process that writes
SCHEMA = """
CREATE TABLE IF NOT EXISTS letter (
    n INTEGER PRIMARY KEY, key TEXT, reference TEXT, at TEXT, state TEXT, digests TEXT);
CREATE TABLE IF NOT EXISTS mood (name TEXT PRIMARY KEY, value REAL);
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, status TEXT);
CREATE TABLE IF NOT EXISTS told (n INTEGER PRIMARY KEY, what TEXT, value TEXT, at TEXT);
"""
Status = Literal["active", "unknown", "deleted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A deposit: the mailbox's id, its time; `taken`, `confirmed` or `refused`."""

    reference: str
    at: datetime
    state: str

    @classmethod
    def of_now(cls, reference: str, state: str) -> Self:
        """Return one of this moment."""
        return cls(reference=reference, at=datetime.now(UTC), state=state)


class Store:
    """The file; every look and every change is a transaction of its own."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=TIMEOUT)) as database:
            database.isolation_level = None
            database.execute("PRAGMA synchronous = OFF")
            database.executescript(SCHEMA)
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")

    def put(self, key: str, reference: str, digests: Sequence[str], *, once: bool) -> Stored:
        """Store a deposit and return it; with `once`, the one that is there under this key."""
        with self._open() as database:
            if once and (earlier := _first(database, key)) is not None:
                return earlier
            made = Stored.of_now(reference, "taken")
            database.execute(
                "INSERT INTO letter (key, reference, at, state, digests) VALUES (?, ?, ?, ?, ?)",
                (key, reference, made.at.isoformat(), made.state, json.dumps(digests)),
            )
            return made

    def found(self, key: str) -> Stored | None:
        """Return the first deposit under a key."""
        with self._open() as database:
            return _first(database, key)

    def letters(self) -> list[tuple[str, list[str]]]:
        """Return key and documents' digests of all deposits, in their order."""
        with self._open() as database:
            rows = database.execute("SELECT key, digests FROM letter ORDER BY n").fetchall()
            return [(key, json.loads(digests)) for key, digests in rows]

    def judge(self, key: str, state: str) -> None:
        """Set the state of a deposit."""
        with self._open() as database:
            database.execute("UPDATE letter SET state = ? WHERE key = ?", (state, key))

    def mood(self, name: str, value: float | None = None) -> float:
        """Return a mood, or set it: `down`, `slow`, `busy`, `locked`, `lose`; 0: not so."""
        with self._open() as database:
            if value is not None:
                database.execute("INSERT OR REPLACE INTO mood VALUES (?, ?)", (name, value))
                return value
            row = database.execute("SELECT value FROM mood WHERE name = ?", (name,)).fetchone()
            return float(row[0]) if row else 0.0

    def take(self, name: str) -> bool:
        """Return whether a mood is set, and end it."""
        with self._open() as database:
            changed = database.execute(
                "UPDATE mood SET value = 0 WHERE name = ? AND value != 0", (name,)
            )
            return changed.rowcount > 0

    def account(self, name: str, status: Status | None = None) -> Status:
        """Return an account's status, or set it."""
        with self._open() as database:
            if status is not None:
                database.execute("INSERT OR REPLACE INTO account VALUES (?, ?)", (name, status))
                return status
            row = database.execute("SELECT status FROM account WHERE name = ?", (name,)).fetchone()
            found: Status = row[0] if row else "unknown"
            return found

    def add(self, what: str, value: str) -> None:
        """Note something told: `status`, `shown` (a status's key) or `reply`."""
        with self._open() as database:
            database.execute(
                "INSERT INTO told (what, value, at) VALUES (?, ?, ?)",
                (what, value, datetime.now(UTC).isoformat()),
            )

    def told(self, what: str) -> list[tuple[int, str, str]]:
        """Return number, value and time of everything that was told."""
        with self._open() as database:
            return database.execute(
                "SELECT n, value, at FROM told WHERE what = ? ORDER BY n", (what,)
            ).fetchall()

    def forget(self, reference: str) -> None:
        """Forget something told, by its number."""
        with self._open() as database:
            database.execute("DELETE FROM told WHERE n = ?", (reference,))


def _first(database: sqlite3.Connection, key: str) -> Stored | None:
    row = database.execute(
        "SELECT reference, at, state FROM letter WHERE key = ? ORDER BY n", (key,)
    ).fetchone()
    if row is None:
        return None
    return Stored(reference=row[0], at=datetime.fromisoformat(row[1]), state=row[2])
