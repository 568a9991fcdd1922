"""The journal: one database, the only truth about state, and the only SQL of the hub.

`Journal.write()` is one commit: rows, evidence entries and the link of their chain go in together
or not at all. The modules beside this one hold the statements, by what they are about:

    taking      drops: taken, repeated, refused, stuck; what is left to settle
    queue       what is due at a mailbox, and whose
    attempts    who works on what
    steps       how attempts end, and what becomes of their notices
    late        answers that came when their attempt was given up already
    recovery    what was left behind, is overdue, waits for its seal
    deciding    what a person decides: try sooner, free, settle
    cases       what waits for a person
    pauses      what a person stopped
    circuits    what mailboxes said of themselves, and whether they are in order
    handouts    receipts: their bytes, where they were written, when they were fetched
    payloads    where a notice's ciphertext lies; erasing
    copying     a copy of it all, of one moment
    restoring   what a copy that was put back does not know; remains: what it finds of it
    workers     who works here
    timekeeping what moves when the wall clock was set
    marking     whether a database is a test's, whose clock runs faster
    observers   how far each observer of the evidence log is
    questions   what `hub status`, `hub list` and `hub doctor` read

Crash safety: SQLite in WAL with synchronous=FULL; `hub.journal.database` verifies it at start.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from hub import evidence
from hub.clock import Clock
from hub.errors import JournalInvalid, StorageFailed
from hub.journal import database, marking
from hub.journal.presence import Presence
from hub.journal.tables import Row, chain, entry, meta, worker
from hub.telemetry import logger

__all__ = ["Journal", "Row", "Transaction", "open_journal"]

BRIEFLY_MS = 200  # the hub has one thread: so long it waits to empty the write-ahead log
HEALTH = (
    "Check the disk's space and health, and who else holds the database; nothing that was confirmed"
    " is lost. A damaged one: put a backup in its place"
)
RIGHTS = (
    "Check the disk and the file's rights: hub doctor. A damaged one: put a backup in its place"
)
AGAIN = "Check the disk's space and health: hub doctor. It is tried again"
COPY = "copy"  # the key in `meta` of a copy, until it is put back: no hub works on one


@dataclass(slots=True, kw_only=True)  # collects what rides in one commit
class Transaction:
    """One commit in the making: a connection, and the evidence entries that ride in it."""

    connection: sa.Connection
    entries: list[tuple[int | None, evidence.Entry]] = field(default_factory=list)

    def record(self, notice_id: int | None, what: evidence.Entry) -> None:
        """Let an entry of the evidence log ride in this commit."""
        self.entries.append((notice_id, what))

    def note(self, notice_id: int | None, kind: str, at: datetime, **subject: str | int) -> None:
        """Let an entry ride in this commit that no receipt names."""
        self.record(notice_id, evidence.Entry(kind=kind, at=at, subject=subject))


# Made once: making a statement takes longer than the database does for it.
_LAST_LINK = sa.select(chain.c.seq, chain.c.value).order_by(chain.c.seq.desc()).limit(1)
_ENTRIES, _LINK = sa.insert(entry), sa.insert(chain)


class Journal:
    """The hub's database, opened by `open_journal`."""

    def __init__(self, engine: sa.Engine, path: Path, clock: Clock) -> None:
        self._engine, self.path, self._clock = engine, path, clock
        self.commits = 0
        self.log_stands = False
        self._presence = Presence(path)
        self.log_id = self._identify()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Begin a commit; it is durable when the block is left, or nothing of it happened.

        Raises StorageFailed when the database refuses; what a constraint forbids stays an
        `sqlalchemy.exc.IntegrityError`, which is a bug or a race that the caller knows.
        """
        with (
            self._told("the database did not take the commit", HEALTH),
            self._engine.connect().execution_options(write=True) as connection,
        ):
            with connection.begin():
                transaction = Transaction(connection=connection)
                yield transaction
                self._link(transaction)
                self._presence.check()
            self._presence.check()  # in case they went between
            self.commits += 1

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Begin a read on one consistent state."""
        with (
            self._told("the database cannot be read", RIGHTS),
            self._engine.connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _told(self, what: str, fix: str) -> Iterator[None]:
        """Let a refusal of the database be StorageFailed, which says what happened."""
        try:
            yield
        except sa.exc.DatabaseError as error:
            if not _is_of_storage(error):
                raise
            raise StorageFailed(f"{what} ({error.orig})", where=str(self.path), fix=fix) from error

    def settings(self) -> dict[str, object]:
        """Return the database settings that durability rests on, as read back."""
        return database.settings(self._engine)

    def bind(self, fingerprint: str) -> None:
        """Tie the database to one configuration, the first that comes.

        Raises JournalInvalid when it belongs to another: two hubs with different ideas of tenants
        or folders on one journal would hand receipts to the wrong place. And when it is a copy: it
        would take for undone what was done after it.
        """
        with self.write() as tx:
            if tx.connection.scalar(sa.select(meta.c.value).where(meta.c.key == COPY)):
                raise JournalInvalid(
                    "this is a backup's copy of a database, and was not restored",
                    where=str(self.path),
                    fix="Move it away, and put the backup back by: hub restore DIR",
                )
            found = tx.connection.scalar(sa.select(meta.c.value).where(meta.c.key == "config"))
            if found is None:
                tx.connection.execute(sa.insert(meta).values(key="config", value=fingerprint))
            elif found != fingerprint and self._others_alive(tx.connection):
                raise JournalInvalid(
                    "another hub works on this database with another hub.toml",
                    where=str(self.path),
                    fix="Start both with the same file, or stop the other one first",
                )
            elif found != fingerprint:
                tx.connection.execute(
                    sa.update(meta).where(meta.c.key == "config").values(value=fingerprint)
                )

    def truncate_log(self) -> None:
        """Empty the write-ahead log, so that what was overwritten in the database is gone there.

        Waits for no one who reads an older state, as a backup does for long: then the log stands,
        and `log_stands` says that this is to be done again. Raises StorageFailed; then it does too.
        """
        self.log_stands = True
        with (
            self._told("the database's write-ahead log cannot be emptied", AGAIN),
            self._engine.connect() as connection,
        ):
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BRIEFLY_MS}")
            try:
                found = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={database.BUSY_MS}")
        self.log_stands = bool(found[0])

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def _others_alive(self, connection: sa.Connection) -> bool:
        """Return whether a worker of this boot that has not ended still has its process."""
        wanted = sa.select(worker.c.pid).where(
            worker.c.ended_at.is_(None), worker.c.boot_id == self._clock.boot_id
        )
        return any(Path(f"/proc/{pid}").exists() for pid in connection.scalars(wanted))

    def _identify(self) -> str:
        with self.write() as tx:
            known = sa.select(meta.c.value).where(meta.c.key == "log_id")
            if (found := tx.connection.scalar(known)) is not None:
                return _identity(str(found), self.path)
            made = str(uuid.uuid4())
            tx.connection.execute(sa.insert(meta).values(key="log_id", value=made))
            return made

    def _link(self, tx: Transaction) -> None:
        """Write the commit's entries and chain them to the commit before."""
        if not tx.entries:
            return
        last = tx.connection.execute(_LAST_LINK).first()
        seq, previous = (last.seq + 1, last.value) if last else (1, None)
        now = self._clock.now()
        rows = [
            {
                "seq": seq,
                "notice_id": notice_id,
                "kind": what.kind,
                "at": what.at,
                "body": evidence.canonical(what),
                "digest": evidence.digest(what),
            }
            for notice_id, what in tx.entries
        ]
        tx.connection.execute(_ENTRIES, rows)
        value = evidence.link(previous, seq, [str(row["digest"]) for row in rows], now)
        tx.connection.execute(_LINK, {"seq": seq, "at": now, "value": value})


def _identity(found: str, path: Path) -> str:
    """Return the log's id as it stands. Raises JournalInvalid where it is none any more."""
    try:
        uuid.UUID(found)
    except ValueError:
        raise JournalInvalid(
            "the id of the evidence log is damaged: every receipt would name another log",
            where=str(path),
            fix="Keep the database as it is, and restore the last backup",
        ) from None
    return found


def _is_of_storage(error: sa.exc.DatabaseError) -> bool:
    """Tell errors of file and disk, a damaged database among them, from those of a statement."""
    if type(error) is sa.exc.DatabaseError:
        logger().error("database damaged - put a backup in its place")
        return True
    return isinstance(error, sa.exc.OperationalError)


def open_journal(path: Path, clock: Clock, *, create: bool = False) -> Journal:
    """Open the journal, verified and migrated.

    Raises JournalInvalid, CannotCreate, StorageFailed.
    """
    engine = database.connect(path, create=create)
    try:
        marking.check(engine, path, clock)
        return Journal(engine, path, clock)
    except BaseException:
        engine.dispose()
        raise
