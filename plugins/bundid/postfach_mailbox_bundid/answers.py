"""What the service's answers mean to a notice. What an answer looks like is assumed: assumed.py.

A refusal counts only with a code of the service's own: a 404 without one may come from anything on
the way, and says nothing of a mailbox. What is not understood is Unknown: it may be stored.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from postfach_http import Answer
from postfach_http.outcomes import http_date, of_answer
from postfach_mailbox import (
    Deposited,
    Evidence,
    Health,
    Held,
    Outcome,
    Reason,
    RefusalCode,
    Refused,
    Unknown,
)
from postfach_mailbox_bundid.assumed import (
    APPLICATION_ID,
    CODE,
    CREATED,
    MESSAGE_ID,
    TAKEN_STATUS,
    TOKEN_LEEWAY_SECONDS,
    Code,
)

REFUSALS: Final[Mapping[Code, RefusalCode]] = MappingProxyType(
    {
        Code.MAILBOX_UNKNOWN: RefusalCode.RECIPIENT_UNKNOWN,
        Code.MAILBOX_DELETED: RefusalCode.RECIPIENT_DELETED,
        Code.TRUST_LEVEL_TOO_LOW: RefusalCode.TRUST_LEVEL,
        Code.TOO_LARGE: RefusalCode.TOO_LARGE,
        Code.TYPE_REFUSED: RefusalCode.TYPE_REFUSED,
        Code.MALWARE_FOUND: RefusalCode.MALWARE,
        Code.SCHEMA_INVALID: RefusalCode.CONTENT_INVALID,
        Code.ATTACHMENT_MISSING: RefusalCode.CONTENT_INVALID,
        Code.ATTACHMENT_UNDECLARED: RefusalCode.CONTENT_INVALID,
        Code.ATTACHMENT_ORDER: RefusalCode.CONTENT_INVALID,
        Code.DIGEST_WRONG: RefusalCode.CONTENT_INVALID,
        Code.LENGTH_WRONG: RefusalCode.CONTENT_INVALID,
        Code.STATE_BACKWARDS: RefusalCode.OTHER,
    }
)
# What the service says of these would meet every notice alike: a matter of certificate, settings or
# clock, or of a service that has changed. No notice goes by post for it.
OURS: Final[Mapping[Code, str]] = MappingProxyType(
    {
        Code.TOKEN_INVALID: "the service does not accept our token",
        Code.CERTIFICATE_REFUSED: "the service does not accept our certificate",
        Code.ROLE_MISSING: "the service wants another role than ours",
        Code.SIGNATURE_INVALID: "the service knows another certificate for our signature",
        Code.REQUEST_INVALID: "the service wants requests of another form",
        Code.NOT_FOUND: "url: there is no such path at the service",
    }
)
_SENDER: Final = frozenset(
    {
        Code.TOKEN_INVALID,
        Code.CERTIFICATE_REFUSED,
        Code.ROLE_MISSING,
        Code.SIGNATURE_INVALID,
    }
)
_TEXTS: Final[Mapping[RefusalCode, str]] = MappingProxyType(
    {
        RefusalCode.RECIPIENT_UNKNOWN: "there is no such mailbox",
        RefusalCode.RECIPIENT_DELETED: "the mailbox was deleted",
        RefusalCode.TRUST_LEVEL: "the account's assurance level is below the notice's",
        RefusalCode.TOO_LARGE: "the service takes no message of this size",
        RefusalCode.TYPE_REFUSED: "the service takes no document of this type",
        RefusalCode.MALWARE: "the service found malware in a document",
        RefusalCode.CONTENT_INVALID: "the service does not accept a field or a document",
        RefusalCode.OTHER: "the application is further than this state",
    }
)
_CODES: Final[Mapping[str, Code]] = MappingProxyType({each.value: each for each in Code})
_REFERENCE_MAX: Final = 200


def message(answer: Answer) -> Outcome:
    """Return what the answer to a message means."""
    return _outcome(answer, MESSAGE_ID)


def state(answer: Answer) -> Outcome:
    """Return what the answer to a state means."""
    return _outcome(answer, APPLICATION_ID)


def health(answer: Answer) -> Health:
    """Return what the answer to a question that the service does not know says of its health."""
    said = _code(answer)
    if concerns_sender(answer) or said is Code.NOT_FOUND:
        return Health(status="down", text=_ours(answer, said))
    if answer.status >= 500 or answer.status in (404, 408, 429):
        return Health(status="down", text=f"HTTP {answer.status}")
    return Health(status="up", text="")


def concerns_sender(answer: Answer) -> bool:
    """Whether the service refused certificate, token or signature; then nothing was stored."""
    return answer.status in (401, 403) or (400 <= answer.status < 500 and _code(answer) in _SENDER)


def refused(code: Code) -> Refused | None:
    """Return the refusal that a code of the service means; None: it is no matter of the notice."""
    meant = REFUSALS.get(code)
    return None if meant is None else _refused(meant, code.value)


def held(code: str, text: str, said: Code | None = None) -> Held:
    """Our own fault: the hub holds all notices until health() is up."""
    return Held(reason=Reason(code=code, text=text[:500], mailbox_code=said and said.value))


def unknown(code: str, text: str, said: Code | None = None) -> Unknown:
    """May be stored: a person finds out, or the bridge is asked."""
    return Unknown(reason=Reason(code=code, text=text[:500], mailbox_code=said and said.value))


def _outcome(answer: Answer, id_field: str) -> Outcome:
    status, said = answer.status, _code(answer)
    if status in TAKEN_STATUS:
        return _deposited(answer, id_field)
    if said is not None and 400 <= status < 500:
        if (outcome := refused(said)) is not None:
            return outcome
        if said in OURS:
            return held(f"HTTP_{status}", _ours(answer, said), said)
    if concerns_sender(answer):
        return held(f"HTTP_{status}", _ours(answer, said), said)
    if status == 413:  # whoever on the way says it: it is about this message
        return _refused(RefusalCode.TOO_LARGE, f"HTTP_{status}")
    text = "an answer that does not say what was stored"
    return of_answer(answer) or unknown(f"HTTP_{status}", text, said)


def _refused(meant: RefusalCode, said: str) -> Refused:
    return Refused(reason=Reason(code=meant.value, text=_TEXTS[meant], mailbox_code=said))


def _deposited(answer: Answer, id_field: str) -> Outcome:
    fields = _fields(answer)
    reference = fields.get(id_field)
    if not isinstance(reference, str) or not 0 < len(reference) <= _REFERENCE_MAX:
        reference = "\n"
    if not reference.isprintable():  # JSON can spell half of a character
        return unknown("ANSWER_UNREADABLE", "stored, it seems, but the answer cannot be read")
    at, source = _time(answer, fields)
    evidence = Evidence(
        name="answer.json",
        media_type="application/json",
        data=answer.body,
        # A field that we do not know could hold a name.
        in_receipt=set(fields) <= {MESSAGE_ID, APPLICATION_ID, CREATED},
    )
    return Deposited(reference=reference, provided_at=at, source=source, evidence=(evidence,))


def _time(
    answer: Answer, fields: Mapping[str, Any]
) -> tuple[datetime, Literal["mailbox", "http-date", "hub-clock"]]:
    """Return since when it can be read: by the service, else by its answer's Date, else by us."""
    try:
        at = datetime.fromisoformat(fields[CREATED])
        if at.tzinfo is not None:
            return at.astimezone(UTC), "mailbox"
    except (KeyError, TypeError, ValueError, OverflowError):  # OverflowError: a far zone
        pass
    date = http_date(answer)
    return (datetime.now(UTC), "hub-clock") if date is None else (date, "http-date")


def _ours(answer: Answer, said: Code | None) -> str:
    text = OURS.get(said, "") if said else ""
    text = text or "the service does not let us in"
    date = http_date(answer)
    apart = 0.0 if date is None else abs((date - datetime.now(UTC)).total_seconds())
    if answer.status == 401 and apart > TOKEN_LEEWAY_SECONDS:
        text += f"; its clock and this machine's are {apart:.0f} s apart"
    return text


def _code(answer: Answer) -> Code | None:
    """Return what the service named as code; None: nothing, or what we do not know."""
    said = _fields(answer).get(CODE)
    return _CODES.get(said) if isinstance(said, str) else None


def _fields(answer: Answer) -> dict[str, Any]:
    """Return the answer's body where it is a whole JSON object, else an empty one."""
    try:
        found = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
