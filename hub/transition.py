"""What becomes of a notice after an attempt and at its deadline: pure.

Doubt does not go away by itself. Once an attempt ended PENDING or UNKNOWN, a notice leaves PENDING
or IN_DOUBT only by DEPOSITED, by a refusal that proves nothing is stored, by ABSENT, or by the
deadline, which then gives UNRESOLVED and never FAILED.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub import retry
from hub.model import State
from postfach_mailbox import (
    Absent,
    Deferred,
    Deposited,
    Held,
    Outcome,
    Pending,
    Refused,
    Repeat,
)

DEPOSIT, RECONCILE = "deposit", "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a mailbox is tried again: its waits, and what a repeated deposit means to it."""

    waits: tuple[timedelta, ...]
    repeat: Repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The state after an event and when the notice is due again; None: not before its deadline.

    opens_circuit: the mailbox itself is out of order by our own fault; nothing is sent to it
    until its `health()` is up again.
    """

    state: State
    due_at: datetime | None = None
    opens_circuit: bool = False


def operation(state: State, repeat: Repeat) -> str | None:
    """Return what may be called for a notice in `state`: deposit, reconcile, or nothing.

    Only an IDEMPOTENT mailbox is sent the same notice again in doubt; a QUERYABLE one is asked; at
    one that is NEITHER a person decides, or what the mailbox sends back.
    """
    if state in (State.SEALED, State.DEFERRED):
        return DEPOSIT
    if state is State.IN_DOUBT and repeat is Repeat.IDEMPOTENT:
        return DEPOSIT
    if state.doubtful and repeat is Repeat.QUERYABLE:
        return RECONCILE
    return None


def depositable(repeat: Repeat) -> tuple[State, ...]:
    """Return the states in which a notice may be sent to such a mailbox."""
    return tuple(state for state in State if operation(state, repeat) == DEPOSIT)


def after_attempt(
    state: State,
    called: str,
    outcome: Outcome | Absent,
    *,
    failures: int,
    now: datetime,
    jitter: float,
    policy: Policy,
) -> Step:
    """Return the step that the outcome of an attempt makes.

    state: before the attempt: SEALED, DEFERRED, PENDING or IN_DOUBT
    called: the operation that ended so, `deposit` or `reconcile`
    failures: attempts that ended without a final state, this one not counted, 0 or more
    jitter: 0.0 to 1.0
    Raises ValueError for a state in which nothing is called.
    Source: design of the mailbox contract, table of outcomes (docs/reference/outcomes.md).
    """
    if state not in (State.SEALED, State.DEFERRED, State.PENDING, State.IN_DOUBT):
        raise ValueError(f"no attempt is made in {state}")
    if isinstance(outcome, Deposited):
        return Step(state=State.DEPOSITED)
    again = retry.due(now, policy.waits, failures + 1, jitter, not_before=_wish(outcome))
    if state.doubtful:
        return _in_doubt(state, called, outcome, now=now, again=again, policy=policy)
    match outcome:
        case Pending():
            return Step(state=State.PENDING, due_at=_asked(again, policy))
        case Deferred():
            return Step(state=State.DEFERRED, due_at=again)
        case Refused():
            return Step(state=State.FAILED)
        case Held():
            return Step(state=State.HELD, opens_circuit=True)
    # UNKNOWN, and ABSENT where it was not asked for: it may be stored
    first = now if policy.repeat is Repeat.IDEMPOTENT else _asked(again, policy)
    return Step(state=State.IN_DOUBT, due_at=first)


def _in_doubt(
    state: State,
    called: str,
    outcome: Outcome | Absent,
    *,
    now: datetime,
    again: datetime,
    policy: Policy,
) -> Step:
    if isinstance(outcome, Refused) and (called == RECONCILE or policy.repeat is Repeat.IDEMPOTENT):
        return Step(state=State.FAILED)
    if isinstance(outcome, Absent) and called == RECONCILE:
        return Step(state=State.SEALED, due_at=now)
    if isinstance(outcome, Pending):
        return Step(state=State.PENDING, due_at=_asked(again, policy))
    held = isinstance(outcome, Held)
    return Step(state=state, due_at=_called_again(state, again, policy), opens_circuit=held)


def _wish(outcome: Outcome | Absent) -> timedelta | None:
    if isinstance(outcome, Deferred):
        return outcome.not_before
    return outcome.check_after if isinstance(outcome, Pending) else None


def _asked(again: datetime, policy: Policy) -> datetime | None:
    return again if policy.repeat is Repeat.QUERYABLE else None


def _called_again(state: State, again: datetime, policy: Policy) -> datetime | None:
    return again if operation(state, policy.repeat) else None


def at_deadline(state: State) -> State:
    """Return the final state when trying ends: FAILED, or UNRESOLVED in doubt.

    Raises ValueError for states whose deadline does not run: ACCEPTED, HELD and the final ones.
    """
    if state.doubtful:
        return State.UNRESOLVED
    if state in (State.SEALED, State.DEFERRED):
        return State.FAILED
    raise ValueError(f"the deadline does not run in {state}")
