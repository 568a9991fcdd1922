"""The folders of each procedure: rights, file system, marker, and what waits in them."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.clock import Clock
from hub.config import Config
from hub.doctor.finding import Finding, fine, wrong
from hub.durable import Disk, open_folder
from hub.journal import Journal, circuits, places, taking, workers
from hub.spool import Claim, Stuck, alive
from hub.spool.folders import CLAIMED, MARKER, owners

LEFT_IN = timedelta(days=1)
WAITING = timedelta(minutes=10)  # a claim that is worked is worked sooner
SHARED = ("in", "out", "rejected")
OTHERS, GROUP_AND_OTHERS = 0o002, 0o022


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A procedure's spool."""

    tenant: str
    procedure: str
    config: Config

    @property
    def subject(self) -> str:
        """What findings about it name."""
        return f"spool {self.tenant}/{self.procedure}"

    @property
    def folder(self) -> Path:
        """`<spool>/<tenant>/<procedure>`."""
        return self.config.folder_of(self.tenant, self.procedure)


def look(place: Place, clock: Clock, journal: Journal | None) -> Iterator[Finding]:
    """Look at a procedure's folders; where they are not to be had, no further."""
    found = [*_folders(place)]
    if not found:
        _owner(place)
        found = [
            *_rights(place),
            *_marker(place, journal),
            *_stuck(place, journal),
            *_left_in(place, clock),
            *_claims(place, clock, journal),
        ]
    yield from found or [fine(place.subject, f"in order, barrier: {Disk().name(place.folder)}")]


def _folders(place: Place) -> Iterator[Finding]:
    for name in SHARED:
        folder = place.folder / name
        usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
        if folder.is_symlink() or not folder.is_dir() or not usable:
            yield wrong(
                place.subject,
                f"{name}/ is missing, is a link, or the hub may not read and write there",
                why="Nothing of this procedure can be taken or handed out.",
                fix=f"Make {folder}, with the hub's and the procedure's rights",
                configured=True,
            )


def _owner(place: Place) -> None:
    """Raise ConfigError when the procedure's owner is no user of this machine."""
    fd = open_folder(place.folder / "in")
    try:
        owners(fd, place.config.tenants[place.tenant].procedures[place.procedure].owner)
    finally:
        os.close(fd)


def _rights(place: Place) -> Iterator[Finding]:
    status = {name: (place.folder / name).stat() for name in SHARED}
    claimed = place.folder / CLAIMED
    if claimed.exists():
        status[CLAIMED] = own = claimed.stat()
        if own.st_uid != os.geteuid() or own.st_mode & 0o077:
            yield wrong(
                place.subject,
                ".claimed/ is not the hub's alone",
                why="What was taken must be out of everybody's reach.",
                fix=f"Make the hub's user its owner, and: chmod 700 {claimed}",
            )
    if len({one.st_dev for one in status.values()}) > 1:
        yield wrong(
            place.subject,
            "in, out, rejected and .claimed lie on different file systems",
            why="A drop is taken by renaming it, which works within one file system only.",
            fix="Put them on one",
            configured=True,
        )
    yield from _others_rights(place, status)


def _others_rights(place: Place, status: Mapping[str, os.stat_result]) -> Iterator[Finding]:
    loose = [name for name in ("in", "out") if status[name].st_mode & OTHERS]
    if loose:
        yield wrong(
            place.subject,
            f"everybody may write in {' and '.join(loose)}",
            why="Rights on the folders are the access control: anybody could hand in.",
            fix="chmod o-w on it; procedure and hub share a group",
        )
    if place.folder.stat().st_mode & GROUP_AND_OTHERS:
        yield wrong(
            place.subject,
            "others than the hub may write in the folder above in/ and out/",
            why="They could put other folders in their place.",
            fix=f"chmod go-w {place.folder}",
        )
    out = status["out"]
    if not out.st_mode & stat.S_ISGID and out.st_gid != os.getegid():
        yield wrong(
            place.subject,
            "out/ is not setgid, and its group is not the hub's",
            why="Receipts get the hub's group: the procedure may not read them.",
            fix=f"chmod g+s {place.folder / 'out'}",
        )


def _marker(place: Place, journal: Journal | None) -> Iterator[Finding]:
    if journal is None:
        return
    with journal.read() as connection:
        known = places.known(connection).get((place.tenant, place.procedure))
    if known is None or known.alarm:  # an alarm has a finding of its own
        return
    status = (place.folder / "out").stat()
    marker = place.folder / "out" / MARKER
    mark = marker.read_text("ascii", "replace").strip() if _is_plain(marker) else None
    if (status.st_dev, status.st_ino, mark) != (known.device, known.inode, known.marker):
        yield wrong(
            place.subject,
            "out/ is another folder than it was, or its marker is gone",
            why="What is missing there was perhaps not fetched: the hub will count nothing.",
            fix="Mount the right folder; if it was renewed on purpose, run the hub,"
            f" then: hub receipt confirm {place.tenant}/{place.procedure}",
        )


def _stuck(place: Place, journal: Journal | None) -> Iterator[Finding]:
    if journal is None:
        return
    with journal.read() as connection:
        refused = taking.stuck_files(connection, place.tenant, place.procedure)
    if not refused:
        return
    with os.scandir(place.folder / "in") as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                one = Stuck(
                    device=found.st_dev, inode=found.st_ino, ctime_ns=found.st_ctime_ns, stem=""
                )
                if one.file in refused:
                    yield wrong(
                        place.subject,
                        f"{entry.name!r} was refused and cannot be moved out of in/",
                        why="It stays in the way, and is looked at again at each scan.",
                        fix="Remove the file by hand",
                    )


def _left_in(place: Place, clock: Clock) -> Iterator[Finding]:
    before = clock.now() - LEFT_IN
    old = [at for at in _changed(place.folder / "in") if at < before]
    if old:
        yield wrong(
            place.subject,
            f"{len(old)} files lie in in/ for more than a day",
            why="No envelope references them, their transfer never ended, or no hub runs.",
            fix="Look at them; what no envelope references the hub leaves alone",
        )


def _claims(place: Place, clock: Clock, journal: Journal | None) -> Iterator[Finding]:
    claimed = place.folder / CLAIMED
    if not claimed.is_dir():
        return
    for worker in sorted(path.name for path in claimed.iterdir()):
        names = (path.name for path in (claimed / worker).glob("*.xml"))
        since = sorted(claim.at for name in names if (claim := Claim.parse(name)))
        if not since:
            continue
        runs = alive(place.config.spool.path, worker)
        if not runs and not _has_ended(worker, journal):
            checked = _asked(place, "; they may wait for ")
            yield wrong(
                place.subject,
                f"claimed drops of a hub that runs no more: {len(since)}",
                why=f"They are neither taken nor refused yet{checked}.",
                fix="Start the hub: it takes them over",
            )
        elif since[0] < clock.now() - WAITING:
            untold = ", ".join(_untold(place, journal)) or "each mailbox of the tenant"
            yield wrong(
                place.subject,
                f"{len(since)} claimed drops wait, the oldest since {since[0]:%Y-%m-%d %H:%M} UTC",
                why="A notice that names no scheme waits until it is known which mailbox it fits;"
                f" others wait for a document that is still missing{_asked(place, ', or for ')}.",
                fix=f"See that {untold} starts and tells what it can do"
                f"{'' if runs else '; start the hub: it takes them over'}",
            )


def _has_ended(worker: str, journal: Journal | None) -> bool:
    """Whether a hub that runs no more ended by itself; the drops it left wait for something."""
    if journal is None:
        return False
    with journal.read() as connection:
        return workers.has_ended(connection, worker)


def _asked(place: Place, before: str) -> str:
    """Return the checks that a drop may wait for, if any; the log of the hub says which one.

    before: what joins them to the sentence
    """
    names = [
        name
        for name, table in place.config.checks.items()
        if table.tenants is None or place.tenant in table.tenants
    ]
    return f"{before}a verdict of {' or '.join(names)}" if names else ""


def _untold(place: Place, journal: Journal | None) -> list[str]:
    """Return the tenant's mailboxes that never told what they can do."""
    if journal is None:
        return []
    with journal.read() as connection:
        known = circuits.read(connection)
    return [
        name
        for name in place.config.tenants[place.tenant].mailboxes
        if name not in known or known[name].capabilities is None
    ]


def _changed(folder: Path) -> Iterator[datetime]:
    """Give when each file in a folder last changed its name or content."""
    # a running hub takes files, and folders of its workers, while we look
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                yield datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_ctime, UTC)


def _is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
