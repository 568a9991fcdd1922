"""What a mailbox answers: the outcomes of an attempt, and what it says about itself and accounts.

    Deposited   the mailbox confirmed: final, with its time and its own answer as evidence
    Pending     taken, not yet confirmed: the hub asks `reconcile` later
    Deferred    transient, and surely not stored: the hub tries again
    Refused     permanent, of the recipient or the notice: the hub gives up; the post follows
    Held        our own fault, found before the notice was handed over: goes on when mended
    Unknown     may be stored: the hub never sends again blindly
    Absent      only from `reconcile`: the mailbox does not hold it and never will

When in doubt whether the mailbox stored the notice, the answer is Unknown, never Deferred. An
exception, a wrong type and a passed deadline count as Unknown without the plugin's doing.
Texts hold no payload, no name of a recipient and no secret: they stand in logs and receipts.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

EVIDENCE_MAX = 64 * 1024  # bytes of one piece of evidence
REFERENCE_MAX = 4096  # characters of a mailbox's own id
PREPARED_MAX = 1024 * 1024  # bytes that `prepare` may return


class Frozen(BaseModel):
    """How every model of the contract behaves: closed, immutable, bytes as base64 in JSON."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        ser_json_bytes="base64",
        val_json_bytes="base64",
        hide_input_in_errors=True,  # an error text must not carry payload
    )


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # which pydantic would let pass: out of validation, into the hub
        raise ValueError("a time that UTC carries out of the years 1 to 9999") from None


Utc = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A point in time; naive ones are refused, others are converted to UTC."""

Reference = Annotated[str, Field(min_length=1, max_length=REFERENCE_MAX)]
"""The mailbox's own id of a deposit or submission."""


class RefusalCode(StrEnum):
    """Why a mailbox will never take a notice."""

    RECIPIENT_UNKNOWN = "RECIPIENT_UNKNOWN"  # there is no such account
    RECIPIENT_DELETED = "RECIPIENT_DELETED"  # there was one; it is closed
    TRUST_LEVEL = "TRUST_LEVEL"  # the account's assurance level is too low for this notice
    TOO_LARGE = "TOO_LARGE"  # a document, or all together
    TYPE_REFUSED = "TYPE_REFUSED"  # a document's type
    MALWARE = "MALWARE"  # the mailbox's own scanner found something
    CONTENT_INVALID = "CONTENT_INVALID"  # a field or document is not what the mailbox accepts
    OTHER = "OTHER"  # permanent, but none of these; `mailbox_code` says what


class Reason(Frozen):
    """Why an outcome is not a deposit.

    code: short, upper case, stable (`UNREACHABLE`, `HTTP_503`); for Refused a RefusalCode
    text: one sentence for a person; no payload, no name, no secret
    mailbox_code: what the mailbox itself said, where it says such a thing
    """

    code: str = Field(pattern=r"^[A-Z0-9][A-Z0-9_]{0,63}$")
    text: str = Field(min_length=1, max_length=500)
    mailbox_code: str | None = Field(default=None, min_length=1, max_length=100)


class Evidence(Frozen):
    """The mailbox's own answer, byte for byte.

    name: plain file name, such as `answer.json`
    media_type: IANA type
    data: at most 64 KiB; what is longer is cut by the plugin to what proves the deposit
    in_receipt: True where these bytes may stand in the receipt, which others read: only when they
        hold no names, no subject and no secret. All evidence is kept by the hub, encrypted.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    media_type: str = Field(pattern=r"^[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}$")
    data: bytes = Field(max_length=EVIDENCE_MAX)
    in_receipt: bool = False


class Deposited(Frozen):
    """The mailbox holds the notice and said so. Final; the receipt cites all of this.

    reference: the mailbox's own id of the deposit
    provided_at: when the recipient could reach it
    source: whose clock that is: the mailbox's own statement, the Date header of its answer, or the
        hub's machine
    evidence: the mailbox's own answer; a deposit without one is a contract violation
    warnings: what the mailbox complained about while taking it; same rules as Reason.text
    """

    kind: Literal["deposited"] = "deposited"
    reference: Reference
    provided_at: Utc
    source: Literal["mailbox", "http-date", "hub-clock"]
    evidence: tuple[Evidence, ...] = Field(min_length=1, max_length=16)
    warnings: tuple[str, ...] = Field(default=(), max_length=16)


class Pending(Frozen):
    """The mailbox took the notice and has not confirmed it yet.

    check_after: when the mailbox wishes to be asked, counted from now
    """

    kind: Literal["pending"] = "pending"
    reference: Reference
    check_after: timedelta | None = Field(default=None, ge=timedelta(0))
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=16)


class Deferred(Frozen):
    """Transient, and surely not stored: unreachable, 408, 429, 5xx before the body was taken.

    not_before: the mailbox's own wish (HTTP Retry-After), counted from now
    """

    kind: Literal["deferred"] = "deferred"
    reason: Reason
    not_before: timedelta | None = Field(default=None, ge=timedelta(0))


def _refusal(reason: Reason) -> Reason:
    RefusalCode(reason.code)  # ValueError, which pydantic reports, for any other code
    return reason


class Refused(Frozen):
    """The mailbox will never take this notice. Final; delivery by post follows."""

    kind: Literal["refused"] = "refused"
    reason: Annotated[Reason, AfterValidator(_refusal)]


class Held(Frozen):
    """Our own fault, found before the notice was handed over: 401, 403, TLS, configuration."""

    kind: Literal["held"] = "held"
    reason: Reason


class Unknown(Frozen):
    """The notice may be stored: the answer was lost, or cannot be understood."""

    kind: Literal["unknown"] = "unknown"
    reason: Reason


class Absent(Frozen):
    """Only from `reconcile`: the mailbox does not hold this key and will not hold it later."""

    kind: Literal["absent"] = "absent"


Outcome = Deposited | Pending | Deferred | Refused | Held | Unknown
"""What `deposit`, `set_status` and `withdraw` return."""

Reconciled = Outcome | Absent
"""What `reconcile` returns."""


class Health(Frozen):
    """Whether the mailbox can be used. Held notices are freed when it is not `down`."""

    kind: Literal["health"] = "health"
    status: Literal["up", "degraded", "down"]
    text: str = Field(default="", max_length=500)


class Account(Frozen):
    """Whether an account takes notices (XTA: checkAccountActive)."""

    kind: Literal["account"] = "account"
    status: Literal["active", "unknown", "deleted"]


class Prepared(Frozen):
    """The bytes that `prepare` made: identical at every attempt, stored before the first."""

    kind: Literal["prepared"] = "prepared"
    data: bytes = Field(max_length=PREPARED_MAX)
