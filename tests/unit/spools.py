"""Real folders of a procedure, a real journal, and a clock that tests turn."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.caution import Caution
from hub.durable import Disk
from hub.journal import Journal, handouts, taking
from hub.outbound import Outbound
from hub.spool import Claim, Spool, open_spool
from hub.spool.folders import names
from tests.unit import notices

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TurnedClock:
    """A clock that stands still until it is turned."""

    boot_id = "boot"
    speed = 1
    mark = ""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def now(self) -> datetime:
        return START + self.passed

    def elapsed(self) -> float:
        return 1000.0 + self.passed.total_seconds()

    def turn(self, **by: float) -> None:
        self.passed += timedelta(**by)


def make_folders(root: Path, tenant: str = "rostock", procedure: str = "bauamt") -> Path:
    path = root / tenant / procedure
    for name in ("in", "out", "rejected"):
        (path / name).mkdir(parents=True)
    return path


def open_one(
    path: Path, clock: TurnedClock, *, worker: str = "w1", owner: str | None = None
) -> Spool:
    return open_spool(
        path.parent.name,
        path.name,
        path,
        worker=worker,
        owner=owner,
        disk=Disk(),
        clock=clock,
    )


def found_claims(spool: Spool) -> list[Claim]:
    """Return the claims in a worker's own folder, oldest first."""
    claims = (Claim.parse(name) for name in names(spool.folders.own))
    return sorted((claim for claim in claims if claim), key=lambda claim: claim.id)


def open_new_journal(folder: Path, clock: TurnedClock) -> Journal:
    return notices.journal(folder, clock)


def new_notice(number: int, now: datetime) -> taking.NewNotice:
    return taking.NewNotice(
        tenant="rostock",
        procedure="bauamt",
        message_id=f"urn:{number}",
        message_key=f"urn:{number}",
        delivery_key=f"key-{number}",
        claim=f"{number:022x}",
        envelope_sha256="0" * 64,
        case_reference=None,
        mailbox="archive",
        scheme="directory",
        address="registry",
        state="SEALED",
        held_from=None,
        held_at=None,
        held_reason=None,
        accepted_at=now,
        not_before=None,
        obsolete_after=None,
        due_at=now,
        deadline=now + timedelta(days=7),
        key_wrapped=b"wrapped",
    )


def add_notice(
    journal: Journal,
    clock: TurnedClock,
    number: int,
    payloads: tuple[taking.NewPayload, ...] = (),
) -> int:
    """Take notice `number` into the journal, with its drop `stem-<number>`; return its row's id."""
    new = new_notice(number, clock.now())
    with journal.write() as tx:
        (made,) = taking.insert(tx, [(new, payloads)])
        drop = taking.NewDrop(
            claim=new.claim,
            tenant="rostock",
            procedure="bauamt",
            stem=f"stem-{number}",
            kind=taking.TAKEN,
            at=clock.now(),
            notice_id=made,
        )
        taking.drops(tx, [drop])
    return made


def writer(journal: Journal, spool: Spool, clock: TurnedClock) -> Outbound:
    """Return what writes receipts there, whatever they hold."""
    caution = Caution(journal=journal, clock=clock)
    spools = {(spool.tenant, spool.procedure): spool}
    return Outbound(journal, spools, Disk(), clock, caution, is_sealed=lambda _file: True)


def issue(
    journal: Journal,
    clock: TurnedClock,
    notice_id: int,
    number: int,
    *,
    data: bytes = b"<r/>",
    outcome: str = "DEPOSITED",
    stem: str | None = None,
) -> handouts.Handout:
    """Store a receipt of a notice, the final one; return the file that it is to become."""
    one = handouts.Issue(
        receipt_id=f"receipt-{number}",
        outcome=outcome,
        suffix=outcome.lower(),
        final=outcome == "DEPOSITED",
        data=data,
        issued_at=clock.now(),
        tenant="rostock",
        procedure="bauamt",
        stems=(stem or f"stem-{number}",),
        notice_id=notice_id,
    )
    with journal.write() as tx:
        (file,) = handouts.issue(tx, [one])
    return file
