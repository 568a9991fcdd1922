"""What the hub speaks about: a notice, its documents, its mailbox, its state.

Element names and limits: schemas/notice.xsd and status-update.xsd. All times are aware; all
classes are frozen.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"


class State(StrEnum):
    """Where a notice is. The last three are final and write-once."""

    ACCEPTED = "ACCEPTED"  # taken over durably, not yet sealed
    SEALED = "SEALED"  # waits for its first attempt
    DEFERRED = "DEFERRED"  # transient fault, surely not stored
    PENDING = "PENDING"  # taken by the mailbox, not confirmed
    IN_DOUBT = "IN_DOUBT"  # an attempt ended without a known outcome
    HELD = "HELD"  # our own fault, or three crashes
    DEPOSITED = "DEPOSITED"  # confirmed by the mailbox
    FAILED = "FAILED"  # surely not deposited: deliver by post
    UNRESOLVED = "UNRESOLVED"  # the deadline came in doubt: a person decides

    @property
    def final(self) -> bool:
        """Whether no later event changes this state."""
        return self in FINAL

    @property
    def doubtful(self) -> bool:
        """Whether an attempt may have stored the notice without our knowing."""
        return self in (State.PENDING, State.IN_DOUBT)


FINAL = frozenset({State.DEPOSITED, State.FAILED, State.UNRESOLVED})


class Kind(StrEnum):
    """What is brought to a mailbox: what a procedure hands in, or a failed notice to the post."""

    NOTICE = "notice"
    STATUS = "status"
    POST = "post"


class Status(StrEnum):
    """The state that an application is in, as a mailbox shows it."""

    INITIATED = "INITIATED"
    SUBMITTED = "SUBMITTED"
    RECEIVED = "RECEIVED"
    PROCESSING = "PROCESSING"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    COMPLETED = "COMPLETED"

    @property
    def rank(self) -> int:
        """How far it is, to compare by; it goes back and forth only within one rank."""
        return _RANKS[self]


_RANKS = {
    Status.INITIATED: 0,
    Status.SUBMITTED: 1,
    Status.RECEIVED: 2,
    Status.PROCESSING: 3,
    Status.ACTION_REQUIRED: 3,
    Status.COMPLETED: 4,
}


class LegalBasis(StrEnum):
    """On which law the electronic notification rests (docs: law)."""

    OZG9 = "OZG9"
    AO122A = "AO122A"
    SGBX37_2A = "SGBX37_2A"
    VWVFG41_2 = "VWVFG41_2"
    VWVFG41_2A = "VWVFG41_2A"
    NONE = "NONE"


class AssuranceLevel(StrEnum):
    """Level of assurance of the mailbox's owner (eIDAS, Article 8)."""

    LOW = "low"
    SUBSTANTIAL = "substantial"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """1 to 3, to compare by."""
        return ("low", "substantial", "high").index(self.value) + 1


class Role(StrEnum):
    """What a document is: exactly one of a notice's documents is the notice itself."""

    NOTICE = "notice"
    ATTACHMENT = "attachment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """The authority that speaks in the notice."""

    identifier: str
    scheme: str | None = None
    category: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxAddress:
    """Whose mailbox: the mailbox id, and the scheme it belongs to, where the envelope says it."""

    id: str
    scheme: str | None = None
    holder: str = "recipient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A value of a code list; `payload_schema` only for a MessageType."""

    value: str
    list_uri: str | None = None
    list_version: str | None = None
    payload_schema: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as the envelope announces it.

    size: bytes; digest: lower-case hex by `digest_method` (SHA256 or SHA512)
    Exactly one of `reference` (file name in the same drop) and `data` (the bytes) is set.
    line: where it stands in the envelope, for refusals
    sha512: lower-case hex, of the bytes that were taken; only where a mailbox may sign over it
    """

    id: str
    content_type: str
    filename: str
    size: int
    role: Role
    digest_method: str
    digest: str
    reference: str | None = None
    data: bytes | None = None
    line: int | None = None
    sha512: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice as a procedure hands it in; schemas/notice.xsd says each field's meaning."""

    ROOT: ClassVar[str] = "Notice"
    kind: ClassVar[Kind] = Kind.NOTICE

    message_id: str
    created_at: datetime
    author: Author
    mailbox: MailboxAddress
    service: str
    message_type: Code
    subject: str
    legal_basis: LegalBasis
    assurance_level: AssuranceLevel
    documents: tuple[Document, ...]
    case_reference: str | None = None
    in_reply_to: str | None = None
    business_scenario: Code | None = None
    text: str | None = None
    mailbox_use_excluded: bool = False
    application_id: str | None = None
    not_before: datetime | None = None
    obsolete_after: datetime | None = None
    postal_address: tuple[str, ...] = ()
    test: bool = False
    signed: bool = False

    @property
    def message_key(self) -> str:
        """The MessageID as it is compared: without case."""
        return self.message_id.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """The state of an application; schemas/status-update.xsd says each field's meaning."""

    ROOT: ClassVar[str] = "StatusUpdate"
    kind: ClassVar[Kind] = Kind.STATUS
    documents: ClassVar[tuple[Document, ...]] = ()

    message_id: str
    created_at: datetime
    author: Author
    mailbox: MailboxAddress
    service: str
    application_id: str
    status: Status
    case_reference: str | None = None
    service_name: str | None = None
    details: str | None = None
    additional: str | None = None
    reference: str | None = None
    not_before: datetime | None = None
    obsolete_after: datetime | None = None
    test: bool = False
    signed: bool = False

    @property
    def message_key(self) -> str:
        """The MessageID as it is compared: without case."""
        return self.message_id.lower()


Submission = Notice | StatusUpdate
"""What an envelope holds."""
