"""What the gateway's answers mean to a notice. What an answer looks like is assumed: assumed.py.

A code counts only with the status that goes with it: anything on the way may answer 404.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from postfach_http import Answer
from postfach_http.outcomes import deferred, held, of_answer, refused, safe, unknown
from postfach_mailbox import (
    Deposited,
    Evidence,
    Outcome,
    Pending,
    Reconciled,
    RefusalCode,
)
from postfach_mailbox.outcomes import Refused
from postfach_mailbox_muk.assumed import CODE, ORDER_ID, STATUS, Code, State
from postfach_mailbox_muk.order import Reference

# What the gateway, or the mailbox behind it, refuses in a notice for good.
REFUSALS: Final[Mapping[Code, RefusalCode]] = MappingProxyType(
    {
        Code.PSEUDONYM_UNKNOWN: RefusalCode.RECIPIENT_UNKNOWN,
        Code.PSEUDONYM_FOREIGN: RefusalCode.RECIPIENT_UNKNOWN,
        Code.ACCOUNT_DELETED: RefusalCode.RECIPIENT_DELETED,
        Code.LEVEL_TOO_LOW: RefusalCode.TRUST_LEVEL,
        Code.MALWARE_FOUND: RefusalCode.MALWARE,
        Code.TOO_LARGE: RefusalCode.TOO_LARGE,
        Code.TYPE_REFUSED: RefusalCode.TYPE_REFUSED,
    }
)
# What would meet every notice alike: settings, certificate, or a gateway that has changed.
OURS: Final[Mapping[Code, str]] = MappingProxyType(
    {
        Code.CLIENT_REFUSED: "the gateway does not accept our certificate",
        Code.NOT_FOUND: "url: there is no such path at the gateway",
        Code.REQUEST_INVALID: "the gateway wants requests of another form",
    }
)
_TEXTS: Final[Mapping[RefusalCode, str]] = MappingProxyType(
    {
        RefusalCode.RECIPIENT_UNKNOWN: "there is no such account, or it is another provider's",
        RefusalCode.RECIPIENT_DELETED: "the account was closed",
        RefusalCode.TRUST_LEVEL: "the account's assurance level is below the notice's",
        RefusalCode.MALWARE: "malware was found in a document",
        RefusalCode.TOO_LARGE: "the gateway takes no document of this size",
        RefusalCode.TYPE_REFUSED: "the gateway takes no document of this type",
    }
)
_FIELD_MAX: Final = 200  # characters
_CODES: Final[Mapping[str, Code]] = MappingProxyType({each.value: each for each in Code})


def uploaded(answer: Answer) -> Outcome:
    """Return what an answer means that is no success, before anything was ordered."""
    said = code(answer)
    if said is not None and said in REFUSALS:
        return _refused(said)
    if said is not None and said in OURS:
        return held(f"HTTP_{answer.status}", OURS[said])
    if answer.status >= 500:
        return deferred(f"HTTP_{answer.status}", "the gateway failed before anything was ordered")
    return of_answer(answer) or deferred(
        f"HTTP_{answer.status}", "the gateway did not go on; nothing was ordered"
    )


def ordered(answer: Answer, reference: Reference) -> Outcome:
    """Return what the answer to an order means. Taken is no deposit."""
    taken = Reference(order=reference.order, since=reference.since, taken=True)
    said = code(answer)
    if said is Code.ORDER_KNOWN:  # an earlier attempt of this notice; the first one counts
        return Pending(reference=taken.text)
    if answer.status == 202 and _fields(answer).get(ORDER_ID) == reference.order:
        return Pending(reference=taken.text)
    if said in (Code.FILE_UNKNOWN, Code.FILE_MISMATCH):
        return deferred(said.value, "the gateway does not have what was uploaded; it is repeated")
    if said is not None and said in REFUSALS:
        return _refused(said)
    if said is not None and said in OURS:
        return held(f"HTTP_{answer.status}", OURS[said])
    text = "an answer that does not say whether the order was taken"
    return of_answer(answer) or unknown(f"HTTP_{answer.status}", text)


def stands(answer: Answer, reference: Reference) -> Reconciled:
    """Return what an order's own words mean: `answer` is 200."""
    fields = _fields(answer)
    at, state = _moment(fields.get("at")), fields.get("state")
    if fields.get(ORDER_ID) != reference.order or at is None:
        return unknown("ANSWER_UNREADABLE", "the gateway's answer is none of this order")
    taken = Reference(order=reference.order, since=reference.since, taken=True)
    match state:
        case State.TAKEN | State.WORKING:
            return Pending(reference=taken.text)
        case State.DEPOSITED:
            return Deposited(
                reference=reference.order,
                provided_at=at,
                source="mailbox",
                evidence=(_evidence(answer, fields),),
            )
        case State.REFUSED:
            return _turned_down(fields.get("reason"))
    return unknown("STATE_UNKNOWN", "the order is in a state that is not known here")


def code(answer: Answer) -> Code | None:
    """Return what an error names, if it goes with its status."""
    found = _CODES.get(str(_fields(answer).get(CODE)))
    return found if found is not None and STATUS.get(found) == answer.status else None


def field(answer: Answer, name: str) -> str | None:
    """Return a text that an answer names; None: it does not."""
    value = _fields(answer).get(name)
    fit = isinstance(value, str) and 0 < len(value) <= _FIELD_MAX and value.isprintable()
    return value if fit else None  # not printable: JSON can spell half of a character


def _turned_down(reason: object) -> Refused:
    known = _CODES.get(str(reason))
    if known is not None and known in REFUSALS:
        return _refused(known)
    said = safe(reason) if isinstance(reason, str) else ""
    return refused(RefusalCode.OTHER, "the mailbox refused the order", said[:100] or None)


def _refused(said: Code) -> Refused:
    meant = REFUSALS[said]
    return refused(meant, _TEXTS[meant], said.value)


def _evidence(answer: Answer, fields: Mapping[str, Any]) -> Evidence:
    return Evidence(
        name="order.json",
        media_type="application/json",
        data=answer.body,
        # A field that we do not know could hold a name.
        in_receipt=set(fields) <= {ORDER_ID, "state", "at"},
    )


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):  # OverflowError: year 1 or 9999 and a far zone
        return None


def _fields(answer: Answer) -> dict[str, Any]:
    """Return the answer's body where it is a whole JSON object, else an empty one."""
    try:
        found = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
