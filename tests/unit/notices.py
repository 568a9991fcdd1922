"""A journal with notices in it, for tests of what works on them."""

import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from hub.clock import Clock
from hub.journal import Journal, database, open_journal, taking
from hub.journal.taking import NewDrop, NewNotice, NewPayload
from hub.model import State

START = datetime(2026, 2, 3, 10, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)  # a clock that tests turn
class TurnedClock:
    """A clock that stands until it is turned."""

    boot_id: str = "boot-1"
    speed: int = 1
    mark: str = ""
    time: datetime = START
    seconds: float = 1000.0
    made: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        """Return the wall clock's time."""
        return self.time

    def elapsed(self) -> float:
        """Return seconds since boot."""
        return self.seconds

    def turn(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds


@cache
def _migrated() -> bytes:
    """Return a database in which nothing is yet; migrations take half of a quick test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.db"
        database.connect(path, create=True).dispose()
        return path.read_bytes()


def journal(folder: Path, clock: Clock) -> Journal:
    """Return a new journal in a folder."""
    path = folder / "hub.db"
    path.write_bytes(_migrated())
    return open_journal(path, clock)


def notice(number: int, **changes: object) -> NewNotice:
    """Return a notice's row, due at once."""
    message_id = f"urn:de:xta:messageid:bauamt:00000000-0000-4000-8000-{number:012x}"
    row = NewNotice(
        tenant="rostock",
        procedure="bauamt",
        message_id=message_id,
        message_key=message_id.lower(),
        delivery_key=f"{number:064x}",
        claim=f"claim{number}",
        envelope_sha256=f"{number:064x}",
        case_reference=None,
        mailbox="archive",
        scheme="archive",
        address="anna",
        state=State.SEALED.value,
        held_from=None,
        held_at=None,
        held_reason=None,
        accepted_at=START,
        not_before=None,
        obsolete_after=None,
        due_at=START,
        deadline=START + timedelta(days=7),
        key_wrapped=b"wrapped",
    )
    return replace(row, **changes)  # type: ignore[arg-type]  # tests name columns


def take(into: Journal, *rows: NewNotice) -> list[int]:
    """Insert notices with their drops and one document each; return their ids."""
    document = NewPayload(item="document", n=0, size=1, sha256="0" * 64, document_id="d1")
    with into.write() as tx:
        ids = taking.insert(tx, [(row, [document]) for row in rows])
        taking.drops(
            tx,
            [
                NewDrop(
                    claim=row.claim,
                    tenant=row.tenant,
                    procedure=row.procedure,
                    stem=f"stem{number}",
                    kind=taking.TAKEN,
                    at=row.accepted_at,
                    notice_id=number,
                    envelope_sha256=row.envelope_sha256,
                )
                for number, row in zip(ids, rows, strict=True)
            ],
        )
    return ids
