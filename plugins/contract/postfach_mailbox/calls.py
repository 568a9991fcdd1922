"""Carry out one call: payload to arguments, the plugin's answer to a frame.

Whatever a plugin does, a call ends in an answer that the operation allows. An exception or a wrong
type in an operation that sends counts as Unknown: the notice may be stored. A call that came after
its end is not begun.
"""

import functools
import io
import time
from collections.abc import Sequence
from typing import BinaryIO, cast

from postfach_mailbox import cipher
from postfach_mailbox.frames import (
    ALLOWED,
    AnswerValue,
    Call,
    DepositPayload,
    Failed,
    Inline,
    Operation,
    PreparePayload,
    ReconcilePayload,
    Source,
    StatusPayload,
    TextPayload,
)
from postfach_mailbox.hooks import Keep
from postfach_mailbox.loading import Loaded, describe
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
        # Not Held: that concerns the mailbox, and would stop it for all; this is one notice's.
        return Deferred(reason=Reason(code="PAYLOAD_DAMAGED", text="stored content is damaged"))
    except (KeyError, OSError, ValueError) as error:
        return _not_begun(call.operation, "CALL_INVALID", f"call is not valid: {describe(error)}")
    try:
        found = getattr(loaded.hooks, call.operation.value)(**arguments)
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
    return cast("AnswerValue", found)


def _unusable(operation: Operation, code: str, text: str) -> AnswerValue:
    """Return what stands for no usable answer: it may have had an effect."""
    reason = Reason(code=code, text=text[:500])
    if operation in SENDING:
        return Unknown(reason=reason)
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
            return {"notice": payload.notice}
        case Operation.SET_STATUS, StatusPayload():
            return {"update": payload.update}
        case Operation.HEALTH, None:
            return {}
        case _, TextPayload():
            return {TEXT_ARGUMENT[call.operation]: payload.text}
    raise ValueError("payload and operation do not fit")


def delivery(payload: DepositPayload, fds: Sequence[int], deadline: float) -> Delivery:
    """Return what the plugin's `deposit` gets. Raises Damaged, OSError or ValueError.

    Each stored blob's first read checks that it is whole, when the plugin opens it.
    """

    def document(facts: DocumentData, source: Source) -> DeliveryDocument:
        size = len(source.data) if isinstance(source, Inline) else source.size
        if size != facts.size:
            raise ValueError("size of a document and of its source differ")
        opener = functools.partial(_open, source, fds, payload.dek)
        return DeliveryDocument(facts=facts, opener=opener)

    prepared = None
    if payload.prepared is not None:
        with _open(payload.prepared, fds, payload.dek) as stream:
            prepared = stream.read(PREPARED_MAX)
    pairs = zip(payload.notice.documents, payload.sources, strict=True)
    return Delivery(
        key=payload.key,
        notice=payload.notice,
        documents=tuple(document(facts, source) for facts, source in pairs),
        sealed_notice=document(payload.sealed_notice, payload.sealed_notice_source),
        prepared=prepared,
        attempt=payload.attempt,
        deadline=deadline,
    )


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
