"""The database under the journal: opened with settings that lose no commit, checked at start.

Measured (docs/explanation/durability.md): WAL with synchronous=NORMAL and a rollback journal with
FULL lose acknowledged commits at a power cut; WAL with FULL loses none. So WAL and FULL are set at
connect and read back before any work. Migrations run under one write lock, so two first openers
do not collide.
"""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.errors import CannotCreate, JournalInvalid, StorageFailed

HEAD = "0008"
BUSY_MS = 60_000

# pragma -> what reading it back must give
SETTINGS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "secure_delete": 1,
    "foreign_keys": 1,
}


def connect(path: Path, *, create: bool) -> sa.Engine:
    """Return an engine on the SQLite file, its settings verified and its schema current.

    create: whether a database that is not there is made
    Raises JournalInvalid (settings, version), CannotCreate, StorageFailed.
    """
    if not path.exists() and not create:
        raise JournalInvalid(
            "there is no database yet", where=str(path), fix="Start the hub once: hub run --once"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotCreate(
            f"the database's folder cannot be made ({error.strerror})",
            where=str(path.parent),
            fix="Check hub.database in hub.toml and the folder's rights",
        ) from error
    engine = sa.create_engine(
        f"sqlite:///{path}", poolclass=sa.pool.StaticPool, connect_args={"timeout": BUSY_MS / 1000}
    )
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    try:
        _verify(engine, path)
        _migrate(engine, path)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise StorageFailed(
            f"the database cannot be opened ({error.orig})",
            where=str(path),
            fix="Check that it is a database of this hub, its rights and the disk: hub doctor",
        ) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    """Set what a connection needs; the busy time first, else two openers collide at WAL."""
    connection.isolation_level = None  # transactions are begun by us, see _begin
    connection.text_factory = _text
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _text(value: bytes) -> str:
    """Return a text; one that is damaged is read, so that it stops no other: see `soundness`."""
    return str(value, "utf-8", "replace")


def _begin(connection: sa.Connection) -> None:
    # A reader that turns writer in mid-transaction cannot wait for the lock; so writers say it.
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def settings(engine: sa.Engine) -> dict[str, Any]:
    """Return the pragmas as the database reads them back."""
    with engine.connect() as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in SETTINGS}


def _verify(engine: sa.Engine, path: Path) -> None:
    for name, found in settings(engine).items():
        if found != SETTINGS[name]:
            raise JournalInvalid(
                f"PRAGMA {name} is {found!r}, not {SETTINGS[name]!r}: a commit could be lost",
                where=str(path),
                fix="Put the database on a local file system that carries SQLite's WAL",
            )


def _migrate(engine: sa.Engine, path: Path) -> None:
    with engine.connect() as connection:
        if version(connection) == HEAD:
            return
    # imported late: a start on a current database needs none of it
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        if version(connection) == HEAD:  # another process was first
            return
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise JournalInvalid(
                "the database was made by a newer hub, or by none",
                where=str(path),
                fix=f"Run the hub that made it; this one knows versions up to {HEAD}",
            ) from error


def version(connection: sa.Connection) -> str | None:
    """Return the schema version of the database, None for an empty one."""
    known = connection.exec_driver_sql(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    ).scalar()
    if not known:
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)
