"""Carry out one call: payload to arguments, the plugin's answer to a frame.

Whatever a plugin does, a call ends in an answer that the operation allows. An exception or a wrong
type in an operation that sends counts as Unknown: the notice may be stored. A call that came after
its end is not begun.
"""

import functools
import io
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from postfach_mailbox import cipher
from postfach_mailbox.checking import Submission, Undecided
from postfach_mailbox.frames import (
    ALLOWED,
    AnswerValue,
    Call,
    CheckPayload,
    DepositPayload,
    Failed,
    FetchPayload,
    Inline,
    ObservePayload,
    Operation,
    PreparePayload,
    ReconcilePayload,
    Source,
    StatusPayload,
    TextPayload,
)
from postfach_mailbox.hooks import Keep
from postfach_mailbox.loading import Loaded
from postfach_mailbox.notice import Delivery, DeliveryDocument, DocumentData
from postfach_mailbox.outcomes import (
    PREPARED_MAX,
    Deferred,
    Health,
    Held,
    Prepared,
    Reason,
    Unknown,
)
from postfach_mailbox.wording import describe

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SENDING = (Operation.DEPOSIT, Operation.RECONCILE, Operation.SET_STATUS, Operation.WITHDRAW)
TEXT_ARGUMENT = {
    Operation.ACCOUNT: "address",
    Operation.COLLECT: "cursor",
    Operation.ACKNOWLEDGE: "item",
    Operation.WITHDRAW: "reference",
}


def perform(loaded: Loaded, call: Call, fds: Sequence[int], keep: Keep) -> AnswerValue:
    """Return how `call` ended; never raises. `fds` stay the caller's."""
    if call.operation not in loaded.operations:
        return _not_begun(call.operation, "NOT_OFFERED", "the mailbox has no such operation")
    if time.clock_gettime(time.CLOCK_BOOTTIME) >= call.deadline:
        return _not_begun(call.operation, "CAME_TOO_LATE", "call came too late; not begun")
    try:
        arguments = _arguments(call, fds, keep)
    except cipher.Damaged:
        if call.operation not in SENDING:
            return _unusable(call.operation, "PAYLOAD_DAMAGED", "stored content is damaged")
        # Not Held: that concerns the mailbox, and would stop it for all; this is one notice's.
        return Deferred(reason=Reason(code="PAYLOAD_DAMAGED", text="stored content is damaged"))
    except (KeyError, OSError, ValueError) as error:
        return _not_begun(call.operation, "CALL_INVALID", f"call is not valid: {describe(error)}")
    try:
        found = getattr(loaded.hooks, call.operation.value)(**arguments)
        if isinstance(into := arguments.get("into"), io.BufferedWriter):
            into.flush()  # what did not reach the hub was not fetched
    except BaseException as error:  # noqa: BLE001  # foreign code; the notice must outlive it
        return _unusable(call.operation, "EXCEPTION", describe(error))
    return _answer(call.operation, found)


def _answer(operation: Operation, found: object) -> AnswerValue:
    if operation is Operation.PREPARE and isinstance(found, bytes):
        if len(found) > PREPARED_MAX:
            return _unusable(operation, "CONTRACT_VIOLATION", "prepare returned over 1 MiB")
        found = Prepared(data=found)
    if type(found) not in ALLOWED[operation]:  # not isinstance: a subclass may hold anything
        text = f"{operation.value} returned {type(found).__name__[:100]}"
        return _unusable(operation, "CONTRACT_VIOLATION", text)
    answer = cast("AnswerValue", found)
    try:  # a model can be made, or changed, past its own rules: a deposit without evidence
        return type(answer).model_validate(answer.model_dump(warnings=False))
    except Exception as error:  # noqa: BLE001  # what stands in the fields is foreign
        text = f"{operation.value} returned a {answer.kind} that breaks the contract"
        return _unusable(operation, "CONTRACT_VIOLATION", f"{text}: {type(error).__name__}")


def too_long(operation: Operation) -> AnswerValue:
    """Return what stands for an answer that is longer than a frame may be."""
    return _unusable(operation, "CONTRACT_VIOLATION", f"{operation.value} returned too much")


def _unusable(operation: Operation, code: str, text: str) -> AnswerValue:
    """Return what stands for no usable answer: it may have had an effect."""
    reason = Reason(code=code, text=text[:500])
    if operation in SENDING:
        return Unknown(reason=reason)
    if operation is Operation.CHECK:
        return Undecided(reason=reason)
    if operation is Operation.HEALTH:
        return Health(status="down", text=reason.text)
    return Failed(reason=reason)


def _not_begun(operation: Operation, code: str, text: str) -> AnswerValue:
    """Return what stands for a call that surely had no effect."""
    if operation in SENDING:
        return Held(reason=Reason(code=code, text=text[:500]))
    return _unusable(operation, code, text)


def _arguments(call: Call, fds: Sequence[int], keep: Keep) -> dict[str, object]:
    payload = call.payload
    match call.operation, payload:
        case Operation.DEPOSIT, DepositPayload():
            return {"delivery": delivery(payload, fds, call.deadline), "keep": keep}
        case Operation.RECONCILE, ReconcilePayload():
            return {"key": payload.key, "reference": payload.reference}
        case Operation.PREPARE, PreparePayload():
            return {"notice": payload.notice, "key": payload.key}
        case Operation.FETCH, FetchPayload():
            return {
                "item": payload.item,
                "document": payload.document,
                "into": _into(fds),
            }
        case Operation.SET_STATUS, StatusPayload():
            return {"update": payload.update, "keep": keep}
        case Operation.CHECK, CheckPayload():
            return {"submission": submission(payload, fds, call.deadline)}
        case Operation.OBSERVE, ObservePayload():
            return {"events": payload.events}
        case Operation.HEALTH, None:
            return {}
        case _, TextPayload():
            return {TEXT_ARGUMENT[call.operation]: payload.text}
    raise ValueError("payload and operation do not fit")


def _into(fds: Sequence[int]) -> BinaryIO:
    if len(fds) != 1:
        raise ValueError("a fetch comes with one descriptor")
    return io.BufferedWriter(_Into(fds[0]))


class _Into(io.RawIOBase):
    """Writes to a descriptor that stays the caller's; a plugin that closes it closes nothing."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write what the pipe takes. Raises BrokenPipeError when the hub takes no more."""
        return os.write(self._fd, data)


def delivery(payload: DepositPayload, fds: Sequence[int], deadline: float) -> Delivery:
    """Return what the plugin's `deposit` gets. Raises Damaged, OSError or ValueError.

    Each stored blob's first read checks that it is whole, when the plugin opens it.
    """
    prepared = None
    if payload.prepared is not None:
        with _open(payload.prepared, fds, payload.dek) as stream:
            prepared = stream.read(PREPARED_MAX)
    return Delivery(
        key=payload.key,
        notice=payload.notice,
        documents=_documents(payload, fds),
        sealed_notice=_document(
            payload.sealed_notice, payload.sealed_notice_source, fds, payload.dek
        ),
        prepared=prepared,
        attempt=payload.attempt,
        deadline=deadline,
    )


def submission(payload: CheckPayload, fds: Sequence[int], deadline: float) -> Submission:
    """Return what a check's `check` gets. Raises ValueError."""
    return Submission(notice=payload.notice, documents=_documents(payload, fds), deadline=deadline)


def _documents(
    payload: DepositPayload | CheckPayload, fds: Sequence[int]
) -> tuple[DeliveryDocument, ...]:
    pairs = zip(payload.notice.documents, payload.sources, strict=True)
    return tuple(_document(facts, source, fds, payload.dek) for facts, source in pairs)


def _document(
    facts: DocumentData, source: Source, fds: Sequence[int], dek: bytes
) -> DeliveryDocument:
    size = len(source.data) if isinstance(source, Inline) else source.size
    if size != facts.size:
        raise ValueError("size of a document and of its source differ")
    return DeliveryDocument(facts=facts, opener=functools.partial(_open, source, fds, dek))


def _open(source: Source, fds: Sequence[int], dek: bytes) -> BinaryIO:
    if isinstance(source, Inline):
        return io.BytesIO(source.data)
    if source.fd >= len(fds):
        raise ValueError("a source names a descriptor that did not come")
    reader = cipher.Reader(
        fds[source.fd], source.offset, source.length, key=dek, context=source.context
    )
    if reader.size != source.size:
        raise cipher.Damaged("its size is not the announced one")
    return io.BufferedReader(reader, cipher.CHUNK)
