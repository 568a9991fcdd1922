"""The hubs that run here, and work that is due and does not move."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hub.clock import Clock
from hub.config import Config
from hub.doctor.finding import Finding, fine, wrong
from hub.journal import Journal, standing
from hub.journal.standing import Standing
from hub.spool import alive, heartbeat, workers

SILENT = 3.0  # seconds at least; a part of hub.watchdog that no usual turn takes
PART = 5
PATIENCE = timedelta(minutes=10)  # that work may be due before it counts as standing still
WORKS_NOT = "Nothing is taken, sent or written by it, and its claims stay its own."


def look_at_workers(config: Config, clock: Clock) -> Iterator[Finding]:
    """Look whether the loop of each hub that runs turns, and what it says of its stages."""
    silent_after = max(SILENT, config.hub.watchdog.total_seconds() / PART)
    running = [one for one in workers(config.spool.path) if alive(config.spool.path, one)]
    if not running:
        yield fine("hub", "none runs here")
    for worker in running:
        said, subject = heartbeat(config.spool.path, worker), f"hub {worker}"
        silent = clock.elapsed() - said.at if said else 0.0
        if silent > silent_after:
            yield wrong(
                subject,
                f"runs, and its loop has not turned for {silent:.0f} s",
                why=WORKS_NOT,
                fix="If it was stopped (SIGSTOP), let it go on (SIGCONT); one that hangs ends"
                " itself after hub.watchdog and is to be started again",
            )
        elif said and said.still:
            for what, since in sorted(said.still.items()):
                yield wrong(
                    subject,
                    f"{what}: since {max(0.0, clock.elapsed() - since):.0f} s",
                    why="Work is due there and does not move.",
                    fix="Look at its log; if nothing outside explains it, start the hub again",
                )
        else:
            told = f"its loop turned {max(0.0, silent):.0f} s ago" if said else "is starting"
            yield fine(subject, f"runs, {told}")


def look_at_work(config: Config, clock: Clock, journal: Journal) -> Iterator[Finding]:
    """Look whether something is due for long, whoever ought to do it."""
    before = clock.now() - PATIENCE
    with journal.read() as connection:
        found = [
            ("wait for their seal", standing.unsealed(connection, before)),
            ("receipts issued are not written", standing.unwritten(connection, before)),
            (
                "are open past their deadline",
                standing.overdue(connection, before, config.mailboxes),
            ),
        ]
        untried = standing.untried(connection, before, config.mailboxes)
    found += [(f"are due at {name}, where nothing is tried", one) for name, one in untried.items()]
    for what, one in found:
        if one is not None:
            yield _stands(what, one, clock.now())


def _stands(what: str, one: Standing, now: datetime) -> Finding:
    minutes = (now - one.since).total_seconds() / 60
    return wrong(
        "notices",
        f"{one.count} {what}, the first for {minutes:.0f} minutes",
        why="Work is due there and does not move.",
        fix="See that a hub runs and what its log says; make room; then start it again",
    )
