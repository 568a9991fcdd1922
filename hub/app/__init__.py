"""The composition root: from a Config to a hub that runs; no logic of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from hub.acknowledgement import Acknowledgements
from hub.app.own import own_journal, own_vault
from hub.app.parts import Parts
from hub.app.spools import all_open, open_all
from hub.attendant import Attendant, make_attendant
from hub.caution import Caution
from hub.clock import Clock
from hub.config import Config
from hub.damage import Damage
from hub.diagnosis import Diagnoser
from hub.dispatch import (
    Air,
    Dispatch,
    Leasing,
    Line,
    Preparing,
    Results,
    Tending,
    make_line,
)
from hub.durable import Barriers, Disk
from hub.envelope import Explain, Limits
from hub.host import make_host
from hub.intake import (
    Checks,
    Committer,
    Holding,
    Intake,
    Layers,
    Lying,
    Parking,
    Preparer,
    Settling,
    StuckFiles,
    Suspects,
    Taker,
)
from hub.issuing import Issuer
from hub.journal import Journal, circuits, restoring
from hub.observing import Observing
from hub.outbound import Outbound
from hub.returns import Channel, Deadly, Handing, Returns, Storing
from hub.room import Room, places
from hub.seal import load as load_seal
from hub.sealing import Sealing
from hub.spool import Spool, WorkerLock
from hub.vault import Vault, load_master_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every stage of a worker stands on."""

    config: Config
    clock: Clock
    worker: str
    journal: Journal
    vault: Vault
    disk: Disk
    spools: dict[tuple[str, str], Spool]
    issuer: Issuer
    lock: WorkerLock
    damage: Damage
    caution: Caution


@contextmanager
def worker(config: Config, clock: Clock, name: str) -> Iterator[Parts]:
    """Put a worker together, and take it apart at the end.

    name: the worker's id, never used before
    Raises the errors of everything that can be wrong at a start; each says file, key and remedy.
    """
    with ExitStack() as stack:
        ground = _ground(config, clock, name, stack)
        diagnoser = Diagnoser(clock)
        stack.callback(diagnoser.close)
        dispatch = _dispatch(ground)
        intake = _intake(ground, dispatch, diagnoser.explain)
        yield Parts(
            config=config,
            clock=clock,
            worker=name,
            journal=ground.journal,
            vault=ground.vault,
            spools=ground.spools,
            intake=intake,
            dispatch=dispatch,
            sealing=Sealing(
                journal=ground.journal,
                vault=ground.vault,
                issuer=ground.issuer,
                clock=clock,
                caution=ground.caution,
            ),
            returns=_returns(ground, dispatch, intake.room),
            outbound=Outbound(ground.journal, ground.spools, ground.disk, clock, ground.caution),
            acknowledgements=Acknowledgements(ground.journal, ground.spools, clock),
            observing=Observing(journal=ground.journal, worker=name, attendants=_observers(ground)),
            damage=ground.damage,
            caution=ground.caution,
            barriers=ground.disk.barriers,
            lock=ground.lock,
        )


def _ground(config: Config, clock: Clock, name: str, stack: ExitStack) -> Ground:
    disk = Disk(Barriers())
    seal = load_seal(config.seal.key, config.seal.password_file, config.folder)
    master = load_master_key(config.vault.master_key_file)
    journal = own_journal(config, clock)
    stack.callback(journal.close)
    journal.bind(config.fingerprint())
    damage = Damage(journal=journal, clock=clock)
    damage.begin()
    caution = Caution(journal=journal, clock=clock)
    caution.begin()
    lock = stack.enter_context(WorkerLock.hold(config.spool.path, name))
    vault = Vault(config.vault.path, master, disk)
    stack.callback(vault.close)
    own_vault(vault.path, journal, disk)
    spools = open_all(config, clock, name, disk, stack)
    return Ground(
        config=config,
        clock=clock,
        worker=name,
        journal=journal,
        vault=vault,
        disk=disk,
        spools=spools,
        issuer=Issuer(name=config.hub.name, log_id=journal.log_id, seal=seal),
        lock=lock,
        damage=damage,
        caution=caution,
    )


def _lines(ground: Ground) -> dict[str, Line]:
    """Return the line of each mailbox; one whose plugin cannot be found is out of order alone."""
    with ground.journal.write() as tx:
        circuits.know(tx, sorted(ground.config.mailboxes))
        known = circuits.read(tx.connection)
    lines = {}
    for name, table in ground.config.mailboxes.items():
        host = make_host("mailboxes", name, table, base=ground.config.folder, clock=ground.clock)
        made = make_line(name, ground.config, host, ground.clock)
        made.circuit_open = known[name].is_open
        made.capabilities = known[name].told()
        lines[name] = made
    return lines


def _checks(ground: Ground) -> dict[str, Attendant]:
    base, clock = ground.config.folder, ground.clock
    return {
        name: make_attendant(
            "check",
            name,
            table,
            host=make_host("checks", name, table, base=base, clock=clock),
            clock=clock,
        )
        for name, table in ground.config.checks.items()
    }


def _observers(ground: Ground) -> dict[str, Attendant]:
    base, clock = ground.config.folder, ground.clock
    return {
        name: make_attendant(
            "observer",
            name,
            table,
            host=make_host("observers", name, table, base=base, clock=clock),
            clock=clock,
        )
        for name, table in ground.config.observers.items()
    }


def _dispatch(ground: Ground) -> Dispatch:
    leasing = Leasing(
        journal=ground.journal,
        vault=ground.vault,
        clock=ground.clock,
        worker=ground.worker,
        caution=ground.caution,
    )
    preparing = Preparing(
        journal=ground.journal, vault=ground.vault, clock=ground.clock, worker=ground.worker
    )
    tending = Tending(
        config=ground.config,
        journal=ground.journal,
        vault=ground.vault,
        issuer=ground.issuer,
        clock=ground.clock,
        caution=ground.caution,
    )
    results = Results(
        config=ground.config,
        journal=ground.journal,
        vault=ground.vault,
        issuer=ground.issuer,
        clock=ground.clock,
        worker=ground.worker,
    )
    air = Air(journal=ground.journal, clock=ground.clock, worker=ground.worker)
    return Dispatch(
        leasing=leasing,
        preparing=preparing,
        results=results,
        tending=tending,
        lines=_lines(ground),
        air=air,
    )


def _returns(ground: Ground, dispatch: Dispatch, room: Room) -> Returns:
    config, clock = ground.config, ground.clock
    storing = Storing(
        config=config,
        journal=ground.journal,
        vault=ground.vault,
        issuer=ground.issuer,
        clock=clock,
    )
    channels = {
        name: Channel(
            line=line,
            air=dispatch.air,
            journal=ground.journal,
            vault=ground.vault,
            config=config,
            storing=storing,
            clock=clock,
            interval=config.mailboxes[name].collect.total_seconds(),
            deadly=Deadly(caution=ground.caution, mailbox=name),
            room=room,
        )
        for name, line in dispatch.lines.items()
    }
    handing = Handing(ground.journal, ground.vault, ground.spools, ground.disk, clock)
    return Returns(channels=channels, handing=handing, air=dispatch.air)


def _intake(ground: Ground, dispatch: Dispatch, explain: Explain) -> Intake:
    table = ground.config.limits
    limits = Limits(envelope=table.envelope, document=table.document, drop=table.drop)
    layers = Layers(config=ground.config, limits=limits, clock=ground.clock, explain=explain)
    with ground.journal.read() as connection:
        lost_until = restoring.lost_until(connection)
    committer = Committer(
        config=ground.config,
        journal=ground.journal,
        issuer=ground.issuer,
        places=dispatch.places,
        terms=dispatch.term,
        lost_until=lost_until,
    )
    suspects = Suspects(caution=ground.caution, clock=ground.clock)
    checks = Checks(attendants=_checks(ground), vault=ground.vault, suspects=suspects)
    room = _room(ground)
    settling = Settling(config=ground.config, clock=ground.clock)
    taker = Taker(
        layers=layers,
        preparer=Preparer(config=ground.config, vault=ground.vault, issuer=ground.issuer),
        committer=committer,
        clock=ground.clock,
        settling=settling,
        disk=ground.disk,
        told=lambda: {name: line.capabilities for name, line in dispatch.lines.items()},
        checks=checks,
        room=room,
    )
    again = ground.config.spool.rescan.total_seconds()
    return Intake(
        failed=not all_open(ground.config, ground.spools),
        lying=Lying(spools=list(ground.spools.values()), settling=settling, journal=ground.journal),
        taker=taker,
        parked=Parking(checks=checks),
        held=Holding(settling=settling, clock=ground.clock, room=room, again=again),
        room=room,
        stuck=StuckFiles(journal=ground.journal),
    )


def _room(ground: Ground) -> Room:
    config = ground.config
    spools = {f"spool:{of[0]}:{of[1]}": config.folder_of(*of) for of in ground.spools}
    folders = places(config.vault.path, config.hub.database_file.parent, spools)
    return Room(folders=folders, least=config.limits.free_space)
