"""Who works on this journal."""

from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import worker


def begin(tx: Transaction, worker_id: str, boot_id: str, pid: int, now: datetime) -> None:
    """Note that a worker began. Its id is never used again."""
    tx.connection.execute(
        sa.insert(worker).values(id=worker_id, boot_id=boot_id, pid=pid, started_at=now)
    )


def end(tx: Transaction, worker_id: str, now: datetime) -> None:
    """Note that a worker ended, by itself or found dead."""
    tx.connection.execute(
        sa.update(worker)
        .where(worker.c.id == worker_id, worker.c.ended_at.is_(None))
        .values(ended_at=now)
    )


def has_ended(connection: sa.Connection, worker_id: str) -> bool:
    """Whether a worker ended by itself, or was found dead and seen to."""
    of = sa.select(worker.c.ended_at).where(worker.c.id == worker_id)
    return connection.scalar(of) is not None


def unended(connection: sa.Connection) -> list[tuple[str, str]]:
    """Return id and boot id of each worker that has not ended, as far as the journal knows."""
    rows = connection.execute(
        sa.select(worker.c.id, worker.c.boot_id).where(worker.c.ended_at.is_(None))
    )
    return [(row.id, row.boot_id) for row in rows]
