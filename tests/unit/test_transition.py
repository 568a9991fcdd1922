"""The state machine: every outcome, and that doubt never turns into `failed` by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import transition
from hub.model import State
from hub.transition import DEPOSIT, RECONCILE, Policy, Step
from postfach_mailbox import (
    Absent,
    Deferred,
    Deposited,
    Evidence,
    Held,
    Outcome,
    Pending,
    Reason,
    Refused,
    Repeat,
    Unknown,
)

NOW = datetime(2026, 2, 3, 10, tzinfo=UTC)
WAITS = (timedelta(seconds=60), timedelta(seconds=300))
WHY = Reason(code="UNREACHABLE", text="no connection")
DEPOSITED = Deposited(
    reference="1",
    provided_at=NOW,
    source="mailbox",
    evidence=(Evidence(name="a", media_type="text/plain", data=b"ok"),),
)
REFUSED = Refused(reason=Reason(code="RECIPIENT_DELETED", text="closed"))
PENDING, DEFERRED = Pending(reference="1"), Deferred(reason=WHY)
HELD, UNKNOWN, ABSENT = Held(reason=WHY), Unknown(reason=WHY), Absent()
ALL: tuple[Outcome | Absent, ...] = (
    DEPOSITED,
    PENDING,
    DEFERRED,
    REFUSED,
    HELD,
    UNKNOWN,
    ABSENT,
)
IDEMPOTENT, QUERYABLE, NEITHER = Repeat.IDEMPOTENT, Repeat.QUERYABLE, Repeat.NEITHER


def step(state: State, outcome: Outcome | Absent, repeat: Repeat, called: str = DEPOSIT) -> Step:
    return transition.after_attempt(
        state,
        called,
        outcome,
        failures=0,
        now=NOW,
        jitter=1.0,
        policy=Policy(waits=WAITS, repeat=repeat),
    )


@pytest.mark.parametrize("state", [State.SEALED, State.DEFERRED])
@pytest.mark.parametrize(
    ("outcome", "becomes"),
    [
        (DEPOSITED, State.DEPOSITED),
        (PENDING, State.PENDING),
        (DEFERRED, State.DEFERRED),
        (REFUSED, State.FAILED),
        (HELD, State.HELD),
        (UNKNOWN, State.IN_DOUBT),
        (ABSENT, State.IN_DOUBT),
    ],
)
@pytest.mark.parametrize("repeat", list(Repeat))
def test_each_outcome_without_doubt_has_its_state(
    state: State, outcome: Outcome, becomes: State, repeat: Repeat
) -> None:
    assert step(state, outcome, repeat).state is becomes


def test_what_was_deferred_is_tried_again_by_the_schedule() -> None:
    assert step(State.SEALED, DEFERRED, NEITHER).due_at == NOW + WAITS[0]


def test_only_an_idempotent_mailbox_is_sent_a_doubtful_notice_again_and_at_once() -> None:
    assert step(State.SEALED, UNKNOWN, IDEMPOTENT).due_at == NOW
    assert transition.operation(State.IN_DOUBT, IDEMPOTENT) == DEPOSIT
    assert transition.operation(State.IN_DOUBT, QUERYABLE) == RECONCILE
    assert transition.operation(State.IN_DOUBT, NEITHER) is None
    assert step(State.SEALED, UNKNOWN, NEITHER).due_at is None


def test_an_idempotent_mailbox_that_stays_unclear_is_tried_by_the_schedule() -> None:
    assert step(State.IN_DOUBT, UNKNOWN, IDEMPOTENT).due_at == NOW + WAITS[0]


@pytest.mark.parametrize("state", [State.PENDING, State.IN_DOUBT])
@pytest.mark.parametrize("outcome", [DEFERRED, HELD, UNKNOWN])
@pytest.mark.parametrize("repeat", list(Repeat))
def test_doubt_stays_through_what_proves_nothing(
    state: State, outcome: Outcome, repeat: Repeat
) -> None:
    assert step(state, outcome, repeat).state is state


def test_a_mailbox_out_of_order_opens_its_circuit_in_doubt_too() -> None:
    assert step(State.SEALED, HELD, NEITHER).opens_circuit
    assert step(State.IN_DOUBT, HELD, IDEMPOTENT).opens_circuit


def test_a_refusal_ends_doubt_only_where_it_proves_that_nothing_is_stored() -> None:
    assert step(State.IN_DOUBT, REFUSED, IDEMPOTENT).state is State.FAILED
    assert step(State.PENDING, REFUSED, QUERYABLE, RECONCILE).state is State.FAILED
    assert step(State.IN_DOUBT, REFUSED, NEITHER).state is State.IN_DOUBT
    assert step(State.IN_DOUBT, REFUSED, QUERYABLE).state is State.IN_DOUBT


def test_absent_ends_doubt_only_when_it_was_asked_for() -> None:
    assert step(State.IN_DOUBT, ABSENT, QUERYABLE, RECONCILE) == Step(
        state=State.SEALED, due_at=NOW
    )
    assert step(State.IN_DOUBT, ABSENT, IDEMPOTENT).state is State.IN_DOUBT


@given(
    st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from([DEPOSIT, RECONCILE])), max_size=30),
    st.sampled_from(list(Repeat)),
)
def test_no_sequence_of_outcomes_resends_blindly_or_fails_out_of_doubt(
    history: list[tuple[Outcome | Absent, str]], repeat: Repeat
) -> None:
    state, maybe_stored = State.SEALED, False
    for outcome, called in history:
        if state is State.HELD:
            state = State.SEALED  # its mailbox was mended; nothing had been sent
        if state.final:
            break
        allowed = transition.operation(state, repeat)
        if allowed is None or (called != allowed):
            continue
        if called == DEPOSIT and maybe_stored:
            assert repeat is IDEMPOTENT
        made = step(state, outcome, repeat, called)
        proves_absence = called == RECONCILE or repeat is IDEMPOTENT
        if made.state is State.FAILED:
            assert isinstance(outcome, Refused)
            assert proves_absence or not maybe_stored
        if isinstance(outcome, Unknown | Pending) or (
            isinstance(outcome, Absent) and called == DEPOSIT
        ):
            maybe_stored = True
        if made.state is State.SEALED:
            maybe_stored = False
        assert made.state.doubtful == maybe_stored or made.state.final
        state = made.state
    if state not in (State.HELD, *(one for one in State if one.final)):
        end = transition.at_deadline(state)
        assert end is (State.UNRESOLVED if maybe_stored else State.FAILED)


@pytest.mark.parametrize("state", [State.ACCEPTED, State.HELD, State.DEPOSITED, State.FAILED])
def test_no_deadline_runs_and_no_attempt_is_made_elsewhere(state: State) -> None:
    with pytest.raises(ValueError, match="deadline"):
        transition.at_deadline(state)
    with pytest.raises(ValueError, match="attempt"):
        step(state, DEPOSITED, IDEMPOTENT)


def test_only_what_may_be_sent_is_looked_for() -> None:
    assert transition.depositable(NEITHER) == (State.SEALED, State.DEFERRED)
    assert transition.depositable(QUERYABLE) == (State.SEALED, State.DEFERRED)
    assert transition.depositable(IDEMPOTENT) == (State.SEALED, State.DEFERRED, State.IN_DOUBT)
