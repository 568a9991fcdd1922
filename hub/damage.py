"""Damage to the journal's rows: set aside and reported, so that it stops nothing else.

At a start, before any stage reads a row: all that is open, and the small tables. While the hub
runs: a slice of rows at a time, table after table, round and round. A damaged notice is held with
the reason `damaged`, and is a case (`hub list --cases`); of what is final, or belongs to no notice,
the log tells, and `hub doctor`. A damaged evidence log cannot be set aside: its last link ends the
start.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hub.clock import Clock
from hub.errors import JournalInvalid
from hub.journal import Journal, aside, places, proof, soundness
from hub.journal.soundness import Unsound
from hub.journal.tables import notice
from hub.telemetry import logger

SLICE = 250  # numbers of rows that are looked at in one go: a few milliseconds
TABLES = (notice, *soundness.OF_A_NOTICE, *soundness.OTHERS)


@dataclass(slots=True, kw_only=True)  # where the round is
class Damage:
    """Looks for damage, for one worker."""

    journal: Journal
    clock: Clock
    _table: int = 0
    _after: int = 0
    _told: set[tuple[str, int]] = field(default_factory=set)

    def begin(self) -> None:
        """Set aside what would stop this start. Raises JournalInvalid, StorageFailed."""
        with self.journal.read() as connection:
            if not proof.goes_on(connection):
                raise JournalInvalid(
                    "the last link of the evidence log is damaged: nothing can be written after it",
                    where=str(self.journal.path),
                    fix="Keep the database as it is, and restore the last backup",
                )
            small = [
                one for table in soundness.SMALL for one in soundness.unsound(connection, table)
            ]
            found = [*soundness.unsound(connection, notice, only_open=True)]
            spools = [
                one for one in places.known(connection).values() if one.alarm == places.DAMAGED
            ]
        for one in spools:  # nothing is counted as fetched there until a person says so
            logger().error(
                "journal damaged", code="meta.value", tenant=one.tenant, procedure=one.procedure
            )
        self._set_aside(found, small)
        for table in soundness.OF_A_NOTICE:
            with self.journal.read() as connection:
                of_open = [*soundness.unsound(connection, table, only_open=True)]
            self._set_aside(of_open)

    def step(self) -> None:
        """Look at the next slice: of a table, and of those after it as far as it reaches.

        Raises StorageFailed.
        """
        left = SLICE
        for _ in TABLES:
            table, after = TABLES[self._table], self._after
            with self.journal.read() as connection:
                last = soundness.last_row(connection, table)
                up_to = min(after + left, last)
                found = [*soundness.unsound(connection, table, after=after, up_to=up_to)]
            self._set_aside(found)
            left -= max(0, up_to - after)
            if up_to < last:
                self._after = up_to
                return
            self._table, self._after = (self._table + 1) % len(TABLES), 0

    def _set_aside(self, found: Iterable[Unsound], small: Iterable[Unsound] = ()) -> None:
        new = [one for one in found if (one.table, one.row) not in self._told]
        small = list(small)
        if not new and not small:
            return
        now = self.clock.now()
        with self.journal.write() as tx:
            for one in small:
                aside.mend(tx, one, now)
            known = aside.known(tx.connection, {one.whose for one in new if one.whose})
            for one in new:
                if one.whose in known:
                    columns = [f"{one.table}.{column}" for column in one.columns]
                    aside.hold(tx, one.whose, columns, now)
        for one in (*small, *new):
            self._told.add((one.table, one.row))
            for column in one.columns:
                logger().error("journal damaged", code=f"{one.table}.{column}", row=one.row)
