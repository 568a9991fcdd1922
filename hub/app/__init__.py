"""The composition root: from a Config to a hub that runs; no logic of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from postfach_mailbox import Capabilities

from hub import mailboxes
from hub.acknowledgement import Acknowledgements
from hub.app.loop import Parts
from hub.clock import Clock
from hub.config import Config
from hub.diagnosis import Diagnoser
from hub.dispatch import Air, Dispatch, Leasing, Line, Results, line
from hub.durable import Barriers, Disk
from hub.envelope import Explain, Limits
from hub.errors import ConfigError
from hub.host import Host
from hub.intake import Committer, Intake, Layers, Settling, Taker
from hub.issuing import Issuer
from hub.journal import Journal, circuits, open_journal
from hub.mailboxes import Installed
from hub.outbound import Outbound
from hub.seal import load as load_seal
from hub.sealing import Sealing
from hub.spool import Spool, WorkerLock, open_spool
from hub.telemetry import logger
from hub.vault import Vault, load_master_key

Told = dict[str, Capabilities | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What a worker writes to."""

    journal: Journal
    vault: Vault
    disk: Disk
    spools: dict[tuple[str, str], Spool]


@contextmanager
def worker(config: Config, clock: Clock, name: str) -> Iterator[Parts]:
    """Put a worker together, and take it apart at the end.

    name: the worker's id, never used before
    Raises the errors of everything that can be wrong at a start; each says file, key and remedy.
    """
    with ExitStack() as stack:
        barriers = Barriers()
        disk = Disk(barriers)
        seal = load_seal(config.seal.key, config.seal.password_file, config.folder)
        master = load_master_key(config.vault.master_key_file)
        journal = open_journal(config.hub.database_file, clock, create=True)
        stack.callback(journal.close)
        journal.bind(config.fingerprint())
        stack.enter_context(WorkerLock.hold(config.spool.path, name))
        vault = Vault(config.vault.path, master, disk)
        stack.callback(vault.close)
        spools = _spools(config, clock, name, disk, stack)
        stores = Stores(journal=journal, vault=vault, disk=disk, spools=spools)
        issuer = Issuer(name=config.hub.name, log_id=journal.log_id, seal=seal)
        diagnoser = Diagnoser(clock)
        stack.callback(diagnoser.close)
        lines = _lines(config, clock, journal)
        dispatch = _dispatch(config, clock, stores, issuer, lines, name)
        intake = _intake(config, clock, stores, issuer, diagnoser.explain, lines, dispatch)
        yield Parts(
            config=config,
            clock=clock,
            worker=name,
            journal=journal,
            vault=vault,
            spools=spools,
            intake=intake,
            dispatch=dispatch,
            sealing=Sealing(
                config=config, journal=journal, vault=vault, issuer=issuer, clock=clock
            ),
            outbound=Outbound(journal, spools, disk, clock),
            acknowledgements=Acknowledgements(journal, spools, clock),
            barriers=barriers,
        )


def _spools(
    config: Config, clock: Clock, name: str, disk: Disk, stack: ExitStack
) -> dict[tuple[str, str], Spool]:
    spools = {}
    for tenant, table in config.tenants.items():
        for procedure, settings in table.procedures.items():
            spool = open_spool(
                tenant,
                procedure,
                config.folder_of(tenant, procedure),
                worker=name,
                owner=settings.owner,
                disk=disk,
                clock=clock,
            )
            stack.callback(spool.folders.close)
            spools[tenant, procedure] = spool
    return spools


def _lines(config: Config, clock: Clock, journal: Journal) -> dict[str, Line]:
    """Return the line of each mailbox; one whose plugin cannot be found is out of order alone."""
    with journal.write() as tx:
        circuits.know(tx, sorted(config.mailboxes))
        known = circuits.read(tx.connection)
    lines = {}
    for name, table in config.mailboxes.items():
        try:
            installed = mailboxes.find(name, table)
        except ConfigError as error:
            logger().error("mailbox not found", mailbox=name, exc_info=error)
            # its child cannot load it either, and says so as of any that does not start
            installed = Installed(
                name=name, distribution=table.plugin, version="0", entry_point=table.plugin
            )
        host = Host(
            name,
            installed,
            table.config,
            in_flight=table.in_flight,
            clock=clock,
            base=config.folder,
        )
        made = line(name, config, host)
        made.circuit_open = known[name].is_open
        if told := known[name].capabilities:
            made.capabilities = Capabilities.model_validate_json(told)
        lines[name] = made
    return lines


def _dispatch(
    config: Config,
    clock: Clock,
    stores: Stores,
    issuer: Issuer,
    lines: dict[str, Line],
    name: str,
) -> Dispatch:
    leasing = Leasing(
        config=config,
        journal=stores.journal,
        vault=stores.vault,
        issuer=issuer,
        clock=clock,
        worker=name,
    )
    results = Results(
        config=config,
        journal=stores.journal,
        vault=stores.vault,
        issuer=issuer,
        clock=clock,
        worker=name,
    )
    air = Air(journal=stores.journal, clock=clock, worker=name)
    return Dispatch(leasing=leasing, results=results, lines=lines, air=air)


def _intake(
    config: Config,
    clock: Clock,
    stores: Stores,
    issuer: Issuer,
    explain: Explain,
    lines: dict[str, Line],
    dispatch: Dispatch,
) -> Intake:
    limits = Limits(
        envelope=config.limits.envelope,
        document=config.limits.document,
        drop=config.limits.drop,
    )
    return Intake(
        spools=list(stores.spools.values()),
        taker=Taker(
            layers=Layers(
                config=config, limits=limits, vault=stores.vault, clock=clock, explain=explain
            ),
            committer=Committer(
                config=config,
                journal=stores.journal,
                vault=stores.vault,
                issuer=issuer,
                clock=clock,
            ),
            settling=Settling(config=config, clock=clock),
            disk=stores.disk,
            told=lambda: {name: line.capabilities for name, line in lines.items()},
            places=dispatch.places,
            terms=dispatch.term,
        ),
    )
