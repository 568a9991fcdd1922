from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.config import Rate
from hub.pacing import WARY_AFTER, Bucket, Trust


@given(
    rate=st.builds(Rate, count=st.integers(1, 20), per=st.just(timedelta(seconds=1))),
    pauses=st.lists(st.floats(0.0, 3.0), max_size=20),
)
def test_in_no_stretch_of_time_more_calls_leave_than_the_rate_allows(
    rate: Rate, pauses: list[float]
) -> None:
    now, left, bucket = 0.0, [], Bucket.full(rate, 0.0)
    for pause in pauses:
        now += pause
        for _ in range(bucket.left(now)):
            bucket.take(now)
            left.append(now)
    for first, start in enumerate(left):
        for last in range(first, len(left)):
            allowed = rate.count * (1.0 + left[last] - start)
            assert last - first + 1 <= allowed + 1e-6


@given(count=st.integers(1, 1000), per=st.sampled_from([1, 60, 3600]))
def test_when_the_next_call_may_leave_there_is_a_place_for_it(count: int, per: int) -> None:
    bucket = Bucket.full(Rate(count=count, per=timedelta(seconds=per)), 0.0)
    for _ in range(count):
        bucket.take(0.0)
    assert bucket.left(0.0) == 0
    assert bucket.left(bucket.next_at(0.0)) == 1
    assert bucket.left(per) == count
    assert bucket.left(10.0 * per) == count


def test_a_mailbox_that_takes_nothing_gets_one_call_at_a_time_until_it_takes_one() -> None:
    trust, seen = Trust(), []
    for taken in [False] * WARY_AFTER + [True, False]:
        seen.append(trust.wary)
        trust.note(taken=taken)
    assert seen == [False] * WARY_AFTER + [True, False]


def test_a_mailbox_out_of_order_gets_one_call_at_a_time_until_it_takes_one() -> None:
    trust, seen = Trust(), []
    trust.lose()
    for taken in (False, True, False):
        seen.append(trust.wary)
        trust.note(taken=taken)
    assert seen == [True, True, False]


def test_after_a_call_beyond_the_rate_none_may_leave_until_it_is_made_up_for() -> None:
    bucket = Bucket.full(Rate(count=1, per=timedelta(seconds=1)), 0.0)
    bucket.take(0.0)
    bucket.take(0.0)  # as who asks what came back does
    assert [bucket.left(at) for at in (0.0, 1.0, 2.0)] == [0, 0, 1]
