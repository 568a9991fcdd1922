"""How long a plugin's process that is gone stays away."""

import pytest

from hub.host import Fault, restart_after


@pytest.mark.parametrize("fault", [None, Fault.ENDED, Fault.DEADLINE, Fault.SILENT])
def test_it_is_started_again_soon_and_later_each_time(fault: Fault | None) -> None:
    assert [restart_after(deaths, fault) for deaths in range(8)] == [
        *(0.5, 15.0, 15.0, 15.0),
        *(60.0,) * 4,
    ]


@pytest.mark.parametrize("fault", [Fault.PROCESSES, Fault.MEMORY, Fault.PROTOCOL])
def test_one_that_took_more_than_it_may_or_speaks_no_protocol_is_not_soon_tried_again(
    fault: Fault,
) -> None:
    assert [restart_after(deaths, fault) for deaths in range(3)] == [15.0, 60.0, 60.0]
