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
    Capabilities,
    Deferred,
    Deposited,
    Held,
    Outcome,
    Pending,
    Refused,
    Repeat,
    Unknown,
)

DEPOSIT, RECONCILE, PREPARE, SET_STATUS = "deposit", "reconcile", "prepare", "set_status"
SENT = (DEPOSIT, SET_STATUS)  # what may leave something at the mailbox
PREPARED = "PREPARED"  # how an attempt of `prepare` ends that gave bytes: no outcome, no step
CALLABLE = (State.SEALED, State.DEFERRED, State.PENDING, State.IN_DOUBT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a mailbox is tried again, by what it promises.

    waits: between attempts, never empty where one is made
    repeat: what a repeated deposit means to it; asks: whether it offers `reconcile`
    restored: of a notice that may have been sent by a hub whose journal was lost: see `_becomes`
    """

    waits: tuple[timedelta, ...]
    repeat: Repeat
    asks: bool = False
    restored: bool = False


def policy(waits: tuple[timedelta, ...], told: Capabilities | None) -> Policy:
    """Return the policy of a mailbox; one that never told cannot be asked, nor sent to twice."""
    if told is None:
        return Policy(waits=waits, repeat=Repeat.NEITHER)
    asks = told.repeat is Repeat.QUERYABLE or told.confirms == "later"
    return Policy(waits=waits, repeat=told.repeat, asks=asks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The state after an event and when the notice is due again; None: not before its deadline.

    opens_circuit: the mailbox itself is out of order by our own fault; nothing is sent to it
    until its `health()` is up again.
    """

    state: State
    due_at: datetime | None = None
    opens_circuit: bool = False


def operation(state: State, policy: Policy) -> str | None:
    """Return what may be called for a notice in `state`: deposit, reconcile, or nothing.

    Of the state of an application, what is named `deposit` here is set_status.

    IN_DOUBT an IDEMPOTENT mailbox is sent the same notice again, a QUERYABLE one is asked; at one
    that is NEITHER a person decides, or what the mailbox sends back. PENDING is asked wherever
    there is something to ask; the same notice again could only bring the same answer.
    """
    if state in (State.SEALED, State.DEFERRED):
        return DEPOSIT
    if state is State.PENDING:
        return RECONCILE if policy.asks else None
    if state is State.IN_DOUBT:
        by_repeat = {Repeat.IDEMPOTENT: DEPOSIT, Repeat.QUERYABLE: RECONCILE}
        return by_repeat.get(policy.repeat)
    return None


def stuck(policy: Policy) -> tuple[State, ...]:
    """Return the states in doubt in which nothing is called: the deadline ends them."""
    return tuple(state for state in CALLABLE if state.doubtful and not operation(state, policy))


def workable(policy: Policy) -> tuple[State, ...]:
    """Return the states in which something may be called for a notice at such a mailbox."""
    return tuple(state for state in CALLABLE if operation(state, policy))


def after_attempt(
    state: State,
    called: str,
    outcome: Outcome | Absent,
    *,
    failures: int,
    now: datetime,
    jitter: float,
    policy: Policy,
    call_ends: datetime | None = None,
) -> Step:
    """Return the step that the outcome of an attempt makes.

    state: before the attempt: SEALED, DEFERRED, PENDING or IN_DOUBT
    called: the operation that ended so: deposit, reconcile, or prepare where it gave no bytes
    failures: attempts that ended without a final state, this one not counted, 0 or more
    jitter: 0.0 to 1.0
    call_ends: when the call's deadline is over; a mailbox is not asked before
    Raises ValueError for a state in which nothing is called.
    Source: design of the mailbox contract, table of outcomes (docs/reference/outcomes.md).
    """
    if state not in CALLABLE:
        raise ValueError(f"no attempt is made in {state}")
    becomes = _becomes(state, called, outcome, policy)
    held = isinstance(outcome, Held)
    if becomes.final or becomes is State.HELD:
        return Step(state=becomes, opens_circuit=held)
    again = retry.due(now, policy.waits, failures + 1, jitter, not_before=_wish(outcome))
    due_at: datetime | None = again
    if becomes is State.SEALED:  # it is absent: nothing to wait for
        due_at = now
    elif becomes.doubtful:
        due_at = _due_in_doubt(state, becomes, now=now, again=again, policy=policy)
        if due_at and call_ends and isinstance(outcome, Unknown | Absent):
            due_at = not_in_the_air(due_at, becomes, policy, call_ends)
    return Step(state=becomes, due_at=due_at, opens_circuit=held)


def _becomes(state: State, called: str, outcome: Outcome | Absent, policy: Policy) -> State:
    if called == PREPARE:
        return _unprepared(state, outcome)
    if isinstance(outcome, Deposited):
        return State.DEPOSITED
    if isinstance(outcome, Pending):
        return State.PENDING
    if state.doubtful:
        proves = called == RECONCILE or policy.repeat is Repeat.IDEMPOTENT
        if isinstance(outcome, Refused) and proves:
            return State.FAILED
        absent = isinstance(outcome, Absent) and called == RECONCILE
        # A mailbox that is asked by its own id says nothing of one that was lost with a journal.
        counts = not policy.restored or policy.repeat is Repeat.IDEMPOTENT
        return State.SEALED if absent and counts else state
    match outcome:
        case Deferred():
            return State.DEFERRED
        case Refused():
            return State.FAILED
        case Held():
            return State.HELD
    return State.IN_DOUBT  # UNKNOWN, and ABSENT where it was not asked for: it may be stored


def _unprepared(state: State, outcome: Outcome | Absent) -> State:
    """Return the state after a `prepare` that gave no bytes: nothing was sent by it."""
    if state.doubtful:  # its refusal says nothing of what an earlier attempt may have stored
        return state
    if isinstance(outcome, Refused):
        return State.FAILED
    return State.HELD if isinstance(outcome, Held) else State.DEFERRED


def _due_in_doubt(
    before: State, becomes: State, *, now: datetime, again: datetime, policy: Policy
) -> datetime | None:
    called = operation(becomes, policy)
    if called is None:
        return None
    at_once = called == DEPOSIT and not before.doubtful
    return now if at_once else again


def not_in_the_air(
    due_at: datetime, state: State, policy: Policy, call_ends: datetime | None
) -> datetime:
    """Return when a notice in doubt may be worked: asked only when its last call's end is over.

    An answer that it is absent would be worth nothing while the call could still arrive.
    """
    if call_ends is None or operation(state, policy) != RECONCILE:
        return due_at
    return max(due_at, call_ends)


def _wish(outcome: Outcome | Absent) -> timedelta | None:
    if isinstance(outcome, Deferred):
        return outcome.not_before
    return outcome.check_after if isinstance(outcome, Pending) else None


def at_deadline(state: State) -> State:
    """Return the final state when trying ends: FAILED, or UNRESOLVED in doubt.

    Raises ValueError for states whose deadline does not run: ACCEPTED, HELD and the final ones.
    """
    if state.doubtful:
        return State.UNRESOLVED
    if state in (State.SEALED, State.DEFERRED):
        return State.FAILED
    raise ValueError(f"the deadline does not run in {state}")
