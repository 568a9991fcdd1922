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

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.checking import CheckCapabilities, Objected, Passed, Undecided
from postfach_mailbox.notice import Acknowledged, Collected, Fetched
from postfach_mailbox.observing import Observed, ObserverCapabilities
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
from postfach_mailbox.payloads import (
    INLINE_MAX,
    KEY_PATTERN,
    CheckPayload,
    DepositPayload,
    FetchPayload,
    Inline,
    ObservePayload,
    Operation,
    Payload,
    PreparePayload,
    ReconcilePayload,
    Source,
    StatusPayload,
    Stored,
    TextPayload,
)
from postfach_mailbox.version import CONTRACT_VERSION

__all__ = [
    "ALLOWED",
    "INLINE_MAX",
    "KEY_PATTERN",
    "OUTCOMES",
    "TO_CHILD",
    "TO_HUB",
    "Answer",
    "AnswerValue",
    "Call",
    "CheckPayload",
    "DepositPayload",
    "Described",
    "Failed",
    "FetchPayload",
    "Group",
    "Inline",
    "KeepAck",
    "Kept",
    "ObservePayload",
    "Operation",
    "Payload",
    "PreparePayload",
    "ReconcilePayload",
    "Source",
    "Start",
    "StartFailed",
    "Started",
    "StatusPayload",
    "Stored",
    "TextPayload",
    "ToChild",
    "ToHub",
    "plain_config",
]

Group = Literal["postfach.mailboxes", "postfach.checks", "postfach.observers"]
"""The group of a plugin's entry point: what kind of plugin it is."""

Described = Capabilities | CheckCapabilities | ObserverCapabilities
"""What a plugin says of itself, by its kind."""


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
    | Fetched
    | Passed
    | Objected
    | Undecided
    | Observed
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
    Operation.FETCH: (Fetched, Failed),
    Operation.CHECK: (Passed, Objected, Undecided),
    Operation.OBSERVE: (Observed, Failed),
}
"""What each operation may end in; anything else breaks the protocol."""


class Start(Frozen):
    """The first frame: what to load, and with what settings. Fields of a newer hub are passed over.

    contract: the hub's version of the contract; the child's must be the same
    group: of the entry point; entry_point: its name there
    record: `sha256:<hex>` that the distribution's RECORD must have; None: not looked at
    base: folder of hub.toml, from which relative paths of `config` count
    in_flight: calls at once
    """

    model_config = ConfigDict(extra="ignore")

    kind: Literal["start"] = "start"
    contract: str = CONTRACT_VERSION
    group: Group = "postfach.mailboxes"
    distribution: str
    version: str
    entry_point: str
    record: str | None = None
    config: dict[str, JsonValue] = Field(repr=False)
    base: str
    in_flight: int = Field(ge=1, le=1024)


class Call(Frozen):
    """One thing asked of the plugin."""

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
    """The plugin is loaded; `operations` are those it implements."""

    kind: Literal["started"] = "started"
    capabilities: Described
    operations: tuple[Operation, ...]


class StartFailed(Frozen):
    """The plugin cannot be used as it is configured or installed.

    configured: what is wrong stands in hub.toml
    """

    kind: Literal["start-failed"] = "start-failed"
    reason: str
    fix: str
    configured: bool = False


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
