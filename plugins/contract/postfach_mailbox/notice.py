"""What a mailbox gets: the notice's data and its documents; and what comes back through it.

Element names and limits are those of the envelope (schemas/notice.xsd). Fields may be added in
later versions of the contract, with a default; none is renamed or removed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

from pydantic import Field, model_validator

from postfach_mailbox.outcomes import Evidence, Frozen, Reference, Utc

LegalBasis = Literal["OZG9", "AO122A", "SGBX37_2A", "VWVFG41_2", "VWVFG41_2A", "NONE"]
AssuranceLevel = Literal["low", "substantial", "high"]
REPLY_TEXT_MAX = 64 * 1024  # characters; a frame of 4 MiB holds some replies, quoted


class AuthorData(Frozen):
    """The authority that speaks in the notice."""

    identifier: str
    scheme: str | None = None
    category: str | None = None
    name: str | None = None


class AddressData(Frozen):
    """Whose mailbox; `id` is in the normal form that the capabilities name."""

    id: str = Field(min_length=1, max_length=255)
    scheme: str | None = None
    holder: str = "recipient"


class CodeData(Frozen):
    """A value of a code list; `payload_schema` only for a message type."""

    value: str
    list_uri: str | None = None
    list_version: str | None = None
    payload_schema: str | None = None


class DocumentData(Frozen):
    """A document's facts; of the bytes that are to be deposited.

    size: bytes; sha256, sha512: lower-case hex; sha512 only for a mailbox that prepares
    role: exactly one document of a notice is `notice`, the notice itself
    """

    id: str
    filename: str
    content_type: str
    size: int = Field(ge=0)
    role: Literal["notice", "attachment", "seal"]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    sha512: str | None = Field(default=None, pattern=r"^[0-9a-f]{128}$")


class NoticeData(Frozen):
    """A notice as the procedure handed it in, without the documents' bytes."""

    message_id: str
    created_at: Utc
    author: AuthorData
    mailbox: AddressData
    service: str
    message_type: CodeData
    subject: str
    legal_basis: LegalBasis
    assurance_level: AssuranceLevel
    documents: tuple[DocumentData, ...]
    case_reference: str | None = None
    in_reply_to: str | None = None
    business_scenario: CodeData | None = None
    text: str | None = None
    application_id: str | None = None
    not_before: Utc | None = None
    obsolete_after: Utc | None = None
    postal_address: tuple[str, ...] = ()
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDocument:
    """A document to deposit: its facts, and its bytes as often as they are wanted."""

    facts: DocumentData
    opener: Callable[[], BinaryIO]

    def open(self) -> BinaryIO:
        """Return a new seekable stream over the bytes; valid until the call has returned."""
        return self.opener()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to deposit one notice.

    key: names the notice towards the mailbox, the same at every attempt: 64 hex characters
    documents: in the order of the notice
    sealed_notice: the hub's seal over notice and digests, for `bescheid-siegel.xml`
    prepared: what `prepare` returned, for mailboxes that prepare
    attempt: 1 for the first
    deadline: end of this call on CLOCK_BOOTTIME, in seconds; nothing is sent after it
    """

    key: str
    notice: NoticeData
    documents: tuple[DeliveryDocument, ...]
    sealed_notice: DeliveryDocument
    prepared: bytes | None
    attempt: int
    deadline: float

    def seconds_left(self) -> float:
        """Return how long this call may still take, for the time-outs of a client; 0 or more."""
        return max(0.0, self.deadline - time.clock_gettime(time.CLOCK_BOOTTIME))


class StatusUpdate(Frozen):
    """The state of an application, for mailboxes that show one."""

    key: str
    message_id: str
    application_id: str
    mailbox: AddressData
    author: AuthorData
    service: str
    status: Literal[
        "INITIATED", "SUBMITTED", "RECEIVED", "PROCESSING", "ACTION_REQUIRED", "COMPLETED"
    ]
    created_at: Utc
    service_name: str | None = None
    details: str | None = None
    additional: str | None = None
    reference: str | None = None


class ReplyDocument(Frozen):
    """A document of a reply: its facts; its bytes come by `fetch`. Since 1.1.

    size: bytes; sha256: lower-case hex, where the mailbox says it; the hub checks both
    """

    filename: str = Field(min_length=1, max_length=255)
    content_type: str = Field(min_length=1, max_length=255)
    size: int = Field(ge=0)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class ReplyData(Frozen):
    """What a recipient wrote back. Since 1.1.

    text: characters; a longer one is a document. What `collect` returns must fit into one frame
        of 4 MiB: a mailbox with much to tell returns fewer items, and the rest at the next call
    sender: as the mailbox names the recipient; in_reply_to: MessageID of the notice
    documents: `fetch` gets their number, from 0
    """

    subject: str = Field(min_length=1, max_length=1024)
    text: str | None = Field(default=None, max_length=REPLY_TEXT_MAX)
    sender: str | None = Field(default=None, max_length=255)
    in_reply_to: str | None = Field(default=None, max_length=100)
    documents: tuple[ReplyDocument, ...] = Field(default=(), max_length=100)


class Item(Frozen):
    """Something that came back through the mailbox.

    id: the mailbox's own; given to `acknowledge` after the hub has stored the item durably
    about: reference or key of the notice it belongs to, where the mailbox says so
    reply: what was written, for the kind `reply`; None only from a mailbox of version 1.0
    posted: of a relay's kind `post-result`: given to the post, or undeliverable. Since 1.2
    code: what the print service or the post itself calls it; no name. Since 1.2
    """

    id: Reference
    kind: Literal["retrieval", "reply", "late-failure", "status", "post-result"]
    at: Utc
    about: str | None = None
    evidence: tuple[Evidence, ...] = Field(min_length=1, max_length=16)
    reply: ReplyData | None = None
    posted: bool | None = None
    code: str | None = Field(default=None, min_length=1, max_length=100)

    @model_validator(mode="after")
    def _each_kind_has_its_own(self) -> "Item":
        if self.reply is not None and self.kind != "reply":
            raise ValueError("only an item of the kind reply has a reply")
        if (self.posted is not None) != (self.kind == "post-result"):
            raise ValueError("an item of the kind post-result says whether it was posted, no other")
        return self


class Collected(Frozen):
    """What `collect` found; `cursor` is given to the next call, and kept by the hub."""

    kind: Literal["collected"] = "collected"
    items: tuple[Item, ...] = Field(default=(), max_length=32)
    cursor: str | None = Field(default=None, max_length=4096)


class Acknowledged(Frozen):
    """The mailbox will not offer this item again."""

    kind: Literal["acknowledged"] = "acknowledged"


class Fetched(Frozen):
    """A reply's document was written, whole. Since 1.1.

    size, sha256: of what was written; the hub compares them with what it got
    """

    kind: Literal["fetched"] = "fetched"
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
