"""What an operation is given: the payloads of calls, and where the content of a document lies.

Security: a payload carries the key of one notice and where its ciphertext lies behind the call's
descriptors; never the master key, a path of the vault or the database.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from postfach_mailbox.notice import DocumentData, NoticeData, StatusUpdate
from postfach_mailbox.observing import EVENTS_MAX, NoticeEvent
from postfach_mailbox.outcomes import Frozen, Reference

INLINE_MAX = 64 * 1024  # bytes of plain content that travel inside a frame
KEY_PATTERN = r"^[0-9a-f]{64}$"


class Operation(StrEnum):
    """What the hub may ask of a mailbox, of a check (`check`), of an observer (`observe`)."""

    DEPOSIT = "deposit"
    RECONCILE = "reconcile"
    HEALTH = "health"
    ACCOUNT = "account"
    PREPARE = "prepare"
    SET_STATUS = "set_status"
    COLLECT = "collect"
    ACKNOWLEDGE = "acknowledge"
    FETCH = "fetch"
    WITHDRAW = "withdraw"
    CHECK = "check"
    OBSERVE = "observe"


class Inline(Frozen):
    """Content inside the frame, in clear: small, and only between hub and child."""

    kind: Literal["inline"] = "inline"
    data: bytes = Field(max_length=INLINE_MAX, repr=False)


class Stored(Frozen):
    """Content in the vault: a stretch of ciphertext behind one of the call's descriptors.

    fd: index into the call's descriptors
    offset, length: the stretch of ciphertext, bytes
    size: plain bytes
    context: what the ciphertext is bound to (cipher.py)
    """

    kind: Literal["stored"] = "stored"
    fd: int = Field(ge=0, le=252)
    offset: int = Field(ge=0)
    length: int = Field(ge=0)
    size: int = Field(ge=0)
    context: bytes


Source = Annotated[Inline | Stored, Field(discriminator="kind")]


class DepositPayload(Frozen):
    """What `deposit` needs; `sources` has one entry for each document, in their order.

    dek: the notice's own key, 32 bytes, for all Stored sources
    """

    kind: Literal["deposit"] = "deposit"
    key: str = Field(pattern=KEY_PATTERN)
    notice: NoticeData
    sources: tuple[Source, ...]
    sealed_notice: DocumentData
    sealed_notice_source: Source
    prepared: Source | None = None
    dek: bytes = Field(min_length=32, max_length=32, repr=False)
    attempt: int = Field(ge=1)

    @model_validator(mode="after")
    def _one_source_each(self) -> "DepositPayload":
        if len(self.sources) != len(self.notice.documents):
            raise ValueError("sources and documents differ in number")
        return self


class CheckPayload(Frozen):
    """What `check` needs; as of a deposit, without what a check has no use for."""

    kind: Literal["check"] = "check"
    notice: NoticeData
    sources: tuple[Source, ...]
    dek: bytes = Field(min_length=32, max_length=32, repr=False)

    @model_validator(mode="after")
    def _one_source_each(self) -> "CheckPayload":
        if len(self.sources) != len(self.notice.documents):
            raise ValueError("sources and documents differ in number")
        return self


class ObservePayload(Frozen):
    """What `observe` needs: events in the order in which they happened."""

    kind: Literal["observe"] = "observe"
    events: tuple[NoticeEvent, ...] = Field(min_length=1, max_length=EVENTS_MAX)


class PreparePayload(Frozen):
    """What `prepare` needs: documents by digest, never inside."""

    kind: Literal["prepare"] = "prepare"
    key: str
    notice: NoticeData


class ReconcilePayload(Frozen):
    """What `reconcile` needs; `reference` is what `keep` or Pending named, where there was one."""

    kind: Literal["reconcile"] = "reconcile"
    key: str = Field(pattern=KEY_PATTERN)
    reference: Reference | None = None


class TextPayload(Frozen):
    """The one text of `account` (address), `collect` (cursor), `acknowledge`, `withdraw` (id)."""

    kind: Literal["text"] = "text"
    text: str | None = None


class FetchPayload(Frozen):
    """What `fetch` needs; the call's one descriptor is the write end of a pipe."""

    kind: Literal["fetch"] = "fetch"
    item: Reference
    document: int = Field(ge=0, le=99)


class StatusPayload(Frozen):
    """What `set_status` needs."""

    kind: Literal["status"] = "status"
    update: StatusUpdate


Payload = Annotated[
    DepositPayload
    | PreparePayload
    | ReconcilePayload
    | TextPayload
    | StatusPayload
    | FetchPayload
    | CheckPayload
    | ObservePayload,
    Field(discriminator="kind"),
]
