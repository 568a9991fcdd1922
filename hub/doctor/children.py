"""Plugins: whether each is installed, starts, and says that it is up; what waits for a check."""

import select
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub import mailboxes
from hub.clock import Clock
from hub.config import Config, PluginConfig
from hub.doctor.finding import Finding, fine, wrong
from hub.doctor.waiting import claims
from hub.errors import ConfigError
from hub.host import Answer, Died, Host, Started, StartFailed, cgroup, make_host, plain
from postfach_mailbox import Health
from postfach_mailbox.frames import Operation

ANSWER = 30.0  # seconds for a mailbox to start and to answer
BEHIND = "See to the service that it works with; when it is up, the hub goes on by itself"


def look(
    config: Config, name: str, clock: Clock, kind: mailboxes.Table = "mailboxes"
) -> Iterator[Finding]:
    """Start the plugin's child as the hub would, ask it for its health, and stop it."""
    tables: Mapping[str, PluginConfig] = getattr(config, kind)
    subject = f"{mailboxes.SINGULAR[kind]} {name}"
    try:
        installed = mailboxes.find(kind, name, tables[name])
    except ConfigError as error:
        what, why = f"{error.where}: {error.what}", _why(config, name, kind)
        yield wrong(subject, what, why=why, fix=error.fix, configured=True)
        return
    host = make_host(kind, name, tables[name], base=config.folder, clock=clock, in_flight=1)
    try:
        said = _health(host, clock)
    finally:
        host.stop(1.0)
    what = f"{installed.distribution} {installed.version}: {said.what}"
    if not said.fix:
        yield fine(subject, what)
        return
    why = _why(config, name, kind)
    yield wrong(subject, what, why=why, fix=said.fix, configured=said.configured)


def look_at_isolation(config: Config) -> Iterator[Finding]:
    """Say what holds plugins' processes together, for a hub that is started as this command was."""
    made = cgroup.groups()
    if made is None:
        held = "no cgroup was given to the hub: a guardian ends all that a plugin starts"
    else:
        held = f"each plugin has a cgroup in {made.folder}, which ends all that it starts"
    if made is not None and set(made.controllers) == set(cgroup.WANTED):
        limited = "memory and processes are limited by it"
    else:
        limited = "memory and processes are looked at by a guardian, four times a second"
    tables: list[PluginConfig] = [
        *config.mailboxes.values(),
        *config.checks.values(),
        *config.observers.values(),
    ]
    apart = sum(table.user is not None for table in tables)
    whose = f"{apart} of {len(tables)} plugins run as a user of their own"
    yield fine("isolation", f"{held}; {limited}; {whose}")


def _why(config: Config, name: str, kind: mailboxes.Table) -> str:
    if kind == "mailboxes":
        return "Notices for it wait, or are held."
    if kind == "observers":
        return "It is told later what happens meanwhile; nothing else waits for it."
    waiting = [
        f"{tenant}/{procedure}: {', '.join(stems)}"
        for tenant, procedure, stems in claims(config, config.checks[name].tenants)
    ]
    if not waiting:
        return "Drops of its tenants will wait for it; none does yet."
    return f"Drops wait for it, neither taken nor refused: {'; '.join(waiting)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a plugin says of itself; the fix is empty where it is up.

    configured: hub.toml is to be mended
    """

    what: str
    fix: str
    configured: bool = False


def _health(host: Host, clock: Clock) -> _Said:
    """Start the plugin, and ask it how it is."""
    host.start()
    until = clock.elapsed() + ANSWER
    while (left := until - clock.elapsed()) > 0 and (fd := host.fileno()) is not None:
        select.select([fd], [], [], min(left, 0.5))
        for event in host.events():
            match event:
                case Started():
                    host.call(1, Operation.HEALTH, deadline=until)
                case StartFailed():
                    what = f"does not start: {event.reason}"
                    return _Said(what=what, fix=event.fix, configured=event.configured)
                case Died():
                    return _Said(what=f"died: {event.reason}", fix="See to the plugin")
                case Answer(outcome=Health() as health):
                    text = f": {health.text}" if health.text else ""
                    said = plain(f"{health.status}{text}").strip()
                    return _Said(what=said, fix="" if health.status == "up" else BEHIND)
    return _Said(what="no answer", fix="See to the plugin; it must answer health() in time")
