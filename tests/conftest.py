"""What all tests share: the ways in which Hypothesis draws examples, and the shared material."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import material

# The same examples in each run, so that a red test means a change.
# No deadline: the machine may be busy with other work.
settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# New examples in each run, and many: for `make test-long`.
settings.register_profile("search", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile("steady")


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Give a function from a name (`samples/pdf`) to its path; it skips where that is absent."""
    return material.shared
