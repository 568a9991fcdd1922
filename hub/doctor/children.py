"""Mailboxes: whether the plugin is installed, starts, and says that it is up."""

import select
from collections.abc import Iterator

from hub import mailboxes
from hub.clock import Clock
from hub.config import Config
from hub.doctor.finding import Finding, fine, wrong
from hub.host import Answer, Died, Host, Started, StartFailed
from postfach_mailbox import Health
from postfach_mailbox.frames import Operation

ANSWER = 30.0  # seconds for a mailbox to start and to answer


def look(config: Config, name: str, clock: Clock) -> Iterator[Finding]:
    """Start the mailbox's child as the hub would, ask it for its health, and stop it."""
    table = config.mailboxes[name]
    installed = mailboxes.find(name, table)
    host = Host(name, installed, table.config, in_flight=1, clock=clock, base=config.folder)
    host.start()
    try:
        said, fix = _health(host, clock)
    finally:
        host.stop(1.0)
    subject, what = f"mailbox {name}", f"{installed.distribution} {installed.version}: {said}"
    if not fix:
        yield fine(subject, what)
    else:
        yield wrong(subject, what, why="Notices for it wait, or are held.", fix=fix)


def _health(host: Host, clock: Clock) -> tuple[str, str]:
    """Return what a mailbox says of itself, and what to do; nothing if that is `up`."""
    until = clock.elapsed() + ANSWER
    while (left := until - clock.elapsed()) > 0 and (fd := host.fileno()) is not None:
        select.select([fd], [], [], min(left, 0.5))
        for event in host.events():
            match event:
                case Started():
                    host.call(1, Operation.HEALTH, deadline=until)
                case StartFailed():
                    return f"does not start: {event.reason}", event.fix
                case Died():
                    return f"died: {event.reason}", "See to the plugin"
                case Answer(outcome=Health() as health):
                    said = f"{health.status} {health.text}".strip()
                    return said, "" if health.status == "up" else "See to the mailbox itself"
    return "no answer", "See to the plugin; it must answer health() in time"
