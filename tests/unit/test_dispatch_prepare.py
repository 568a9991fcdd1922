"""Bytes that a mailbox makes before the first attempt: stored once, the same at every attempt."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import parcel
from hub.journal import recovery
from hub.journal.tables import payload
from hub.parcel import PREPARED
from postfach_mailbox import Deferred, Prepared, Reason, Refused, Repeat, Unknown
from postfach_mailbox.frames import DepositPayload, Failed, Inline, Operation, Stored
from tests.unit.dispatching import DEPOSITED, PLUGIN, WHY, Call, Ground, Process, Worker
from tests.unit.dispatching import capabilities as told
from tests.unit.notices import TurnedClock

CAPABILITIES = told(Repeat.IDEMPOTENT, prepares=True)
FIRST, SECOND = Prepared(data=b"made once"), Prepared(data=b"made anew")
OLDER = "postfach-mailbox-played==0.9"


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    made.take()
    yield made
    made.close()


def sent(call: Call) -> bytes | None:
    """Return the prepared bytes that a deposit carries."""
    assert isinstance(call.payload, DepositPayload)
    found = call.payload.prepared
    assert found is None or isinstance(found, Inline)
    return found.data if found else None


def prepare(worker: Worker, made: Prepared = FIRST) -> Call:
    """Let the mailbox make its bytes; return the deposit that leaves with them."""
    assert worker.work(made).operation is Operation.PREPARE
    (call,) = worker.process.out.values()
    return call


def stored(ground: Ground) -> list[str]:
    with ground.journal.read() as connection:
        of = sa.select(payload.c.made_by).where(payload.c.item == PREPARED)
        return list(connection.scalars(of))


def test_bytes_are_made_first_and_stored_with_the_first_attempt(ground: Ground) -> None:
    worker = Worker.make(ground, CAPABILITIES)
    call = prepare(worker)
    assert (call.operation, sent(call)) == (Operation.DEPOSIT, b"made once")
    assert isinstance(call.payload, DepositPayload)
    assert call.payload.attempt == 1
    assert stored(ground) == [PLUGIN]
    assert [(one.operation, one.outcome) for one in ground.tries()] == [
        ("prepare", "PREPARED"),
        ("deposit", None),
    ]
    worker.answer(DEPOSITED)
    assert ground.receipts() == ["DEPOSITED"]


def test_the_bytes_lie_encrypted(ground: Ground) -> None:
    prepare(Worker.make(ground, CAPABILITIES))
    assert b"made once" not in ground.journal.path.read_bytes()
    wal = ground.journal.path.with_name("hub.db-wal")
    assert b"made once" not in wal.read_bytes()


def test_every_later_attempt_sends_the_same_bytes(ground: Ground) -> None:
    worker = Worker.make(ground, CAPABILITIES)
    prepare(worker)
    for outcome in (Deferred(reason=WHY), Unknown(reason=WHY), Unknown(reason=WHY)):
        worker.answer(outcome)
        ground.clock.turn(3600)
        (call,) = worker.lease()
        assert (call.operation, sent(call)) == (Operation.DEPOSIT, b"made once")


def test_large_bytes_lie_in_the_vault(ground: Ground) -> None:
    data = b"x" * (parcel.INLINE + 1)
    call = prepare(Worker.make(ground, CAPABILITIES), Prepared(data=data))
    assert isinstance(call.payload, DepositPayload)
    source = call.payload.prepared
    assert isinstance(source, Stored)
    with ground.journal.read() as connection:
        row = connection.execute(sa.select(payload).where(payload.c.item == PREPARED)).one()
    with ground.vault.read(parcel.extent_of(row), call.payload.dek, source.context) as stream:
        assert stream.read() == data


def test_intake_begins_no_first_attempt_where_bytes_are_to_be_made(ground: Ground) -> None:
    assert Worker.make(ground, CAPABILITIES).stage.places("archive") == 0
    assert Worker.make(ground, told(Repeat.IDEMPOTENT)).stage.places("archive") == 4


def test_a_refusal_before_anything_was_sent_fails_the_notice(ground: Ground) -> None:
    why = Reason(code="CONTENT_INVALID", text="no")
    Worker.make(ground, CAPABILITIES).work(Refused(reason=why))
    assert (ground.row().state, ground.receipts()) == ("FAILED", ["FAILED"])


def test_bytes_that_cannot_be_made_leave_no_doubt_and_are_tried_again(ground: Ground) -> None:
    worker = Worker.make(ground, CAPABILITIES)
    worker.work(Failed(reason=Reason(code="EXCEPTION", text="a bug")))
    (tried,) = ground.tries()
    assert (tried.outcome, tried.code) == ("DEFERRED", "PREPARE_FAILED")
    assert tried.mailbox_code == "EXCEPTION"
    assert ground.row().state == "DEFERRED"
    ground.clock.turn(3600)
    assert sent(prepare(worker)) == b"made once"


@pytest.mark.slow
def test_a_process_that_dies_while_it_makes_bytes_leaves_no_doubt(ground: Ground) -> None:
    worker = Worker.make(ground, CAPABILITIES)
    for _ in range(recovery.CRASHES + 1):
        ground.clock.turn(3600)
        worker.line.circuit_open = False
        (call,) = worker.lease()
        assert call.operation is Operation.PREPARE
        worker.process.die()
        worker.hear()
        worker.process.start()
    row = ground.row()
    assert (row.state, row.held_from, row.held_reason) == ("HELD", "DEFERRED", "crashes")
    assert {(one.outcome, one.code) for one in ground.tries()} == {("DEFERRED", "PREPARE_FAILED")}


def test_a_hub_that_dies_while_bytes_are_made_leaves_no_doubt(ground: Ground) -> None:
    Worker.make(ground, CAPABILITIES).lease()
    worker = Worker.make(ground, CAPABILITIES, "w2")
    worker.stage.tend(["w1"])
    assert ground.row().state == "SEALED"
    assert sent(prepare(worker)) == b"made once"


def test_bytes_that_came_too_late_are_thrown_away(ground: Ground) -> None:
    old = Worker.make(ground, CAPABILITIES)
    old.lease()
    Worker.make(ground, CAPABILITIES, "w2").stage.tend(["w1"])
    old.answer(FIRST)
    assert stored(ground) == []
    assert list(old.process.out) == []


def test_what_has_no_place_any_more_is_given_back_with_its_bytes(ground: Ground) -> None:
    worker = Worker.make(ground, CAPABILITIES)
    worker.lease()
    worker.stage.stopping = True
    worker.answer(FIRST)
    row = ground.row()
    assert (row.state, row.lease_owner, stored(ground)) == ("SEALED", None, [PLUGIN])
    worker.stage.stopping = False
    (call,) = worker.lease()
    assert (call.operation, sent(call)) == (Operation.DEPOSIT, b"made once")


def test_a_new_version_sends_the_old_one_s_bytes_where_a_deposit_was_begun(
    ground: Ground,
) -> None:
    old = Worker.make(ground, CAPABILITIES, "w1", Process(plugin=OLDER))
    prepare(old)
    old.answer(Deferred(reason=WHY))
    ground.clock.turn(3600)
    (call,) = Worker.make(ground, CAPABILITIES, "w2").lease()
    assert (call.operation, sent(call)) == (Operation.DEPOSIT, b"made once")
    assert stored(ground) == [OLDER]


def test_a_version_that_makes_none_any_more_sends_the_old_bytes_too(ground: Ground) -> None:
    old = Worker.make(ground, CAPABILITIES, "w1", Process(plugin=OLDER))
    prepare(old)
    old.answer(Unknown(reason=WHY))
    (call,) = Worker.make(ground, told(Repeat.IDEMPOTENT), "w2").lease()
    assert sent(call) == b"made once"


def give_back(ground: Ground) -> None:
    """Store bytes of an older version for a notice that is not sent yet."""
    old = Worker.make(ground, CAPABILITIES, "w1", Process(plugin=OLDER))
    old.lease()
    old.stage.stopping = True
    old.answer(FIRST)


def test_a_new_version_makes_the_bytes_anew_where_none_was_ever_sent(ground: Ground) -> None:
    give_back(ground)
    worker = Worker.make(ground, CAPABILITIES, "w2")
    assert sent(prepare(worker, SECOND)) == b"made anew"
    assert stored(ground) == [PLUGIN]


def test_a_version_that_makes_none_does_not_send_what_was_never_sent(ground: Ground) -> None:
    give_back(ground)
    (call,) = Worker.make(ground, told(Repeat.IDEMPOTENT), "w2").lease()
    assert (call.operation, sent(call)) == (Operation.DEPOSIT, None)


def test_bytes_that_do_not_open_hold_the_notice(ground: Ground) -> None:
    give_back(ground)
    with ground.journal.write() as tx:
        tx.connection.execute(
            sa.update(payload).where(payload.c.item == PREPARED).values(bytes=b"x" * 40)
        )
    assert Worker.make(ground, CAPABILITIES, "w2").lease() == []
    assert ground.row().held_reason == "payload"
