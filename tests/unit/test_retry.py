"""When to try again: the schedule, its jitter, its end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import retry

WAITS = st.lists(
    st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=366)), min_size=1
).map(tuple)
JITTER = st.floats(0.0, 1.0)
NOW = datetime(2026, 2, 3, 10, tzinfo=UTC)


@given(WAITS, st.integers(1, 10**6), JITTER)
def test_a_wait_lies_between_a_tenth_and_the_whole_of_its_place_in_the_list(
    waits: tuple[timedelta, ...], failures: int, jitter: float
) -> None:
    whole = waits[min(failures, len(waits)) - 1]
    found = retry.delay(waits, failures, jitter)
    assert whole * 0.0999 <= found <= whole


@given(WAITS, st.integers(1, 10**6), JITTER)
def test_the_last_wait_repeats(waits: tuple[timedelta, ...], more: int, jitter: float) -> None:
    end = len(waits)
    assert retry.delay(waits, end + more, jitter) == retry.delay(waits, end, jitter)


@given(WAITS, st.integers(1, 10**6), JITTER, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_mailbox_s_own_wish_is_never_undercut(
    waits: tuple[timedelta, ...], failures: int, jitter: float, wish: timedelta
) -> None:
    due = retry.due(NOW, waits, failures, jitter, not_before=wish)
    assert due >= NOW + min(wish, timedelta(days=366))


@pytest.mark.parametrize(
    ("waits", "failures", "jitter"),
    [((), 1, 0.5), ((timedelta(1),), 0, 0.5), ((timedelta(1),), 1, 1.5)],
)
def test_what_is_out_of_range_is_refused(
    waits: tuple[timedelta, ...], failures: int, jitter: float
) -> None:
    with pytest.raises(ValueError, match="delay"):
        retry.delay(waits, failures, jitter)


def test_trying_ends_with_the_notice_s_own_end_if_that_is_earlier() -> None:
    week, tomorrow = timedelta(days=7), NOW + timedelta(days=1)
    assert retry.deadline(NOW, week, None) == NOW + week
    assert retry.deadline(NOW, week, tomorrow) == tomorrow
    assert retry.deadline(NOW, week, NOW + timedelta(days=30)) == NOW + week


def test_a_clock_set_back_makes_no_wait_longer_than_the_longest() -> None:
    latest, wish = NOW + timedelta(minutes=5), NOW + timedelta(days=30)
    assert retry.moved_due(wish, -timedelta(hours=1), latest, None) == latest
    assert retry.moved_due(wish, timedelta(hours=1), latest, None) == wish
    assert retry.moved_due(wish, -timedelta(hours=1), latest, wish) == wish
