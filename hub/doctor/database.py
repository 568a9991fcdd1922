"""The journal: its settings, and what in it waits for somebody."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from hub import acknowledgement
from hub.clock import Clock
from hub.config import Config
from hub.doctor.finding import Finding, fine, wrong
from hub.journal import Journal, circuits, pauses, questions, restoring, returning, soundness, tries
from hub.journal.aside import HELD_BY_DAMAGE
from hub.journal.cases import cases, items
from hub.journal.circuits import (
    HELD_BY_CAPABILITIES,
    HELD_BY_CRASHES,
    HELD_BY_MAILBOX,
    HELD_BY_PAYLOAD,
    START_FAILED,
    Circuit,
)
from hub.journal.pauses import Pause
from hub.journal.recovery import CRASHES
from hub.journal.returning import Stuck
from hub.journal.soundness import Unsound

# why a notice is held -> why that matters, what to do
HELD = {
    HELD_BY_MAILBOX: (
        "The mailbox is out of order; nothing is sent to it.",
        "Mend the mailbox; what is held goes on by itself",
    ),
    HELD_BY_CAPABILITIES: (
        "The mailbox has not told yet what it can do, so that nothing can be checked against it.",
        "Let the mailbox start once; what is held goes on by itself",
    ),
    HELD_BY_CRASHES: (
        "The hub or the mailbox died at it again and again; it is not tried on its own.",
        "Look at the log for the crashes and mend their cause; then hub release MESSAGE_ID",
    ),
    HELD_BY_PAYLOAD: (
        "What is stored of it does not open: a file, or a row, of it was changed or is gone.",
        "See the log for `payload damaged`; put back what is gone, then hub release MESSAGE_ID",
    ),
    HELD_BY_DAMAGE: (
        "Its rows in the journal are damaged; nothing is sent, or told, of what was changed.",
        "See `journal` here; put back what stood there (backup), then hub release MESSAGE_ID",
    ),
}
# stage -> what that means for what is set aside there
SET_ASIDE = {
    "receipt": "This receipt is not written to out/; it lies in the journal, sealed.",
    "erasing": "The payload of this notice is not erased.",
    "returned": "What came back stays at the mailbox, and is not acknowledged: hub list --cases.",
    "observe": "This observer is not told of this event (its id); it is told of all others.",
    "check": "This drop (its claim) waits, neither taken nor refused; it is asked about seldom.",
    "collect": "Replies of this mailbox are fetched seldom; notices go out as usual.",
}
NAMED = 20  # damaged rows that are named; the rest is counted
OFTEN = 3  # failures of a return channel in a row
OTHERWISE = ("A held notice is not tried.", "hub status MESSAGE_ID says what it waits for")


def look(config: Config, journal: Journal, clock: Clock) -> Iterator[Finding]:
    """Look at all that the journal tells."""
    with journal.read() as connection:
        schema = questions.schema_version(connection)
        restored = restoring.last(connection)
        counts = questions.open_by_state(connection)
        held = questions.held(connection)
        known = circuits.read(connection)
        paused = pauses.standing(connection)
        waiting = Counter(case.kind for case in cases(connection, config.mailboxes))
        waiting.update("returned" for _ in items(connection))
        stuck = returning.stuck(connection, OFTEN)
        failed = tries.known(connection)
        damaged = [one for table in soundness.ALL for one in soundness.unsound(connection, table)]
    settings = ", ".join(f"{name}={value}" for name, value in journal.settings().items())
    yield fine("database", f"schema {schema}, {settings}")
    if restored:
        at, backup = map(_moment, restored)
        yield fine("database", f"restored {at} from a backup of {backup}: hub list --cases")
    total = ", ".join(f"{count} {state}" for state, count in counts.items())
    yield fine("notices", f"open: {total}" if total else "none open")
    for group in held:
        why, fix = HELD.get(group.reason, OTHERWISE)
        what = f"{group.count} held for {group.mailbox} since {_moment(group.since)}"
        yield wrong("notices", f"{what} ({group.reason})", why=why, fix=fix)
    yield from _damage(damaged)
    yield from _set_aside(failed)
    yield from _circuits(config, known)
    yield from _relays(config, known)
    yield from _pauses(paused)
    yield from _cases(waiting)
    yield from _channels(stuck)
    yield from _receipts(config, journal, clock)


def _damage(found: list[Unsound]) -> Iterator[Finding]:
    for one in found[:NAMED]:
        yield wrong(
            "journal",
            f"row {one.row} of {one.table} is damaged: {', '.join(one.columns)}",
            why="Something else than the hub has changed it; the hub sets it aside.",
            fix="See to the disk; put back what stood there, from a backup",
        )
    if len(found) > NAMED:
        yield wrong(
            "journal",
            f"{len(found) - NAMED} more rows are damaged",
            why="The disk, or a hand, changes the database.",
            fix="Stop the hub, keep the database as it is, restore a backup",
        )


def _set_aside(tried: Mapping[tuple[str, str], int]) -> Iterator[Finding]:
    for (stage, name), count in sorted(tried.items()):
        if count >= CRASHES:
            yield wrong(
                "set aside",
                f"{stage} {name}: the hub, or a plugin, failed at it again and again",
                why=SET_ASIDE.get(stage, "It is left alone; all else goes on."),
                fix="Look at the log for what failed; mend it, update, and ask for help",
            )


def _circuits(config: Config, known: Mapping[str, Circuit]) -> Iterator[Finding]:
    for one in known.values():
        if not one.is_open:
            continue
        since = _moment(one.opened_at) if one.opened_at else "an unknown time"
        fix = "Mend it; the hub sees by its health() that it is up and goes on"
        if one.reason == START_FAILED and one.name in config.mailboxes:
            fix = f"See `mailbox {one.name}` below; if that is ok, start the hub again: it goes on"
        yield wrong(
            f"circuit {one.name}",
            f"open since {since}: {one.reason}",
            why="Nothing is sent to this mailbox; what waits for it is held.",
            fix=fix,
        )


def _relays(config: Config, known: Mapping[str, Circuit]) -> Iterator[Finding]:
    for name, tenant in config.tenants.items():
        relay = known.get(tenant.postal or "")
        told = relay.told() if relay else None
        if told is not None and not told.relays:
            yield wrong(
                f"tenant {name}",
                f"postal names {tenant.postal}, which is a mailbox and no relay to the post",
                why="What fails is not posted; it waits, held, for a person.",
                fix="Name a relay, such as one of the plugin `postal`, or leave the key out",
                configured=True,
            )


def _pauses(paused: list[Pause]) -> Iterator[Finding]:
    for one in paused:
        yield wrong(
            f"{one.kind} {one.name}",
            f"paused since {_moment(one.since)}",
            why="A person stopped it: nothing of it is sent, and what comes for it waits.",
            fix=f"hub resume {one.name} --{one.kind}, when it may go on",
        )


def _cases(waiting: Mapping[str, int]) -> Iterator[Finding]:
    for kind, count in sorted(waiting.items()):
        yield wrong(
            "notices",
            f"{count} wait for a person ({kind})",
            why="Nobody but a person ends these.",
            fix="hub list --cases says why, and what to do for each",
        )


def _channels(stuck: list[Stuck]) -> Iterator[Finding]:
    for one in stuck:
        last = f"last went well {_moment(one.collected_at)}" if one.collected_at else "never did"
        yield wrong(
            f"mailbox {one.mailbox}",
            f"what comes back cannot be fetched: failed {one.failures} times in a row, {last}",
            why="Replies and retrievals stay at the mailbox; notices go out as usual.",
            fix="Look at the log for `return channel failed`, and at the mailbox",
        )


def _receipts(config: Config, journal: Journal, clock: Clock) -> Iterator[Finding]:
    for place in acknowledgement.alarms(journal):
        yield wrong(
            f"spool {place.tenant}/{place.procedure}",
            f"receipts are gone all at once, or their folder is another one ({place.alarm})",
            why="Nothing is counted as fetched until a person says that they were.",
            fix=f"hub receipt confirm {place.tenant}/{place.procedure}, if they were fetched;"
            " else hub receipt reissue",
        )
    keys = [(tenant, name) for tenant, one in config.tenants.items() for name in one.procedures]
    late = acknowledgement.untaken(journal, keys, clock.now(), config.retention.warn_untaken)
    for (tenant, procedure), count in Counter((one.tenant, one.procedure) for one in late).items():
        yield wrong(
            f"spool {tenant}/{procedure}",
            f"{count} receipts lie in out/ for longer than retention.warn_untaken",
            why="The procedure does not know yet what became of its notices.",
            fix="See to the procedure's own job that fetches and deletes receipts",
        )


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"  # a damaged one
