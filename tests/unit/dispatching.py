"""A dispatch stage on a real journal, vault and seal; a test plays its mailbox's process."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub import config, parcel, seal, starter
from hub.caution import Caution
from hub.config import Config
from hub.dispatch import Air, Dispatch, Finished, Leasing, Line, Preparing, Results, Tending
from hub.durable import Disk
from hub.host import Answer, Died, Event
from hub.host.events import Fault
from hub.issuing import Issuer
from hub.journal import Journal, Row, attempts, circuits, open_journal, taking
from hub.journal.tables import late, notice, receipt
from hub.model import Notice
from hub.parcel import CONTENT, DOCUMENT, SEALED, stored
from hub.vault import Vault, load_master_key, new_key
from postfach_mailbox import Capabilities, Deposited, Evidence, Health, Reason, Repeat
from postfach_mailbox.frames import AnswerValue, Operation, Payload
from tests import envelopes
from tests.unit import notices
from tests.unit.notices import START, TurnedClock

CALL = 30.0  # seconds that a call may take
WAITS = (timedelta(seconds=60), timedelta(seconds=300))
PDF = b"%PDF"
PLUGIN = "postfach-mailbox-played==1.0"
WHY = Reason(code="UNREACHABLE", text="no connection")
DEPOSITED = Deposited(
    reference="theirs",
    provided_at=START,
    source="mailbox",
    evidence=(Evidence(name="a", media_type="text/plain", data=b"ok"),),
)


def capabilities(repeat: Repeat, **more: Any) -> Capabilities:
    return Capabilities(
        scheme="archive",
        address_pattern="[a-z]+",
        legal_bases=frozenset({"OZG9"}),
        assurance_level="high",
        max_file=10**6,
        max_total=10**6,
        max_count=3,
        repeat=repeat,
        **more,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the process got it."""

    number: int
    operation: Operation
    payload: Payload | None
    deadline: float


@dataclass(slots=True, kw_only=True)  # plays
class Process:
    """What a Host is to the stage; the test answers the calls that it gets."""

    in_flight: int = 4
    up: bool = True
    plugin: str = PLUGIN
    out: dict[int, Call] = field(default_factory=dict)
    said: list[Event] = field(default_factory=list)
    got: list[Call] = field(default_factory=list)

    @property
    def free(self) -> int:
        return max(0, self.in_flight - len(self.out)) if self.up else 0

    def fileno(self) -> int | None:
        return None

    def start(self) -> None:
        self.up = True

    def events(self) -> list[Event]:
        said, self.said = self.said, []
        return said

    def call(
        self,
        call: int,
        operation: Operation,
        payload: Payload | None = None,
        *,
        fds: Sequence[int] = (),
        deadline: float,
    ) -> bool:
        if not self.free and operation is not Operation.HEALTH:
            return False
        self.out[call] = Call(number=call, operation=operation, payload=payload, deadline=deadline)
        self.got.append(self.out[call])
        return True

    def acknowledge_keep(self, call: int) -> None:
        return

    def answer(self, call: int, value: AnswerValue) -> None:
        one = self.out.pop(call)
        self.said.append(Answer(call=call, operation=one.operation, outcome=value))

    def die(self, fault: Fault = Fault.ENDED) -> None:
        self.said.append(Died(fault=fault, reason="played", calls=tuple(self.out)))
        self.out.clear()
        self.up = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What several workers stand on."""

    config: Config
    journal: Journal
    vault: Vault
    seal: seal.Seal
    clock: TurnedClock

    @classmethod
    def make(cls, folder: Path, clock: TurnedClock) -> "Ground":
        started = starter.init(folder, START)
        found = config.load(started.config, {})
        return cls(
            config=found,
            journal=notices.journal(folder, clock),
            vault=Vault(found.vault.path, load_master_key(found.vault.master_key_file), Disk()),
            seal=seal.load(found.seal.key, found.seal.password_file, found.folder),
            clock=clock,
        )

    def close(self) -> None:
        self.journal.close()
        self.vault.close()

    def copy(self, database: Path, clock: TurnedClock) -> "Ground":
        """Return the same ground with a journal of its own, as this one's is now."""
        with (
            closing(sqlite3.connect(database)) as to,
            closing(sqlite3.connect(self.journal.path)) as of,
        ):
            of.backup(to)
        return replace(self, journal=open_journal(database, clock), clock=clock)

    @property
    def issuer(self) -> Issuer:
        return Issuer(name="hub.example", log_id=self.journal.log_id, seal=self.seal)

    def take(self, number: int = 1, **changes: Any) -> int:
        """Take a notice with one document into vault and journal; return its row's id."""
        key, row = new_key(), notices.notice(number, **changes)
        delivery_key = row.delivery_key
        wrapped = self.vault.wrap(key, delivery_key.encode("ascii"))
        told = _told(row.case_reference)
        with self.vault.segment() as segment:
            bound = parcel.context(delivery_key, DOCUMENT, 0)
            document = segment.add(key, bound, [PDF], 10)
            rows = [
                parcel.extent_row(DOCUMENT, 0, document, told.documents[0].id),
                stored(segment, key, delivery_key, CONTENT, parcel.content(told, [document]))[0],
                stored(segment, key, delivery_key, SEALED, b"<SealedNotice/>")[0],
            ]
            segment.sync()
            (notice_id,) = notices.take(
                self.journal, notices.notice(number, **changes | {"key_wrapped": wrapped})
            )
            with self.journal.write() as tx:
                tx.connection.exec_driver_sql(
                    "DELETE FROM payload WHERE notice_id = ?", (notice_id,)
                )
                taking.store(tx, [(notice_id, one) for one in rows])
        return notice_id

    def row(self, notice_id: int = 1) -> Row:
        with self.journal.read() as connection:
            return attempts.row(connection, notice_id)

    def rows(self) -> Sequence[Row]:
        with self.journal.read() as connection:
            return connection.execute(sa.select(notice).order_by(notice.c.id)).all()

    def tries(self, notice_id: int = 1) -> list[Row]:
        with self.journal.read() as connection:
            return attempts.history(connection, [notice_id]).get(notice_id, [])

    def receipts(self, notice_id: int = 1) -> list[str]:
        with self.journal.read() as connection:
            of = sa.select(receipt.c.outcome).where(receipt.c.notice_id == notice_id)
            return list(connection.scalars(of.order_by(receipt.c.id)))

    def late(self, notice_id: int = 1) -> Sequence[Row]:
        with self.journal.read() as connection:
            return connection.execute(sa.select(late).where(late.c.notice_id == notice_id)).all()


def _told(case_reference: str | None) -> Notice:
    """Return a notice with a document as large as the one that `take` keeps."""
    told = envelopes.read(envelopes.MINIMAL)
    documents = tuple(replace(one, size=len(PDF)) for one in told.documents)
    return replace(told, case_reference=case_reference, documents=documents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker's stage with one mailbox."""

    ground: Ground
    process: Process
    stage: Dispatch
    line: Line

    @classmethod
    def make(
        cls, ground: Ground, told: Capabilities, name: str = "w1", process: Process | None = None
    ) -> "Worker":
        process = process or Process()
        with ground.journal.write() as tx:
            circuits.know(tx, ["archive"])
            circuits.told(tx, "archive", told.model_dump_json(), ground.clock.now())
            is_open = circuits.read(tx.connection)["archive"].is_open
        line = Line(
            name="archive",
            host=process,  # type: ignore[arg-type]  # played
            clock=ground.clock,
            in_flight=process.in_flight,
            waits=WAITS,
            give_up=timedelta(days=7),
            call_timeout=CALL,
            capabilities=told,
            circuit_open=is_open,
        )
        return cls(ground=ground, process=process, stage=_stage(ground, line, name), line=line)

    def lease(self) -> list[Call]:
        """Let what is due leave; return the calls that the process has now."""
        self.stage.lease()
        return list(self.process.out.values())

    def hear(self) -> Finished:
        """Take in what the process said, and write it."""
        self.stage.poll()
        return self.stage.finish()

    def answer(self, value: AnswerValue) -> Finished:
        """Answer the one call that is out, and write it."""
        (call,) = self.process.out
        self.process.answer(call, value)
        return self.hear()

    def work(self, value: AnswerValue) -> Call:
        """Let the one notice that is due leave, and answer its call."""
        (call,) = self.lease()
        self.answer(value)
        return call

    def mend(self) -> None:
        """Let the mailbox say that it is in order, if it is asked."""
        self.stage.tend()
        for call in [one for one in self.process.out.values() if one.operation == "health"]:
            self.process.answer(call.number, Health(status="up"))
        self.hear()


def _stage(ground: Ground, line: Line, name: str) -> Dispatch:
    shared = {"journal": ground.journal, "vault": ground.vault, "clock": ground.clock}
    cautious = {"caution": Caution(journal=ground.journal, clock=ground.clock)}
    issuing = {"config": ground.config, "issuer": ground.issuer}
    return Dispatch(
        leasing=Leasing(worker=name, **shared, **cautious),  # type: ignore[arg-type]  # names are theirs
        preparing=Preparing(worker=name, **shared),  # type: ignore[arg-type]  # names are theirs
        results=Results(worker=name, **shared, **issuing),  # type: ignore[arg-type]  # names are theirs
        tending=Tending(**shared, **issuing, **cautious),  # type: ignore[arg-type]  # names are theirs
        lines={line.name: line},
        air=Air(journal=ground.journal, clock=ground.clock, worker=name),
    )
