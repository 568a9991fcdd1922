"""What was in hand when something failed: counted, before it is taken in hand again.

Kept as rows of `meta`, `tried:<stage>:<what>` -> count, so that the next start knows.
"""

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from hub.journal import Transaction
from hub.journal.tables import meta

PREFIX = "tried:"
_COUNT = sa.cast(meta.c.value, sa.Integer)


def count(tx: Transaction, stage: str, names: Iterable[str]) -> None:
    """Count a try for each of these."""
    for name in names:
        new = insert(meta).values(key=f"{PREFIX}{stage}:{name}", value="1")
        more = sa.cast(_COUNT + 1, sa.String)
        tx.connection.execute(
            new.on_conflict_do_update(index_elements=["key"], set_={"value": more})
        )


def over(tx: Transaction, stage: str, names: Collection[str]) -> None:
    """Forget the tries of these: they went well, or somebody has seen to them."""
    keys = [f"{PREFIX}{stage}:{name}" for name in names]
    tx.connection.execute(sa.delete(meta).where(meta.c.key.in_(keys)))


def known(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """Return how often each was in hand when something failed, by stage and name."""
    wanted = sa.select(meta.c.key, _COUNT.label("tries")).where(
        meta.c.key.startswith(PREFIX, autoescape=True)
    )
    found = {}
    for row in connection.execute(wanted):
        stage, _, name = row.key.removeprefix(PREFIX).partition(":")
        found[stage, name] = int(row.tries)
    return found
