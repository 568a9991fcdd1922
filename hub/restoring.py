"""`hub restore`: a backup is put back, and what came after it is in doubt, not undone.

    look (no hub, no journal, right key, digests) -> vault -> copy of the database beside its place
        -> verify its evidence log -> one commit: new log, doubts, what `out/` tells -> rename

No hub can work on the database before the rename, so none ever sees it without its doubts.
What was taken after the backup is in no journal: procedures hand it in again, and `meet` of
`hub.journal.restoring` sees to it that nothing is deposited twice by that.

Crash safety: until the rename there is no database; then restore may be run again. Segments are
content that is never changed: one that lies there with the same bytes stays.
Source: docs/decisions/0012-after-a-restore-all-is-in-doubt.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from hub import consequence, manifest, placing, proving, salvage, seal
from hub.clock import Clock
from hub.config import Config
from hub.durable import Disk
from hub.errors import CannotCreate, ConfigError, DataInvalid, TryLater, UsageError
from hub.evidence import Head
from hub.journal import Journal, Row, open_journal, questions, remains, restoring
from hub.journal.remains import Found
from hub.journal.restoring import Restoration, batched
from hub.manifest import Manifest
from hub.model import Kind, State
from hub.placing import Told
from hub.spool import alive, workers
from hub.transition import DEPOSIT, Policy, operation
from hub.vault import Damaged, Vault, load_master_key
from postfach_mailbox import Repeat

AGAIN, ASKED, HELD = "sent again, with the same key", "its mailbox is asked", "held, as it was"
PERSON = "a person looks into the mailbox: hub list --cases"
NEWEST = "hand in the newest state of its application"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who orders it, and what only a person knows.

    user: user id; lost_until: when the lost hub had surely stopped, None: now
    head: a head of the evidence log that was kept elsewhere, from before the backup
    """

    user: int
    lost_until: datetime | None = None
    head: Head | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """A notice that may have gone on since the backup: as what it was copied, what comes next."""

    message_id: str
    tenant: str
    procedure: str
    mailbox: str
    was: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a restore found, and what is left to be done.

    ended: receipts of ours that ended notices; unknown: those about what the copy does not know
    """

    backup_at: datetime
    restored_at: datetime
    lost_until: datetime
    former_log: str
    log: str
    head: str
    doubted: tuple[Doubted, ...]
    ended: tuple[Found, ...]
    unknown: tuple[Found, ...]
    missing: tuple[str, ...]


def restore(config: Config, folder: Path, order: Order, clock: Clock, told: Told) -> Report:
    """Put the backup in `folder` back in its place.

    Raises TryLater while a hub runs, CannotCreate where there is a database, ConfigError for
    another master key, DataInvalid for a backup that is not whole, UsageError, StorageFailed.
    """
    kept = manifest.read(folder)
    _see_that_nothing_is_there(config)
    own = seal.load(config.seal.key, config.seal.password_file, config.folder)
    now = clock.now()
    until = order.lost_until or now
    if not kept.made_at <= until <= now:
        fix = f"Name a time between {kept.made_at:%Y-%m-%dT%H:%M:%SZ} and now, or leave it out"
        raise UsageError("not after the backup, or not past", where="--lost-at", fix=fix)
    manifest.check(folder, kept, lambda done, whole: told("check", done, whole))
    placing.put_segments(folder, kept, config.vault.path, told)
    place = config.hub.database_file
    with placing.beside(folder / manifest.DATABASE, place) as copy:
        journal = open_journal(copy, clock)
        try:
            _verify(journal, kept, order)
            _open_with_our_key(config, journal)
            made = Restoration(
                at=now, backup_at=kept.made_at, lost_until=until, head=kept.head, user=order.user
            )
            report = _mark(config, journal, made, kept, _lying(config, journal, own))
        finally:
            journal.close()
        _see_that_nothing_is_there(config)
        placing.put(copy, place)
    return report


def _see_that_nothing_is_there(config: Config) -> None:
    place = config.hub.database_file
    running = [one for one in workers(config.spool.path) if alive(config.spool.path, one)]
    if running:
        raise TryLater(
            "a hub works on this spool",
            where=str(config.spool.path),
            fix="Stop it first; and be sure that none works elsewhere on what is restored",
        )
    for path in (place, *(place.with_name(place.name + more) for more in ("-wal", "-shm"))):
        if path.exists():
            raise CannotCreate(
                "there is a database",
                where=str(path),
                fix="Move it away, with its -wal and -shm; what it knows is more than a backup's",
            )


def _verify(journal: Journal, kept: Manifest, order: Order) -> None:
    """Refuse a copy whose evidence log is not whole, or not the one that was kept elsewhere."""
    for head in {_head(kept.head), order.head} - {None} or {None}:
        proof = proving.prove(journal, head, lambda _commits: None)
        if proof.wrong:
            raise DataInvalid(
                f"the backup's evidence log does not hold: {proof.findings[0]}",
                where=str(journal.path),
                fix="Take an older backup, and keep this one to find out what happened to it",
            )


def _head(text: str) -> Head | None:
    number, _, link = text.partition(":")
    return Head(number=int(number), link=link) if text else None


def _open_with_our_key(config: Config, journal: Journal) -> None:
    """Refuse a copy whose payload our master key does not open."""
    with journal.read() as connection:
        sample = questions.newest_key(connection)
    if sample is None:
        return
    vault = Vault(config.vault.path, load_master_key(config.vault.master_key_file), Disk())
    try:
        vault.unwrap(sample.key_wrapped, sample.delivery_key.encode("ascii"))
    except Damaged as error:
        raise ConfigError(
            f"the master key does not open what was backed up ({error})",
            where="vault.master_key_file",
            fix="Put the key of that time back: keys are no part of a backup",
        ) from error
    finally:
        vault.close()


def _lying(config: Config, journal: Journal, own: seal.Seal) -> list[Found]:
    """Return the receipts of ours in `out/` that the copy does not know."""
    with journal.read() as connection:
        return list(salvage.receipts(config, own, partial(remains.knows, connection)))


def _mark(
    config: Config, journal: Journal, made: Restoration, kept: Manifest, found: Sequence[Found]
) -> Report:
    """Make the copy a journal that knows what it does not know: one commit."""
    with journal.write() as tx:
        former, log = journal.log_id, restoring.begin(tx, made)
        before = restoring.suspect(tx, made)
        ended, adopted = {}, []
        for one in found:
            remains.keep(tx, one)
            if (row := remains.adopt(tx, one, made.at)) is not None:
                ended[row.id] = remains.ENDS[one.outcome]
                adopted.append(one)
        failed = [number for number, state in ended.items() if state is State.FAILED]
        for few in batched(failed):
            consequence.order(tx, config, few, made.at)
        left = [row for row in before if row.id not in ended]
        restoring.doubt(tx, left, made.at)
        doubted = tuple(
            _doubted(row, questions.policy(tx.connection, row.mailbox), config) for row in left
        )
    return Report(
        backup_at=made.backup_at,
        restored_at=made.at,
        lost_until=made.lost_until,
        former_log=former,
        log=log,
        head=made.head,
        doubted=doubted,
        ended=tuple(adopted),
        unknown=tuple(one for one in found if one not in adopted),
        missing=kept.missing,
    )


def _doubted(row: Row, policy: Policy, config: Config) -> Doubted:
    """Return what the report says of a notice: what it was in the copy, and what comes next."""
    state = State(row.state)
    called = operation(state if state.doubtful else State.IN_DOUBT, policy)
    again = policy.repeat is Repeat.IDEMPOTENT
    if state is State.HELD:
        comes = HELD
    elif row.kind == Kind.STATUS and not again:
        comes = NEWEST
    elif called is None or row.mailbox not in config.mailboxes:
        comes = PERSON
    else:
        comes = AGAIN if called == DEPOSIT else ASKED
    return Doubted(
        message_id=row.message_id,
        tenant=row.tenant,
        procedure=row.procedure,
        mailbox=row.mailbox,
        was=row.state,
        next=comes,
    )
