"""What an event log means to the notice. Pure.

accept                 Deposited: the destination's signed word, and its time
reject                 Refused, with the problems that it names
accept and reject      Unknown: both are proven, so nothing is
submit, and neither    Pending
delete, no submit      Absent: it was never submitted, and cannot be
delete, and neither    Unknown: taken away before anyone accepted it
none of these          None: not submitted so far; Unknown where tokens were refused, since one
of them may have said more
"""

from typing import Final

from postfach_fitconnect.assumed import (
    BRIDGE_PROBLEM,
    REJECTIONS,
    SET_MEDIA_TYPE,
    EventType,
)
from postfach_fitconnect.log import Log
from postfach_fitconnect.parcel import Reference
from postfach_fitconnect.sets import Event, EventProblem
from postfach_http.outcomes import refused, safe, unknown
from postfach_mailbox import (
    Absent,
    Deposited,
    Evidence,
    Pending,
    Reconciled,
    RefusalCode,
)
from postfach_mailbox.outcomes import Refused

_EVIDENCE_MAX: Final = 16  # pieces that the contract takes
_SHOWN: Final = 3  # problems of a reject that a reason names
_TEXT_MAX: Final = 500
_CODE_MAX: Final = 100
_SUBMITTED: Final = (EventType.SUBMIT, EventType.NOTIFY, EventType.FORWARD)


def judge(log: Log, reference: Reference) -> Reconciled | None:
    """Return what became of a submission; None: it was not submitted so far."""
    accepted, rejected = log.of(EventType.ACCEPT), log.of(EventType.REJECT)
    if accepted and rejected:
        return unknown("CONTRADICTION", "there are tokens that accept and tokens that reject it")
    if accepted:
        return _deposited(log, accepted, reference)
    if rejected:
        return rejection(rejected[0])
    deleted, submitted = log.of(EventType.DELETE), log.of(*_SUBMITTED)
    if deleted and submitted:
        return unknown("DELETED", "the submission was deleted, and no token says more of it")
    if submitted:
        return Pending(reference=reference.text, evidence=evidence(log))
    if log.refused:
        text = f"event tokens were refused, and no other one says more: {_whys(log)}"
        return unknown("EVENTS_REFUSED", text)
    return Absent() if deleted else None


def rejection(event: Event) -> Refused:
    """Return a reject as a refusal: kinds of problems only, no texts of the one case."""
    problems = event.problems
    codes = [_code(each) for each in problems]
    named = next((each for each in codes if each is not RefusalCode.OTHER), RefusalCode.OTHER)
    told = "; ".join(_told(each) for each in problems[:_SHOWN]) or "it names no problem"
    first = _slug(problems[codes.index(named)]) if problems else ""
    return refused(named, f"rejected: {told}"[:_TEXT_MAX], first[:_CODE_MAX] or None)


def evidence(log: Log, first: tuple[Event, ...] = ()) -> tuple[Evidence, ...]:
    """Return the tokens, byte for byte: those that prove most, then the others.

    They hold ids, times, tags, and of a reject its problems: only the first go into receipts.
    """
    rest = [each for each in log.events if each not in first]
    found = [_piece(n, each, each in first) for n, each in enumerate([*first, *rest], 1)]
    found += [
        Evidence(
            name=f"{n:02}-refused-{each.why.lower()}.txt",
            media_type="text/plain",
            data=each.token.encode("utf-8", "replace"),
        )
        for n, each in enumerate(log.refused, len(found) + 1)
        if len(each.token) <= _REFUSED_MAX
    ]
    return tuple(found[:_EVIDENCE_MAX])


_REFUSED_MAX: Final = 16 * 1024  # characters of a refused token that is kept


def _deposited(log: Log, accepted: tuple[Event, ...], reference: Reference) -> Deposited:
    first = min(accepted, key=lambda each: each.at)
    warnings = (f"event tokens were refused: {_whys(log)}",) if log.refused else ()
    return Deposited(
        reference=reference.text,
        provided_at=first.at,
        source="mailbox",
        evidence=evidence(log, (first,)),
        warnings=warnings,
    )


def _piece(number: int, event: Event, in_receipt: bool) -> Evidence:
    return Evidence(
        name=f"{number:02}-{event.type.short}.jwt",
        media_type=SET_MEDIA_TYPE,
        data=event.token.encode("ascii"),
        in_receipt=in_receipt,
    )


def _whys(log: Log) -> str:
    return ", ".join(sorted({each.why.value for each in log.refused}))


def _code(problem: EventProblem) -> RefusalCode:
    if problem.type.startswith(BRIDGE_PROBLEM):
        return REJECTIONS.get(problem.type, RefusalCode.CONTENT_INVALID)
    return REJECTIONS.get(problem.type, RefusalCode.OTHER)


def _slug(problem: EventProblem) -> str:
    return safe(problem.type.rstrip("/").rpartition("/")[2])


def _told(problem: EventProblem) -> str:
    return f"{_slug(problem) or 'no type'} ({safe(problem.title) or 'no title'})"
