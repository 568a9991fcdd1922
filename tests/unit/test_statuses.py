"""The states of an application: sent in their order, one receipt each, nothing shown backwards."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub import envelope, parcel
from hub.casework import Decision, settle
from hub.errors import DataInvalid
from hub.journal import applications, taking
from hub.journal.cases import cases
from hub.journal.tables import receipt
from hub.model import Status
from hub.parcel import CONTENT, stored
from hub.vault import new_key
from postfach_mailbox import (
    Absent,
    Capabilities,
    Deferred,
    Pending,
    Reason,
    Refused,
    Repeat,
    Unknown,
)
from postfach_mailbox.frames import AnswerValue, Operation, StatusPayload
from tests import envelopes
from tests.unit import notices
from tests.unit.dispatching import CALL, DEPOSITED, WHY, Ground, Worker, capabilities
from tests.unit.notices import TurnedClock

APPLICATION = "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"
FIRST_AT = datetime(2026, 2, 3, 9, tzinfo=UTC)
REFUSED = Refused(reason=Reason(code="RECIPIENT_DELETED", text="closed"))
IDEMPOTENT, QUERYABLE, NEITHER = Repeat.IDEMPOTENT, Repeat.QUERYABLE, Repeat.NEITHER


def told(repeat: Repeat) -> Capabilities:
    return capabilities(repeat).model_copy(update={"status": True})


def take(ground: Ground, number: int, status: str, *, application: str = APPLICATION) -> int:
    """Take a status into the journal, as intake does; return its row's id."""
    data = (envelopes.EXAMPLES / "status-minimal.xml").read_bytes()
    update = envelope.read(data, envelopes.LIMITS)
    changes: dict[str, Any] = {
        "kind": "status",
        "application_id": application,
        "status": status,
        "status_at": FIRST_AT + timedelta(minutes=number),
    }
    row = notices.notice(number, **changes)
    key = new_key()
    wrapped = ground.vault.wrap(key, row.delivery_key.encode("ascii"))
    with ground.vault.segment() as segment:
        kept = stored(segment, key, row.delivery_key, CONTENT, parcel.content(update, ()))[0]
    new = notices.notice(number, **changes | {"key_wrapped": wrapped})
    (made,) = notices.take(ground.journal, new)
    with ground.journal.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM payload WHERE notice_id = ?", (made,))
        taking.store(tx, [(made, kept)])
    return made


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground.make(tmp_path / "h", TurnedClock())
    yield made
    made.close()


def test_a_status_is_set_and_its_receipt_says_so(ground: Ground) -> None:
    take(ground, 1, "RECEIVED")
    worker = Worker.make(ground, told(IDEMPOTENT))
    (call,) = worker.lease()
    assert call.operation is Operation.SET_STATUS
    assert isinstance(call.payload, StatusPayload)
    assert (call.payload.update.status, call.payload.update.application_id) == (
        "RECEIVED",
        APPLICATION,
    )
    finished = worker.answer(DEPOSITED)
    assert [str(outcome) for _, outcome in finished.finals] == ["STATUS_SET"]
    assert ground.receipts() == ["STATUS_SET"]


@pytest.mark.parametrize("repeat", list(Repeat))
def test_a_later_state_waits_until_the_earlier_one_is_final(ground: Ground, repeat: Repeat) -> None:
    take(ground, 1, "RECEIVED")
    take(ground, 2, "PROCESSING")
    other = take(ground, 3, "RECEIVED", application=APPLICATION.replace("0b", "1c"))
    worker = Worker.make(ground, told(repeat))
    first, apart = worker.lease()
    assert isinstance(apart.payload, StatusPayload)
    assert apart.payload.update.key == ground.row(other).delivery_key
    worker.process.answer(first.number, Deferred(reason=WHY))
    worker.process.answer(apart.number, DEPOSITED)
    worker.hear()
    assert worker.lease() == []  # the first is due later, and the second waits for it
    ground.clock.turn(60)
    assert worker.work(DEPOSITED).payload == first.payload
    second = worker.work(DEPOSITED)
    assert isinstance(second.payload, StatusPayload)
    assert [ground.receipts(number)[-1] for number in (1, 2, 3)] == ["STATUS_SET"] * 3


@pytest.mark.parametrize(("repeat", "call"), [(IDEMPOTENT, "set_status"), (QUERYABLE, "reconcile")])
def test_a_later_state_waits_while_doubt_of_the_earlier_one_can_be_ended(
    ground: Ground, repeat: Repeat, call: str
) -> None:
    take(ground, 1, "RECEIVED")
    take(ground, 2, "PROCESSING")
    worker = Worker.make(ground, told(repeat))
    worker.work(Unknown(reason=WHY))
    ground.clock.turn(3600)
    assert [one.operation.value for one in worker.lease()] == [call]
    worker.answer(DEPOSITED)
    assert worker.work(DEPOSITED).operation is Operation.SET_STATUS
    assert [row.state for row in ground.rows()] == ["DEPOSITED", "DEPOSITED"]


def test_nobody_waits_for_a_state_that_nothing_would_send_again(ground: Ground) -> None:
    take(ground, 1, "RECEIVED")
    take(ground, 2, "PROCESSING")
    worker = Worker.make(ground, told(NEITHER))
    worker.work(Unknown(reason=WHY))
    assert worker.lease() == []  # the first may still arrive, and would be shown last
    ground.clock.turn(CALL)
    assert worker.work(DEPOSITED).operation is Operation.SET_STATUS
    assert [row.state for row in ground.rows()] == ["IN_DOUBT", "DEPOSITED"]
    with ground.journal.read() as connection:
        assert cases(connection, ["archive"]) == []
    ground.clock.turn(8 * 86400)
    worker.stage.tend()
    assert ground.receipts(1)[-1] == "STATUS_UNRESOLVED"


@pytest.mark.parametrize("upgraded", [IDEMPOTENT, QUERYABLE])
def test_an_older_state_is_never_sent_once_a_newer_one_may_be_shown(
    ground: Ground, upgraded: Repeat
) -> None:
    """A new version of the plugin may promise what the old one did not."""
    take(ground, 1, "RECEIVED")
    take(ground, 2, "PROCESSING")
    worker = Worker.make(ground, told(NEITHER))
    worker.work(Unknown(reason=WHY))
    ground.clock.turn(CALL)
    worker.work(DEPOSITED)
    with ground.journal.write() as tx:
        tx.connection.exec_driver_sql("UPDATE notice SET due_at = accepted_at WHERE id = 1")
    ground.clock.turn(3600)
    better = Worker.make(ground, told(upgraded), "w2")
    called = better.lease()
    if upgraded is QUERYABLE:
        assert [one.operation.value for one in called] == ["reconcile"]
        better.answer(Absent())
        ground.clock.turn(3600)
        called = better.lease()
    assert called == []


def test_what_the_mailbox_refused_counts_for_nothing(ground: Ground) -> None:
    take(ground, 1, "COMPLETED")
    worker = Worker.make(ground, told(IDEMPOTENT))
    worker.work(REFUSED)
    assert ground.receipts() == ["STATUS_REFUSED"]
    with ground.journal.read() as connection:
        assert applications.newest(connection, "rostock", "archive", APPLICATION) is None


def test_the_newest_is_that_of_this_tenant_mailbox_and_application(ground: Ground) -> None:
    take(ground, 1, "RECEIVED")
    take(ground, 2, "PROCESSING")
    with ground.journal.read() as connection:
        newest = applications.newest(connection, "rostock", "archive", APPLICATION)
        assert newest == (Status.PROCESSING, FIRST_AT + timedelta(minutes=2))
        for of in (
            ("wismar", "archive", APPLICATION),
            ("rostock", "citizens", APPLICATION),
            ("rostock", "archive", APPLICATION.replace("0b", "1c")),
        ):
            assert applications.newest(connection, *of) is None


def test_a_status_is_not_settled(ground: Ground) -> None:
    take(ground, 1, "RECEIVED")
    worker = Worker.make(ground, told(NEITHER))
    worker.work(Pending(reference="id-1"))
    decision = Decision(settled_as="deposited", reason="seen", happened_at=None, user=0)
    with pytest.raises(DataInvalid, match="state of an application"):
        settle(ground.journal, ground.issuer, 1, decision, ground.clock.now())
    assert ground.receipts() == ["ACCEPTED"]


def test_no_receipt_of_a_status_speaks_of_the_post(ground: Ground) -> None:
    worker = Worker.make(ground, told(IDEMPOTENT))
    answers: list[AnswerValue] = [REFUSED, Deferred(reason=WHY)]
    for number, answer in enumerate(answers, 1):
        take(ground, number, "RECEIVED", application=APPLICATION.replace("05", f"1{number}"))
        worker.work(answer)
    ground.clock.turn(8 * 86400)
    worker.stage.tend()
    with ground.journal.read() as connection:
        made = connection.execute(sa.select(receipt.c.outcome, receipt.c.bytes)).all()
    assert [row.outcome for row in made] == ["STATUS_REFUSED", "ACCEPTED", "STATUS_REFUSED"]
    texts = [re.findall(rb"<Text>(.*?)</Text>", row.bytes) for row in made]
    assert all(len(each) == 1 and b"post" not in each[0] for each in texts)
