"""The wall clock and the one that nobody sets; and a test's, which runs faster."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.clock import TEST, on_the_wall, system_clock

AHEAD = timedelta(hours=1)


def test_without_the_setting_of_a_test_the_clock_is_the_machine_s() -> None:
    clock, before = system_clock({}), datetime.now(UTC)
    assert (clock.speed, clock.mark) == (1, "")
    assert before <= clock.now() <= datetime.now(UTC)
    assert on_the_wall(clock, clock.elapsed() + 60) >= before + timedelta(seconds=60)


def test_a_test_s_wall_clock_runs_faster_and_its_other_one_does_not() -> None:
    meets = (datetime.now(UTC) + AHEAD).replace(microsecond=0)
    mark = f"48 {meets.isoformat()}"
    real, clock = system_clock({}), system_clock({TEST: mark})
    assert (clock.speed, clock.mark, clock.boot_id) == (48, mark, real.boot_id)
    behind = real.now() - clock.now()
    assert 46.9 * AHEAD < behind <= 47 * AHEAD
    assert abs(clock.elapsed() - real.elapsed()) < 5
    minute = on_the_wall(clock, clock.elapsed() + 60) - clock.now()
    assert timedelta(minutes=46) < minute <= timedelta(minutes=48)


@pytest.mark.parametrize(
    "told",
    [
        "48",
        "fast 2026-02-03T10:00:00+00:00",
        "48 2026-02-03T10:00:00",
        "48 2026-02-33T10:00:00+00:00",
    ],
)
def test_a_setting_that_says_no_speed_and_time_is_for_no_database(told: str) -> None:
    clock = system_clock({TEST: told})
    assert (clock.speed, clock.mark) == (1, told)
