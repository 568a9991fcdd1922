"""What a receipt is made of: frozen values. Schema and meaning of each: receipt.xsd."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hub.model import MailboxAddress
from hub.receipt.outcome import Outcome

XTA_ERRORS: Final = "urn:de:xta:webservice:codeliste:fehlernummer"
XTA_ERRORS_VERSION: Final = "1.0"
OWN_REASONS: Final = "urn:postfachdienst:codes:reason"
OWN_REASONS_VERSION: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deposit: when it began (aware) and the code of its outcome."""

    at: datetime
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDigest:
    """A document by its digests, SHA-256 in lower-case hex.

    deposited: of the bytes the mailbox gets, where they differ since the hub sealed them
    size: bytes as handed in
    """

    id: str
    handed_in: str
    size: int
    deposited: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why: a code of a list, and a text without payload, path in a file system or stack trace.

    mailbox_code: the mailbox's own code; line, path: of the envelope's element; refusal: its class
    """

    code: str
    text: str
    list_uri: str = XTA_ERRORS
    list_version: str = XTA_ERRORS_VERSION
    mailbox_code: str | None = None
    line: int | None = None
    path: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxEvidence:
    """A mailbox's own answer, byte for byte; at most 64 KiB.

    in_receipt: whether the receipt holds the bytes, or only their digest
    """

    name: str
    media_type: str
    data: bytes
    in_receipt: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The refused drop: the stem of its name, and the envelope's SHA-256 if it could be read."""

    stem: str
    envelope_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One provable event of one notice; receipt.xsd says each field's meaning. Times are aware.

    settled_as: `deposited` or `failed`, with SETTLED only
    log_id, log_digest: the evidence log and the digest of this event's entry in it
    """

    receipt_id: str
    outcome: Outcome
    issued_at: datetime
    issuer: str
    log_id: str
    log_digest: str
    seal_level: str = "XAdES-B-B"
    settled_as: str | None = None
    drop: Drop | None = None
    message_id: str | None = None
    case_reference: str | None = None
    mailbox: MailboxAddress | None = None
    documents: tuple[DocumentDigest, ...] = ()
    accepted_at: datetime | None = None
    first_attempt_at: datetime | None = None
    deposited_at: datetime | None = None
    deposited_source: str | None = None
    first_retrieved_at: datetime | None = None
    relayed_at: datetime | None = None
    relayed_source: str | None = None
    attempts: tuple[Attempt, ...] = ()
    reason: Reason | None = None
    warnings: tuple[Reason, ...] = ()
    evidence: tuple[MailboxEvidence, ...] = ()
