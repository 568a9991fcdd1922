"""What a mailbox is spared: more calls than its rate allows."""

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import World

pytestmark = pytest.mark.slow


def test_no_more_attempts_start_in_a_time_than_the_rate_allows_and_a_single_run_waits(
    world: World,
) -> None:
    world.configure('scheme = "citizens"', 'scheme = "citizens"\nrate = "5/s"')
    world.put(*(drop(stem=f"n{number:02d}") for number in range(12)))
    world.once()
    assert unbalanced(world, 12) == []
    (row,) = world.rows(
        "SELECT (julianday(max(started_at)) - julianday(min(started_at))) * 86400 AS took,"
        " count(*) AS calls FROM attempt"
    )
    assert row["calls"] == 12
    assert row["took"] >= (12 - 5) / 5 - 0.25  # five at once, then five a second; one batch's time
