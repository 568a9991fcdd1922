"""One call in the child: whatever a plugin does, it ends in an answer that the hub can use."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from postfach_mailbox import calls, cipher, frames
from postfach_mailbox.frames import Call, DepositPayload, Operation, StatusPayload, Stored
from postfach_mailbox.loading import Loaded
from postfach_mailbox.notice import (
    AddressData,
    AuthorData,
    CodeData,
    DocumentData,
    NoticeData,
    StatusUpdate,
)
from postfach_mailbox.outcomes import Absent, Account, Deposited, Evidence, Health, Prepared

DEK = bytes(range(32))
TEXT = b"what the citizen reads" * 10_000
LATER = time.clock_gettime(time.CLOCK_BOOTTIME) + 86400  # of the run that loads this
DEPOSITED = Deposited(
    reference="1",
    provided_at=datetime(2026, 3, 1, tzinfo=UTC),
    source="mailbox",
    evidence=(Evidence(name="a", media_type="text/plain", data=b"yes"),),
)


class Hooks:
    """Stands where pluggy's relay stands: one function for every operation."""

    def __init__(self, does: Callable[..., object]) -> None:
        self._does = does

    def __getattr__(self, name: str) -> Callable[..., object]:
        return self._does


def loaded(does: Callable[..., object]) -> Loaded:
    hooks: Any = Hooks(does)
    nothing: Any = None
    return Loaded(hooks, nothing, tuple(Operation))


def facts(data: bytes, **changes: Any) -> DocumentData:
    fields: dict[str, Any] = {
        "id": "d1",
        "filename": "bescheid.pdf",
        "content_type": "application/pdf",
        "size": len(data),
        "role": "notice",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return DocumentData(**fields | changes)


def payload(**changes: Any) -> DepositPayload:
    notice = NoticeData(
        message_id="urn:de:xta:messageid:a:1",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        author=AuthorData(identifier="1"),
        mailbox=AddressData(id="abc"),
        service="urn:x",
        message_type=CodeData(value="x"),
        subject="s",
        legal_basis="OZG9",
        assurance_level="low",
        documents=(facts(TEXT),),
    )
    blob = cipher.blob_length(len(TEXT))
    fields: dict[str, Any] = {
        "key": "0" * 64,
        "notice": notice,
        "sources": (Stored(fd=0, offset=5, length=blob, size=len(TEXT), context=b"n/d1"),),
        "sealed_notice": facts(b"<seal/>", role="seal"),
        "sealed_notice_source": frames.Inline(data=b"<seal/>"),
        "dek": DEK,
        "attempt": 1,
    }
    return DepositPayload(**fields | changes)


def call(operation: Operation = Operation.DEPOSIT, deadline: float = LATER, **more: Any) -> Call:
    given = more.get("payload", payload() if operation is Operation.DEPOSIT else None)
    return Call(id=1, operation=operation, deadline=deadline, payload=given, fds=0)


def perform(does: Callable[..., object], what: Call, blob: bytes | None = None) -> Any:
    with tempfile.TemporaryFile() as file:
        file.write(b"other" + (cipher.seal(DEK, b"n/d1", TEXT) if blob is None else blob))
        file.flush()
        return calls.perform(loaded(does), what, [file.fileno()], lambda reference: None)


def test_a_plugin_reads_documents_as_streams_it_can_seek_in() -> None:
    def does(delivery: Any, keep: Any) -> Deposited:
        with delivery.documents[0].open() as stream:
            assert stream.read() == TEXT
            stream.seek(70_000)
            assert stream.read(50) == TEXT[70_000:70_050]
        with delivery.documents[0].open() as again:
            assert again.read(4) == TEXT[:4]
        assert delivery.sealed_notice.open().read() == b"<seal/>"
        assert delivery.prepared is None
        left = LATER - time.clock_gettime(time.CLOCK_BOOTTIME)
        assert delivery.seconds_left() == pytest.approx(left, abs=60)
        return DEPOSITED

    assert perform(does, call()) == DEPOSITED


def test_prepared_bytes_come_back_as_they_were_whether_inline_or_stored() -> None:
    seen = []

    def does(delivery: Any, keep: Any) -> Deposited:
        seen.append(delivery.prepared)
        return DEPOSITED

    stored = payload().sources[0]
    for source in (frames.Inline(data=b"signed"), stored):
        perform(does, call(payload=payload(prepared=source)))
    assert seen == [b"signed", TEXT]


def test_a_status_may_keep_a_reference() -> None:
    given = StatusUpdate(
        key="0" * 64,
        message_id="urn:1",
        application_id="7b5c3c1e-0000-4000-8000-00000000000a",
        mailbox=AddressData(id="abc"),
        author=AuthorData(identifier="1"),
        service="urn:x",
        status="RECEIVED",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    kept: list[str] = []

    def does(update: Any, keep: Any) -> Deposited:
        assert update == given
        keep("id-1")
        return DEPOSITED

    what = call(Operation.SET_STATUS, payload=StatusPayload(update=given))
    assert calls.perform(loaded(does), what, [], kept.append) == DEPOSITED
    assert kept == ["id-1"]


@pytest.mark.parametrize("raised", [ValueError("canary-7f3a"), SystemExit("canary-7f3a")])
def test_an_exception_in_deposit_is_unknown_and_its_text_is_not_passed_on(
    raised: BaseException,
) -> None:
    def does(**arguments: object) -> object:
        raise raised

    answer = perform(does, call())
    assert answer.kind == "unknown"
    assert type(raised).__name__ in answer.reason.text
    assert "canary" not in answer.reason.text


def violation() -> object:
    return Deposited(
        reference="1", provided_at=datetime(2026, 3, 1, tzinfo=UTC), source="mailbox", evidence=()
    )


class Grown(Deposited):
    """An outcome that a plugin has changed."""


@pytest.mark.parametrize(
    "found",
    [None, "deposited", True, Absent(), Health(status="up"), Grown(**dict(DEPOSITED))],
)
def test_an_answer_that_deposit_does_not_have_is_unknown(found: object) -> None:
    assert perform(lambda **arguments: found, call()).kind == "unknown"


def test_a_deposit_without_evidence_is_unknown() -> None:
    assert perform(lambda **arguments: violation(), call()).kind == "unknown"


def test_a_call_that_came_too_late_is_not_begun() -> None:
    begun = []
    answer = perform(lambda **arguments: begun.append(1), call(deadline=0.0))
    assert answer.kind == "held"
    assert begun == []


def test_damaged_content_never_reaches_the_mailbox() -> None:
    def does(delivery: Any, keep: Any) -> Deposited:
        with delivery.documents[0].open() as stream:
            stream.read()
        return DEPOSITED

    blob = bytearray(cipher.seal(DEK, b"n/d1", TEXT))
    blob[-1] ^= 1
    answer = perform(does, call(), bytes(blob))
    assert answer.kind == "unknown"
    assert "Damaged" in answer.reason.text


def test_damaged_prepared_bytes_end_the_call_before_it_begins() -> None:
    begun = []
    prepared = payload().sources[0].model_copy(update={"context": b"another"})
    answer = perform(lambda **arguments: begun.append(1), call(payload=payload(prepared=prepared)))
    assert answer.kind == "deferred"
    assert begun == []


@pytest.mark.parametrize(
    "broken",
    [
        payload(sealed_notice=facts(b"longer than its source")),
        payload(prepared=payload().sources[0].model_copy(update={"fd": 3})),
    ],
)
def test_a_payload_that_contradicts_itself_is_held(broken: DepositPayload) -> None:
    answer = perform(lambda **arguments: DEPOSITED, call(payload=broken))
    assert answer.kind == "held"


def test_payload_and_operation_must_fit() -> None:
    what = call(Operation.RECONCILE, payload=frames.TextPayload(text="x"))
    assert perform(lambda **arguments: Absent(), what).kind == "held"


@pytest.mark.parametrize(
    ("operation", "given", "found", "expected"),
    [
        (Operation.HEALTH, None, Health(status="up"), Health(status="up")),
        (
            Operation.ACCOUNT,
            frames.TextPayload(text="abc"),
            Account(status="active"),
            Account(status="active"),
        ),
        (
            Operation.PREPARE,
            frames.PreparePayload(key="1" * 64, notice=payload().notice),
            b"signed",
            Prepared(data=b"signed"),
        ),
        (Operation.RECONCILE, frames.ReconcilePayload(key="0" * 64), Absent(), Absent()),
    ],
)
def test_each_operation_gives_its_own_answer(
    operation: Operation, given: Any, found: object, expected: object
) -> None:
    assert perform(lambda **arguments: found, call(operation, payload=given)) == expected


@pytest.mark.parametrize(
    ("operation", "given", "kind"),
    [
        (Operation.HEALTH, None, "health"),
        (Operation.ACCOUNT, frames.TextPayload(text="abc"), "failed"),
        (Operation.PREPARE, frames.PreparePayload(key="1" * 64, notice=payload().notice), "failed"),
        (Operation.COLLECT, frames.TextPayload(text=None), "failed"),
        (Operation.RECONCILE, frames.ReconcilePayload(key="0" * 64), "unknown"),
    ],
)
def test_an_exception_in_any_operation_is_an_answer_it_may_have(
    operation: Operation, given: Any, kind: str
) -> None:
    def does(**arguments: object) -> object:
        raise RuntimeError("canary-7f3a")

    answer = perform(does, call(operation, payload=given))
    assert answer.kind == kind
    assert isinstance(answer, frames.ALLOWED[operation])
    assert "canary" not in repr(answer)


def test_prepared_bytes_over_a_megabyte_are_refused() -> None:
    what = call(
        Operation.PREPARE, payload=frames.PreparePayload(key="1" * 64, notice=payload().notice)
    )
    assert perform(lambda **arguments: b"x" * (1024 * 1024 + 1), what).kind == "failed"


def test_an_operation_that_the_class_lacks_is_not_begun() -> None:
    nothing: Any = None
    hooks: Any = Hooks(lambda **arguments: DEPOSITED)
    few = Loaded(hooks, nothing, (Operation.HEALTH,))
    assert calls.perform(few, call(), [], lambda reference: None).kind == "held"


def test_keys_and_payload_do_not_show_in_what_is_printed() -> None:
    shown = repr(payload(prepared=frames.Inline(data=b"canary-7f3a")))
    assert "canary" not in shown
    assert repr(DEK) not in shown
