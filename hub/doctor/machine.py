"""What a hub needs of its machine and of its keys."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub import seal
from hub.clock import Clock
from hub.config import Config, Limits
from hub.doctor.finding import Finding, fine, wrong
from hub.durable import Disk
from hub.journal import Journal, questions, timekeeping
from hub.room import LARGE, Room
from hub.vault import Damaged, Vault, load_master_key

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # no hub ran before: a clock that says so is wrong
RECENTLY = timedelta(days=1)
AHEAD = timedelta(minutes=1)  # so far the clock may lie behind the journal
CERTIFICATE_DAYS = 30
SPACE = 1024**3  # bytes
INODES = 10_000


def look_at_clock(clock: Clock, journal: Journal | None) -> Iterator[Finding]:
    """Look whether the wall clock can be right."""
    now, last, was_set = clock.now(), None, None
    if journal is not None:
        with journal.read() as connection:
            last = questions.last_commit(connection)
            was_set = timekeeping.last_set(connection, now - RECENTLY)
    why = "Receipts name times that count in law, and notices are due by this clock."
    fix = "Set the clock, and keep it set: NTP"
    if clock.mark:
        what = f"it is a test's, and runs {clock.speed} times as fast"
        yield wrong("clock", what, why=why, fix="Use it for no real notice")
    elif now < EARLIEST:
        what = f"it is {now:%Y-%m-%d} by the machine's clock"
        yield wrong("clock", what, why=why, fix=fix)
    elif last is not None and now < last - AHEAD:
        what = f"it is {_moment(now)}, but the journal was written to at {_moment(last)}"
        yield wrong("clock", what, why=why, fix=fix)
    elif was_set is not None:
        what = f"it was set while the hub worked, to {_moment(was_set)}"
        yield wrong("clock", what, why=why, fix=f"{fix}. Said for a day")
    else:
        yield fine("clock", f"{_moment(now)}, boot {clock.boot_id}")


def look_at_seal(config: Config, clock: Clock) -> Iterator[Finding]:
    """Look whether key and certificate can be used, and for how long."""
    loaded = seal.load(config.seal.key, config.seal.password_file, config.folder)
    certificate, now = loaded.certificate, clock.now()
    left = certificate.not_valid_after_utc - now
    what = f"the certificate is valid for {left.days} more days"
    if left <= timedelta(0):
        what = f"the certificate expired at {_moment(certificate.not_valid_after_utc)}"
    elif now < certificate.not_valid_before_utc:
        what = f"the certificate is valid from {_moment(certificate.not_valid_before_utc)} only"
    elif left > timedelta(days=CERTIFICATE_DAYS):
        yield fine("seal", what)
        return
    yield wrong(
        "seal",
        what,
        why="Without a valid certificate nothing is sealed: notices wait.",
        fix="Have a new certificate issued and name it in seal.key",
        configured=True,
    )


def look_at_master_key(config: Config, journal: Journal | None) -> Iterator[Finding]:
    """Look whether the master key can be read, and opens what waits."""
    key = load_master_key(config.vault.master_key_file)
    sample = None
    if journal is not None and config.vault.path.is_dir():
        with journal.read() as connection:
            sample = questions.newest_key(connection)
    if sample is None:
        yield fine("master key", "can be read")
        return
    vault = Vault(config.vault.path, key, Disk())
    try:
        vault.unwrap(sample.key_wrapped, sample.delivery_key.encode("ascii"))
    except Damaged as error:
        yield wrong(
            "master key",
            f"it does not open what is in the vault ({error})",
            why="Payload of notices that wait can be read with the key of its time only.",
            fix="Put the former key back: vault.master_key_file",
            configured=True,
        )
    else:
        yield fine("master key", "opens what is in the vault")
    finally:
        vault.close()


def look_at_space(config: Config) -> Iterator[Finding]:
    """Look at the room on each file system the hub writes to, and name its barrier."""
    places = {
        "vault": config.vault.path,
        "database": config.hub.database_file.parent,
        "spool": config.spool.path,
    }
    seen: dict[int, list[str]] = {}
    folders: dict[int, Path] = {}
    for name, place in places.items():
        folder = _existing(place)
        device = folder.stat().st_dev
        seen.setdefault(device, []).append(name)
        folders.setdefault(device, folder)
    for device, names in seen.items():
        yield _space(", ".join(names), folders[device], config.limits)


def _space(names: str, folder: Path, limits: Limits) -> Finding:
    room, found = Room(folders={names: folder}, least=limits.free_space), os.statvfs(folder)
    free, least = found.f_bavail * found.f_frsize, max(SPACE, limits.free_space + limits.drop)
    what = f"{free // 1024**2} MiB free for {names}, barrier: {Disk().name(folder)}"
    if not room.left(names).enough(LARGE):
        what += ": nothing more is taken"
    elif found.f_files and found.f_favail < INODES:
        what += f", only {found.f_favail} more files"
    elif free > least:
        return fine("space", what)
    return wrong(
        "space",
        what,
        why="Where less than limits.free_space is left nothing is taken: drops stay in in/.",
        fix=f"Make room; {least // 1024**2} MiB are the least: the largest drop must fit",
    )


def _existing(place: Path) -> Path:
    while not place.exists():
        place = place.parent
    return place


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
