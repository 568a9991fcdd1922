"""Which folder each spool's `out/` is, and whether an alarm stands over it.

Kept as rows of `meta`, `out:<tenant>/<procedure>` -> JSON, so that a restart, and the command that
ends an alarm, see what the hub saw.
"""

import json
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from hub.journal import Transaction
from hub.journal.tables import meta

PREFIX = "out:"
DAMAGED = "damaged"  # an alarm: what is kept of it is not what the hub wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder that a spool's `out/` was when the hub last counted there.

    device, inode, marker: its identity
    alarm: why nothing is counted there now; None if all is well
    """

    tenant: str
    procedure: str
    device: int
    inode: int
    marker: str
    alarm: str | None = None


def known(connection: sa.Connection) -> dict[tuple[str, str], Place]:
    """Return what is known, by tenant and procedure."""
    rows = connection.execute(
        sa.select(meta.c.key, meta.c.value).where(meta.c.key.startswith(PREFIX, autoescape=True))
    )
    places = (_read(row.key.removeprefix(PREFIX), row.value) for row in rows)
    return {(place.tenant, place.procedure): place for place in places}


def _read(name: str, value: str) -> Place:
    """Return a place; one that cannot be read is under an alarm, so that nothing is guessed."""
    tenant, _, procedure = name.partition("/")
    try:
        place = Place(**json.loads(value))
    except (ValueError, TypeError):
        place = None
    if place is None or (place.tenant, place.procedure) != (tenant, procedure):
        return Place(
            tenant=tenant, procedure=procedure, device=0, inode=0, marker="", alarm=DAMAGED
        )
    return place


def remember(tx: Transaction, place: Place) -> None:
    """Keep a place, in the stead of what was known of it."""
    key = f"{PREFIX}{place.tenant}/{place.procedure}"
    value = json.dumps(asdict(place), sort_keys=True)
    changed = tx.connection.execute(sa.update(meta).where(meta.c.key == key).values(value=value))
    if changed.rowcount == 0:
        tx.connection.execute(sa.insert(meta).values(key=key, value=value))
