"""The state machine: every outcome, and that doubt never turns into `failed` by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import transition
from hub.model import State
from hub.transition import DEPOSIT, PREPARE, RECONCILE, Policy, Step
from postfach_mailbox import (
    Absent,
    Capabilities,
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
ENDS = NOW + timedelta(hours=1)


def policy(repeat: Repeat, *, asks: bool = False) -> Policy:
    return Policy(waits=WAITS, repeat=repeat, asks=asks or repeat is QUERYABLE)


def step(
    state: State,
    outcome: Outcome | Absent,
    how: Repeat | Policy,
    called: str = DEPOSIT,
    call_ends: datetime | None = None,
) -> Step:
    return transition.after_attempt(
        state,
        called,
        outcome,
        failures=0,
        now=NOW,
        jitter=1.0,
        policy=how if isinstance(how, Policy) else policy(how),
        call_ends=call_ends,
    )


def told(repeat: Repeat, confirms: Literal["at-once", "later"]) -> Capabilities:
    return Capabilities(
        scheme="x",
        address_pattern="[a-z]+",
        legal_bases=frozenset({"OZG9"}),
        assurance_level="high",
        max_file=1,
        max_total=1,
        max_count=1,
        repeat=repeat,
        confirms=confirms,
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


def test_a_mailbox_that_never_told_can_neither_be_asked_nor_be_sent_twice() -> None:
    assert transition.policy(WAITS, None) == policy(NEITHER)


@pytest.mark.parametrize("confirms", ["at-once", "later"])
@pytest.mark.parametrize("repeat", list(Repeat))
def test_what_can_be_asked_is_queryable_or_confirms_later(
    repeat: Repeat, confirms: Literal["at-once", "later"]
) -> None:
    found = transition.policy(WAITS, told(repeat, confirms))
    assert found.repeat is repeat
    assert found.asks is (repeat is QUERYABLE or confirms == "later")


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize(
    ("state", "repeat", "called"),
    [
        (State.SEALED, NEITHER, DEPOSIT),
        (State.DEFERRED, QUERYABLE, DEPOSIT),
        (State.IN_DOUBT, IDEMPOTENT, DEPOSIT),
        (State.IN_DOUBT, QUERYABLE, RECONCILE),
        (State.IN_DOUBT, NEITHER, None),
        (State.ACCEPTED, IDEMPOTENT, None),
        (State.HELD, IDEMPOTENT, None),
        (State.DEPOSITED, IDEMPOTENT, None),
    ],
)
def test_what_may_be_called_follows_from_state_and_promise(
    state: State, repeat: Repeat, called: str | None, asks: bool
) -> None:
    assert transition.operation(state, policy(repeat, asks=asks)) == called


@pytest.mark.parametrize("repeat", list(Repeat))
def test_what_is_pending_is_asked_wherever_there_is_something_to_ask(repeat: Repeat) -> None:
    assert transition.operation(State.PENDING, policy(repeat, asks=True)) == RECONCILE
    cannot = Policy(waits=WAITS, repeat=repeat, asks=False)
    assert transition.operation(State.PENDING, cannot) is None
    assert State.PENDING not in transition.workable(cannot)


def test_only_an_idempotent_mailbox_is_sent_a_doubtful_notice_again_and_at_once() -> None:
    assert step(State.SEALED, UNKNOWN, IDEMPOTENT, call_ends=ENDS).due_at == NOW
    assert step(State.SEALED, UNKNOWN, NEITHER).due_at is None


def test_an_idempotent_mailbox_that_stays_unclear_is_tried_by_the_schedule() -> None:
    assert step(State.IN_DOUBT, UNKNOWN, IDEMPOTENT).due_at == NOW + WAITS[0]


@pytest.mark.parametrize("called", [DEPOSIT, RECONCILE])
def test_a_mailbox_is_asked_only_when_no_call_of_it_can_be_in_the_air(called: str) -> None:
    before = State.SEALED if called == DEPOSIT else State.IN_DOUBT
    assert step(before, UNKNOWN, QUERYABLE, called, ENDS).due_at == ENDS
    assert step(before, UNKNOWN, QUERYABLE, called, NOW).due_at == NOW + WAITS[0]


def test_what_the_mailbox_said_to_have_taken_is_asked_for_as_it_wishes() -> None:
    wish = Pending(reference="1", check_after=timedelta(seconds=90))
    assert step(State.SEALED, wish, QUERYABLE, DEPOSIT, ENDS).due_at == NOW + timedelta(seconds=90)
    assert step(State.SEALED, PENDING, policy(NEITHER, asks=True)).due_at == NOW + WAITS[0]
    assert step(State.SEALED, PENDING, NEITHER).due_at is None


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


@pytest.mark.parametrize("state", [State.PENDING, State.IN_DOUBT])
def test_absent_ends_no_doubt_of_what_a_lost_journal_may_have_known(state: State) -> None:
    restored = replace(policy(QUERYABLE), restored=True)
    asked_again = step(state, ABSENT, restored, RECONCILE)
    assert asked_again.state is state
    assert asked_again.due_at is not None
    safe = replace(policy(IDEMPOTENT, asks=True), restored=True)
    assert step(State.PENDING, ABSENT, safe, RECONCILE).state is State.SEALED


@pytest.mark.parametrize("repeat", list(Repeat))
@pytest.mark.parametrize(
    ("outcome", "becomes"),
    [(REFUSED, State.FAILED), (DEFERRED, State.DEFERRED), (HELD, State.HELD)],
)
def test_bytes_that_could_not_be_made_leave_no_doubt(
    outcome: Outcome, becomes: State, repeat: Repeat
) -> None:
    assert step(State.SEALED, outcome, repeat, PREPARE).state is becomes
    assert step(State.IN_DOUBT, outcome, repeat, PREPARE).state is State.IN_DOUBT


@given(
    st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from([DEPOSIT, RECONCILE])), max_size=30),
    st.sampled_from(list(Repeat)),
    st.booleans(),
)
def test_no_sequence_of_outcomes_resends_blindly_or_fails_out_of_doubt(
    history: list[tuple[Outcome | Absent, str]], repeat: Repeat, asks: bool
) -> None:
    state, maybe_stored = State.SEALED, False
    for outcome, called in history:
        if state is State.HELD:
            state = State.SEALED  # its mailbox was mended; nothing had been sent
        if state.final:
            break
        allowed = transition.operation(state, policy(repeat, asks=asks))
        if allowed is None or (called != allowed):
            continue
        if called == DEPOSIT and maybe_stored:
            assert repeat is IDEMPOTENT
        made = step(state, outcome, policy(repeat, asks=asks), called)
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


def test_only_what_may_be_called_is_looked_for() -> None:
    always = (State.SEALED, State.DEFERRED)
    assert transition.workable(policy(NEITHER)) == always
    assert transition.workable(policy(QUERYABLE)) == (*always, State.PENDING, State.IN_DOUBT)
    assert transition.workable(policy(IDEMPOTENT)) == (*always, State.IN_DOUBT)
