"""Look at everything a hub needs, and say of each finding what, why it matters, what to do.

Changes nothing. Starts each mailbox's child once and asks for its health, as the hub would.
"""

import os
import select
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hub import acknowledgement, mailboxes, seal
from hub.clock import Clock, system_clock
from hub.config import Config
from hub.durable import Disk
from hub.errors import HubError
from hub.host import Answer, Host, Started, StartFailed
from hub.journal import Journal, circuits, open_journal, questions
from hub.journal.circuits import Circuit
from hub.vault import load_master_key
from postfach_mailbox import Health
from postfach_mailbox.frames import Operation

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # no hub ran before: a clock that says so is wrong
CERTIFICATE_DAYS = 30
SPACE = 1024**3  # bytes
ANSWER = 30.0  # seconds for a mailbox to start and answer
IN_DAYS = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `why` and `fix` only where it is not in order."""

    subject: str
    ok: bool
    what: str
    why: str = ""
    fix: str = ""


def examine(config: Config) -> list[Finding]:
    """Return all findings. Raises nothing: what cannot be looked at is a finding."""
    clock = system_clock()
    parts: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("clock", lambda: _clock(clock)),
        ("seal", lambda: _seal(config, clock)),
        ("vault", lambda: _vault(config)),
        ("database", lambda: _database(config, clock)),
        *(
            (f"spool {tenant}/{name}", _spool_of(config, tenant, name, clock))
            for tenant, table in config.tenants.items()
            for name in table.procedures
        ),
        *((f"mailbox {name}", _mailbox_of(config, name, clock)) for name in config.mailboxes),
    ]
    findings: list[Finding] = []
    for subject, look in parts:
        try:
            findings.extend(look())
        except (HubError, OSError) as error:
            why, fix = "The hub cannot work without it.", getattr(error, "fix", "See to it.")
            findings.append(Finding(subject=subject, ok=False, what=str(error), why=why, fix=fix))
    return findings


def _clock(clock: Clock) -> Iterator[Finding]:
    now = clock.now()
    if now < EARLIEST:
        yield Finding(
            subject="clock",
            ok=False,
            what=f"it is {now:%Y-%m-%d} by the machine's clock",
            why="Receipts name times that count in law.",
            fix="Set the clock, and keep it set: NTP",
        )
    else:
        yield Finding(subject="clock", ok=True, what=f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _seal(config: Config, clock: Clock) -> Iterator[Finding]:
    loaded = seal.load(config.seal.key, config.seal.password_file, config.folder)
    left = loaded.certificate.not_valid_after_utc - clock.now()
    yield Finding(
        subject="seal",
        ok=left > timedelta(days=CERTIFICATE_DAYS),
        what=f"the certificate is valid for {left.days} more days",
        why="Without a valid certificate nothing is sealed: notices wait.",
        fix="Have a new certificate issued and name it in seal.key",
    )


def _vault(config: Config) -> Iterator[Finding]:
    load_master_key(config.vault.master_key_file)
    place = config.vault.path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    yield Finding(
        subject="vault",
        ok=free > SPACE,
        what=f"{free // 1024**2} MiB free, barrier: {Disk().name(place)}",
        why="When the disk is full, nothing more is taken.",
        fix="Make room, or move vault.path and hub.database",
    )


def _database(config: Config, clock: Clock) -> Iterator[Finding]:
    if not config.hub.database_file.exists():
        yield Finding(subject="database", ok=True, what="not made yet: the first run makes it")
        return
    journal = open_journal(config.hub.database_file, clock)
    try:
        settings = ", ".join(f"{name}={value}" for name, value in journal.settings().items())
        yield Finding(subject="database", ok=True, what=settings)
        yield from _journal(config, journal, clock)
    finally:
        journal.close()


def _journal(config: Config, journal: Journal, clock: Clock) -> Iterator[Finding]:
    with journal.read() as connection:
        counts = questions.open_by_state(connection)
        known = circuits.read(connection)
        stuck = questions.stuck(connection)
    held = counts.get("HELD", 0)
    yield Finding(
        subject="notices",
        ok=not held,
        what=", ".join(f"{count} {state}" for state, count in counts.items()) or "none open",
        why="A held notice waits for a mended mailbox or for a person.",
        fix="hub list --state HELD, then hub status MESSAGE_ID",
    )
    yield from _circuits(known)
    yield from _receipts(config, journal, clock)
    for drop in stuck:
        yield Finding(
            subject=f"spool {drop.tenant}/{drop.procedure}",
            ok=False,
            what=f"{drop.stem} was refused and cannot be moved out of in/",
            why="It is looked at again at each scan.",
            fix="Remove the file by hand",
        )


def _circuits(known: Mapping[str, Circuit]) -> Iterator[Finding]:
    for one in known.values():
        if one.is_open:
            yield Finding(
                subject=f"circuit {one.name}",
                ok=False,
                what=f"open since {one.opened_at:%Y-%m-%d %H:%M:%S} UTC: {one.reason}",
                why="Nothing is sent to this mailbox; what waits for it is held.",
                fix="Mend it; the hub sees by its health() that it is up and goes on",
            )


def _receipts(config: Config, journal: Journal, clock: Clock) -> Iterator[Finding]:
    for place in acknowledgement.alarms(journal):
        yield Finding(
            subject=f"spool {place.tenant}/{place.procedure}",
            ok=False,
            what=f"receipts are gone all at once ({place.alarm})",
            why="Nothing is counted as fetched until a person says that they were.",
            fix=f"hub receipt confirm {place.tenant}/{place.procedure}",
        )
    keys = [(tenant, name) for tenant, one in config.tenants.items() for name in one.procedures]
    late = acknowledgement.untaken(journal, keys, clock.now(), config.retention.warn_untaken)
    for (tenant, procedure), count in Counter((one.tenant, one.procedure) for one in late).items():
        yield Finding(
            subject=f"spool {tenant}/{procedure}",
            ok=False,
            what=f"{count} receipts were not fetched for long",
            why="The procedure does not know yet what became of its notices.",
            fix="See to the procedure's own job that fetches and deletes receipts",
        )


def _spool_of(
    config: Config, tenant: str, procedure: str, clock: Clock
) -> Callable[[], Iterator[Finding]]:
    def look() -> Iterator[Finding]:
        subject, folder = f"spool {tenant}/{procedure}", config.folder_of(tenant, procedure)
        for name in ("in", "out", "rejected"):
            if not os.access(folder / name, os.R_OK | os.W_OK | os.X_OK):
                yield Finding(
                    subject=subject,
                    ok=False,
                    what=f"{name}/ is missing, or the hub may not read and write there",
                    why="Nothing of this procedure can be taken or handed out.",
                    fix=f"Make {folder / name}, with the hub's and the procedure's rights",
                )
                return
        old = _older(folder / "in", clock.now() - IN_DAYS)
        yield Finding(
            subject=subject,
            ok=not old,
            what=f"{old} files lie in in/ for more than a day" if old else "in order",
            why="They belong to no envelope, or their transfer never ended.",
            fix="Look at them; what no envelope references the hub leaves alone",
        )

    return look


def _older(folder: os.PathLike[str], before: datetime) -> int:
    with os.scandir(folder) as entries:
        return sum(
            entry.stat(follow_symlinks=False).st_ctime < before.timestamp() for entry in entries
        )


def _mailbox_of(config: Config, name: str, clock: Clock) -> Callable[[], Iterator[Finding]]:
    def look() -> Iterator[Finding]:
        subject, table = f"mailbox {name}", config.mailboxes[name]
        installed = mailboxes.find(name, table)
        host = Host(name, installed, table.config, in_flight=1, clock=clock, base=config.folder)
        host.start()
        try:
            said, fix = _health(host, clock)
        finally:
            host.stop(1.0)
        yield Finding(
            subject=subject,
            ok=said == "up",
            what=f"{installed.distribution} {installed.version}: {said}",
            why="Notices for it wait, or are held.",
            fix=fix,
        )

    return look


def _health(host: Host, clock: Clock) -> tuple[str, str]:
    """Return what a mailbox says of itself, and what to do if that is not `up`."""
    until = clock.elapsed() + ANSWER
    while (left := until - clock.elapsed()) > 0 and (fd := host.fileno()) is not None:
        select.select([fd], [], [], min(left, 0.5))
        for event in host.events():
            match event:
                case Started():
                    host.call(1, Operation.HEALTH, deadline=until)
                case StartFailed():
                    return f"does not start: {event.reason}", event.fix
                case Answer(outcome=Health() as health):
                    return f"{health.status} {health.text}".strip(), "See to the mailbox itself"
    return "no answer", "See to the plugin; it must answer health() in time"
