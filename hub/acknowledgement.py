"""Notice that procedures took their receipts: a file that is gone from `out/` was fetched, mostly.

Deletion is the procedure's acknowledgement, and a lost folder must not look like one. So a file
counts as fetched only if

    1. its folder was synced with it in it (the journal's mark "written"),
    2. `out/` is the folder that it was: same device, inode and marker, also over a restart,
    3. it is missing in two scans at least 60 s apart, on the clock that no one sets,
    4. it did not go with all others at once, where 20 or more lay there.

Where 2 or 4 fails an alarm is kept in the journal, and nothing counts in that spool until a person
says that the files were fetched: `confirm`. What was lost instead is written again by order.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from hub.clock import Clock
from hub.errors import NotAvailable
from hub.journal import Journal, Transaction, handouts, places, returned_files, returning
from hub.journal.places import Place
from hub.spool import Identity, Spool, Spools
from hub.spool.claims import TEMPORARY
from hub.spool.folders import names
from hub.telemetry import logger

GONE_FOR = 60.0  # seconds between the two scans that miss a file
CROWD = 20  # so many files do not go all at once by being fetched one by one
AT_ONCE = 1000  # ids in one statement; a database takes only so many
LEFT_OVER = timedelta(hours=1)  # after this a temporary file is a crash's
ALL_GONE, OTHER_FOLDER, NO_FOLDER = "all-gone", "other-folder", "no-folder"

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A spool in which nothing counts as fetched until a person confirms it."""

    tenant: str
    procedure: str
    reason: str  # all-gone, other-folder, no-folder
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Untaken:
    """A receipt that lies in `out/` for long."""

    tenant: str
    procedure: str
    file: str
    written_at: datetime


class Acknowledgements:
    """Looks into the `out/` of all spools. For one thread; keeps what was missing when."""

    def __init__(self, journal: Journal, spools: Spools, clock: Clock) -> None:
        """Serve these spools."""
        self._journal, self._spools, self._clock = journal, spools, clock
        self._gone_for = GONE_FOR / clock.speed
        self._there: dict[Key, set[int]] = {}  # what the last scan saw
        self._missing: dict[Key, dict[int, float]] = {}  # since when on clock.elapsed()

    def scan(self) -> list[Alarm]:
        """Look at all spools once; commit what counts as fetched; return new alarms.

        Raises StorageFailed.
        """
        with self._journal.read() as connection:
            known = places.known(connection)
        raised = []
        for key, spool in self._spools.items():
            if alarm := self._scan_one(key, spool, known.get(key)):
                raised.append(alarm)
                logger().error(
                    "receipts gone - nothing is counted as fetched",
                    tenant=alarm.tenant,
                    procedure=alarm.procedure,
                    code=alarm.reason,
                    count=alarm.missing,
                )
        return raised

    def _scan_one(self, key: Key, spool: Spool, place: Place | None) -> Alarm | None:
        if place and place.alarm:
            self._forget(key)
            return None
        identity = spool.folders.identity()
        if identity is None or not spool.folders.in_place():
            return self._raise(key, place, NO_FOLDER, 0)
        if place is None:
            self._remember(_place(key, identity))
        elif _place(key, identity) != place:
            return self._raise(key, place, OTHER_FOLDER, 0)
        there, gone = set[int](), set[int]()
        with self._journal.read() as connection:
            wanted = returning.lying(connection, *key)
            first = next(wanted, None)  # this reads as of now: all of it was written before
            found = set(names(spool.folders.out))
            for name, number, _ in chain([first] if first else [], wanted):
                (there if name in found else gone).add(number)
        _sweep_left_over(spool, found, self._clock.now())
        before = self._there.get(key, there | gone)
        if len(before) >= CROWD and not before & there and before & gone:
            return self._raise(key, place or _place(key, identity), ALL_GONE, len(gone))
        self._there[key] = there
        self._count(key, gone)
        return None

    def _count(self, key: Key, gone: set[int]) -> None:
        """Commit as fetched what is missing for long enough."""
        now = self._clock.elapsed()
        since = self._missing.get(key, {})
        since = {number: since.get(number, now) for number in gone}
        fetched = [number for number, start in since.items() if now - start >= self._gone_for]
        if fetched:
            with self._journal.write() as tx:
                _confirm(tx, fetched, self._clock.now())
        self._missing[key] = {number: since[number] for number in gone.difference(fetched)}

    def _raise(self, key: Key, place: Place | None, reason: str, missing: int) -> Alarm | None:
        """Keep an alarm; without a place there was nothing yet that could have been lost."""
        self._forget(key)
        if place is None:
            return None
        with self._journal.write() as tx:
            places.remember(tx, replace(place, alarm=reason))
            tx.note(
                None, "spool.alarm", self._clock.now(), tenant=key[0], procedure=key[1], code=reason
            )
        return Alarm(tenant=key[0], procedure=key[1], reason=reason, missing=missing)

    def _remember(self, place: Place) -> None:
        with self._journal.write() as tx:
            places.remember(tx, place)

    def _forget(self, key: Key) -> None:
        self._there.pop(key, None)
        self._missing.pop(key, None)


def confirm(journal: Journal, spool: Spool, clock: Clock) -> int:
    """End the alarm of a spool: a person says that what is missing there was fetched.

    The folder that is there now is the spool's from here on. Works beside a running hub, which
    sees it at its next scan. Returns how many files count as fetched by it.
    Raises NotAvailable when there is no folder, StorageFailed.
    """
    key = spool.tenant, spool.procedure
    identity = spool.folders.identity()
    if identity is None or not spool.folders.in_place():
        raise NotAvailable(
            "the folder out/ is not there, or has no marker",
            where=str(spool.folders.path),
            fix="Make it again, or mount it, and start the hub once",
        )
    now = clock.now()
    with journal.write() as tx:
        # The lock on the journal is held: all that it calls written was written before.
        found = set(names(spool.folders.out))
        wanted = returning.lying(tx.connection, *key)
        gone = [number for name, number, _ in wanted if name not in found]
        _confirm(tx, gone, now)
        places.remember(tx, _place(key, identity))
        tx.note(None, "spool.confirmed", now, tenant=key[0], procedure=key[1], count=len(gone))
    return len(gone)


def alarms(journal: Journal) -> list[Place]:
    """Return the spools over which an alarm stands."""
    with journal.read() as connection:
        return [place for place in places.known(connection).values() if place.alarm]


def untaken(
    journal: Journal, spools: Iterable[Key], now: datetime, longer_than: timedelta
) -> list[Untaken]:
    """Return the receipts that no procedure took within a time, oldest first: to warn of."""
    found = []
    with journal.read() as connection:
        for tenant, procedure in spools:
            for name, _, written_at in returning.lying(connection, tenant, procedure):
                if now - written_at >= longer_than:
                    found.append(
                        Untaken(
                            tenant=tenant, procedure=procedure, file=name, written_at=written_at
                        )
                    )
    return sorted(found, key=lambda one: one.written_at)


def _confirm(tx: Transaction, ids: list[int], now: datetime) -> None:
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        handouts.confirmed(tx, [number for number in some if number > 0], now)
        returned_files.confirmed(tx, [-number for number in some if number < 0], now)


def _place(key: Key, identity: Identity) -> Place:
    return Place(
        tenant=key[0],
        procedure=key[1],
        device=identity.device,
        inode=identity.inode,
        marker=identity.marker,
    )


def _sweep_left_over(spool: Spool, found: set[str], now: datetime) -> None:
    """Take off temporary files that a crash left in `out/`."""
    out, oldest = spool.folders.out, (now - LEFT_OVER).timestamp()
    for name in found:
        if not TEMPORARY.fullmatch(name):
            continue
        with suppress(OSError):  # tried again at the next scan
            status = os.stat(name, dir_fd=out, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and status.st_mtime < oldest:
                os.unlink(name, dir_fd=out)
