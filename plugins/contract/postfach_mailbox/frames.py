"""What hub and child say to each other: length-prefixed JSON over a socket pair.

    hub -> child   Start, Call (with descriptors), KeepAck
    child -> hub   Started | StartFailed, Kept, Answer

A frame is 4 bytes of length, big-endian, and that many bytes of UTF-8 JSON of one of these models;
no pickle, nothing that runs code. Descriptors of a Call travel beside its first byte (SCM_RIGHTS);
`fds` says how many are its own. Deadlines are CLOCK_BOOTTIME seconds, the same clock on both sides.

Security: a Call carries the key of one notice and descriptors of ciphertext; never the master key,
a path of the vault or the database. Each side checks every frame and ends the connection at one
that does not belong there.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, TypeAdapter, model_validator

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.notice import (
    Acknowledged,
    Collected,
    DocumentData,
    NoticeData,
    StatusUpdate,
)
from postfach_mailbox.outcomes import (
    Absent,
    Account,
    Deferred,
    Deposited,
    Frozen,
    Health,
    Held,
    Pending,
    Prepared,
    Reason,
    Reference,
    Refused,
    Unknown,
)

INLINE_MAX = 64 * 1024  # bytes of plain content that travel inside a frame
KEY_PATTERN = r"^[0-9a-f]{64}$"


class Operation(StrEnum):
    """What the hub may ask of a mailbox."""

    DEPOSIT = "deposit"
    RECONCILE = "reconcile"
    HEALTH = "health"
    ACCOUNT = "account"
    PREPARE = "prepare"
    SET_STATUS = "set_status"
    COLLECT = "collect"
    ACKNOWLEDGE = "acknowledge"
    WITHDRAW = "withdraw"


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


class PreparePayload(Frozen):
    """What `prepare` needs: documents by digest, never inside."""

    kind: Literal["prepare"] = "prepare"
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


class StatusPayload(Frozen):
    """What `set_status` needs."""

    kind: Literal["status"] = "status"
    update: StatusUpdate


Payload = Annotated[
    DepositPayload | PreparePayload | ReconcilePayload | TextPayload | StatusPayload,
    Field(discriminator="kind"),
]


class Failed(Frozen):
    """An operation other than deposit gave no usable answer: exception or wrong type."""

    kind: Literal["failed"] = "failed"
    reason: Reason


AnswerValue = (
    Deposited
    | Pending
    | Deferred
    | Refused
    | Held
    | Unknown
    | Absent
    | Health
    | Account
    | Prepared
    | Collected
    | Acknowledged
    | Failed
)
"""Everything that a call can end in."""

OUTCOMES: tuple[type[Frozen], ...] = (Deposited, Pending, Deferred, Refused, Held, Unknown)
ALLOWED: dict[Operation, tuple[type[Frozen], ...]] = {
    Operation.DEPOSIT: OUTCOMES,
    Operation.RECONCILE: (*OUTCOMES, Absent),
    Operation.SET_STATUS: OUTCOMES,
    Operation.WITHDRAW: OUTCOMES,
    Operation.HEALTH: (Health,),
    Operation.ACCOUNT: (Account, Failed),
    Operation.PREPARE: (Prepared, Refused, Failed),
    Operation.COLLECT: (Collected, Failed),
    Operation.ACKNOWLEDGE: (Acknowledged, Failed),
}
"""What each operation may end in; anything else breaks the protocol."""


class Start(Frozen):
    """The first frame: what to load, and with what settings.

    entry_point: name in the group `postfach.mailboxes`
    base: folder of hub.toml, from which relative paths of `config` count
    in_flight: calls at once
    memory: address space of the child in bytes
    """

    kind: Literal["start"] = "start"
    distribution: str
    version: str
    entry_point: str
    config: dict[str, JsonValue] = Field(repr=False)
    base: str
    in_flight: int = Field(ge=1, le=1024)
    memory: int | None = None


class Call(Frozen):
    """One thing asked of the mailbox."""

    kind: Literal["call"] = "call"
    id: int
    operation: Operation
    deadline: float
    payload: Payload | None = None
    fds: int = Field(default=0, ge=0, le=253)


class KeepAck(Frozen):
    """The reference of call `id` is committed: the plugin may go on."""

    kind: Literal["keep-ack"] = "keep-ack"
    id: int


class Started(Frozen):
    """The mailbox is loaded; `operations` are those it implements."""

    kind: Literal["started"] = "started"
    capabilities: Capabilities
    operations: tuple[Operation, ...]


class StartFailed(Frozen):
    """The mailbox cannot be used as it is configured or installed."""

    kind: Literal["start-failed"] = "start-failed"
    reason: str
    fix: str


class Kept(Frozen):
    """Call `id` asks to keep `reference`, and waits."""

    kind: Literal["kept"] = "kept"
    id: int
    reference: Reference


class Answer(Frozen):
    """Call `id` has ended."""

    kind: Literal["answer"] = "answer"
    id: int
    value: Annotated[AnswerValue, Field(discriminator="kind")]


ToChild = Start | Call | KeepAck
ToHub = Started | StartFailed | Kept | Answer
TO_CHILD: TypeAdapter[ToChild] = TypeAdapter(Annotated[ToChild, Field(discriminator="kind")])
TO_HUB: TypeAdapter[ToHub] = TypeAdapter(Annotated[ToHub, Field(discriminator="kind")])


def plain_config(table: dict[str, Any]) -> dict[str, JsonValue]:
    """Return a table of hub.toml as JSON values; dates and the like become ISO 8601 texts."""
    text = TypeAdapter(dict[str, Any]).dump_json(table)
    return TypeAdapter(dict[str, JsonValue]).validate_json(text)
