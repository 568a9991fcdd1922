"""What does not open is held for itself, wherever it is found; the rest flows."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub import parcel
from hub.caution import Caution
from hub.errors import StorageFailed
from hub.journal import attempts, deciding, payloads
from hub.journal.cases import cases
from hub.journal.tables import payload
from hub.sealing import Sealing
from hub.transition import Policy
from postfach_mailbox import Prepared, Repeat
from postfach_mailbox.cipher import Damaged
from tests.unit.dispatching import DEPOSITED, Ground, Worker, capabilities
from tests.unit.farside import TAKEOVER
from tests.unit.notices import START, TurnedClock

ACCEPTED = "ACCEPTED"
POLICY = Policy(waits=(), repeat=Repeat.IDEMPOTENT)
UNTOLD: dict[str, Any] = {
    "state": "HELD",
    "held_from": "SEALED",
    "held_reason": "capabilities",
    "held_at": START,
    "due_at": None,
}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


@pytest.fixture
def worker(ground: Ground) -> Worker:
    return Worker.make(ground, capabilities(Repeat.IDEMPOTENT))


def swap_content(ground: Ground, notice_id: int, data: bytes = b"x" * 40) -> bytes:
    """Put other bytes where a notice's content lies; return those that lay there."""
    of = sa.and_(payload.c.notice_id == notice_id, payload.c.item == "content")
    with ground.journal.write() as tx:
        found = tx.connection.scalar(sa.select(payload.c.bytes).where(of))
        tx.connection.execute(sa.update(payload).where(of).values(bytes=data))
    assert isinstance(found, bytes)
    return found


def release(ground: Ground, number: int) -> None:
    with ground.journal.write() as tx:
        deciding.release(tx, attempts.row(tx.connection, number), POLICY, ground.clock.now())


def kinds(ground: Ground) -> list[tuple[int, str]]:
    with ground.journal.read() as connection:
        found = cases(connection, ground.config.mailboxes)
    return [(case.row.id, case.kind) for case in found]


def test_what_cannot_be_sealed_since_it_does_not_open_is_a_case_and_the_rest_is_sealed(
    ground: Ground,
) -> None:
    broken, sound = (ground.take(number, state="ACCEPTED") for number in (1, 2))
    with ground.journal.write() as tx:
        tx.connection.execute(sa.delete(payload).where(payload.c.item == "sealed"))
    whole = swap_content(ground, broken)
    sealing = Sealing(
        journal=ground.journal,
        vault=ground.vault,
        issuer=ground.issuer,
        clock=ground.clock,
        caution=Caution(journal=ground.journal, clock=ground.clock),
    )
    sealing.step()
    row = ground.row(broken)
    assert (row.state, row.held_from, row.held_reason) == ("HELD", "ACCEPTED", "payload")
    assert ground.row(sound).state == "SEALED"
    assert kinds(ground) == [(broken, "held")]
    swap_content(ground, broken, whole)
    release(ground, broken)
    sealing.step()
    assert (ground.row(broken).state, ground.row(broken).due_at) == ("SEALED", START)


def test_a_disk_that_fails_at_one_notice_keeps_no_other_from_being_admitted(
    ground: Ground, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = (ground.take(number, **UNTOLD) for number in (1, 2))
    read = parcel.read_content

    def fail(found: sa.Row[tuple[object]], *more: object) -> object:
        if found.id == broken:
            raise Damaged("a segment cannot be read")
        return read(found, *more)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(parcel, "read_content", fail)
    worker.stage.tend()
    assert (ground.row(broken).held_reason, ground.row(sound).state) == ("payload", "SEALED")


def test_what_was_never_opened_is_checked_against_its_mailbox_before_it_is_sent(
    ground: Ground, worker: Worker
) -> None:
    number = ground.take(address="NOT A LOWER CASE WORD", **UNTOLD)
    whole = swap_content(ground, number)
    worker.stage.tend()
    assert ground.row(number).held_reason == "payload"
    swap_content(ground, number, whole)
    release(ground, number)
    assert worker.lease() == []
    worker.stage.tend()
    assert ground.row(number).address != "NOT A LOWER CASE WORD"
    worker.work(DEPOSITED)
    assert ground.row(number).state == "DEPOSITED"


def test_bytes_that_come_when_the_notice_is_erased_already_are_put_away(ground: Ground) -> None:
    told = capabilities(Repeat.NEITHER, prepares=True)
    number = ground.take()
    slow, fast = Worker.make(ground, told), Worker.make(ground, told, "w2")
    slow.lease()
    ground.clock.turn(TAKEOVER)
    fast.stage.tend()
    fast.work(Prepared(data=b"made"))
    fast.answer(DEPOSITED)
    with ground.journal.write() as tx:
        payloads.erase(tx, [number], ground.clock.now())
    slow.answer(Prepared(data=b"made too"))
    assert (ground.row(number).state, len(fast.process.got)) == ("DEPOSITED", 2)


def test_while_nothing_can_be_read_no_notice_is_held(
    ground: Ground, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StorageFailed("nothing can be read", where="vault", fix="See to its disk")

    due, untold, unsealed = ground.take(1), ground.take(2, **UNTOLD), ground.take(3, state=ACCEPTED)
    worker.stage.air.told.append(worker.line)
    caution = Caution(journal=ground.journal, clock=ground.clock)
    sealing = Sealing(
        journal=ground.journal,
        vault=ground.vault,
        issuer=ground.issuer,
        clock=ground.clock,
        caution=caution,
    )
    for reads in ("unpack", "read_content"):
        monkeypatch.setattr(parcel, reads, away)
    for stage in (worker.lease, worker.stage.tend, sealing.step):
        with pytest.raises(StorageFailed):
            stage()
    assert [ground.row(one).state for one in (due, unsealed)] == ["SEALED", ACCEPTED]
    assert ground.row(untold).held_reason == "capabilities"


@pytest.mark.parametrize(
    ("number", "fails", "raised"),
    [
        (errno.EIO, ".seg", Damaged),
        (errno.EACCES, ".seg", Damaged),
        (errno.EIO, "", StorageFailed),
        (errno.EMFILE, ".seg", StorageFailed),
    ],
)
def test_a_segment_that_cannot_be_read_is_damaged_where_the_vault_can(
    ground: Ground,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    fails: str,
    raised: type[Exception],
) -> None:
    real = os.open

    def failing(path: str, flags: int, **told: int) -> int:
        if path.endswith(fails):
            raise OSError(number, os.strerror(number))
        return real(path, flags, **told)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(raised):
        ground.vault.open("0" * 32)
