"""Look at everything a hub needs, and say of each finding what, why it matters, what to do.

    machine     clock, seal, master key, space
    database    settings, schema, what waits for somebody
    spools      folders, rights, marker, claims, what was left in `in/`
    children    plugins: installed, started, asked for their health
    waiting     drops that wait for a check
    running     hubs that run here, and work that does not move

Changes nothing; as any command it brings the database of an older hub up to date. Each plugin's
child is started once and stopped again, beside those of a running hub. For the hub's own user:
another one sees other rights.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from hub.clock import Clock, system_clock
from hub.config import Config
from hub.doctor import children, database, machine, running, spools
from hub.doctor.finding import Finding, failed, fine, wrong
from hub.errors import HubError
from hub.journal import Journal, open_journal

__all__ = ["Finding", "examine"]

Look = Callable[[], Iterator[Finding]]


def examine(config: Config, read_clock: Callable[[], Clock] = system_clock) -> list[Finding]:
    """Return all findings. Raises nothing: what cannot be looked at is a finding."""
    try:
        clock = read_clock()
    except OSError as error:
        return [
            wrong(
                "clock",
                f"the boot's id cannot be read ({error.strerror})",
                why="Without it the hub cannot tell its leases from those of another boot.",
                fix="Mount /proc",
            )
        ]
    findings: list[Finding] = []
    with _journal(config, clock, findings) as journal:
        for subject, look in _looks(config, clock, journal):
            try:
                findings.extend(look())
            except (HubError, OSError) as error:
                findings.append(failed(subject, error))
    return findings


def _looks(config: Config, clock: Clock, journal: Journal | None) -> Iterator[tuple[str, Look]]:
    yield "clock", partial(machine.look_at_clock, clock, journal)
    yield "seal", partial(machine.look_at_seal, config, clock)
    yield "master key", partial(machine.look_at_master_key, config, journal)
    yield "space", partial(machine.look_at_space, config)
    if journal is not None:
        yield "database", partial(database.look, config, journal, clock)
        yield "notices", partial(running.look_at_work, config, clock, journal)
    yield "hub", partial(running.look_at_workers, config, clock)
    for tenant, table in config.tenants.items():
        for name in table.procedures:
            place = spools.Place(tenant=tenant, procedure=name, config=config)
            yield place.subject, partial(spools.look, place, clock, journal)
    yield "isolation", partial(children.look_at_isolation, config)
    for name in config.mailboxes:
        yield f"mailbox {name}", partial(children.look, config, name, clock)
    for name in config.checks:
        yield f"check {name}", partial(children.look, config, name, clock, "checks")
    for name in config.observers:
        yield f"observer {name}", partial(children.look, config, name, clock, "observers")


@contextmanager
def _journal(config: Config, clock: Clock, findings: list[Finding]) -> Iterator[Journal | None]:
    """Give the journal, or None where there is none; why it cannot be opened is a finding."""
    if not config.hub.database_file.exists():
        findings.append(fine("database", "not made yet: the first run makes it"))
        yield None
        return
    try:
        journal = open_journal(config.hub.database_file, clock)
    except HubError as error:
        findings.append(failed("database", error))
        yield None
        return
    try:
        yield journal
    finally:
        journal.close()
