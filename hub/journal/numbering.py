"""The numbers of files in `out/`: receipts and replies of one stem share the count.

After a restore they go on from the next hundred, so that no name is given twice that the lost
journal gave.
"""

from collections import defaultdict
from collections.abc import Collection

import sqlalchemy as sa

from hub.journal import restoring, returned_files
from hub.journal.tables import handout

Place = tuple[str, str, str]
"""Tenant, procedure and stem."""
LOST = 100  # numbers of a stem that a lost journal may have given

_LAST = (
    sa.select(handout.c.stem, sa.func.max(handout.c.nn).label("nn"))
    .where(
        handout.c.tenant == sa.bindparam("tenant"),
        handout.c.procedure == sa.bindparam("procedure"),
        handout.c.stem.in_(sa.bindparam("stems", expanding=True)),
        sa.func.typeof(handout.c.nn) == "integer",  # a damaged one counts for nothing
    )
    .group_by(handout.c.stem)
)


def last(connection: sa.Connection, places: Collection[Place]) -> defaultdict[Place, int]:
    """Return the last number that was given, or may have been; 0 where none was."""
    lost = first(connection)
    found: defaultdict[Place, int] = defaultdict(lambda: lost)
    spools: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for tenant, procedure, stem in places:
        spools[tenant, procedure].add(stem)
    for (tenant, procedure), stems in spools.items():
        given = {"tenant": tenant, "procedure": procedure, "stems": list(stems)}
        for row in connection.execute(_LAST, given):
            found[tenant, procedure, row.stem] = max(row.nn, lost)
        for stem, nn in returned_files.numbers(connection, tenant, procedure, stems).items():
            found[tenant, procedure, stem] = max(found[tenant, procedure, stem], nn)
    return found


def first(connection: sa.Connection) -> int:
    """Return the number after which names are free, whatever a lost journal gave."""
    return LOST * restoring.times(connection)
