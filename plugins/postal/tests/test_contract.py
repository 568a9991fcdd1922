"""Everything that the hub expects of a relay: the contract's own tests."""

import pytest

from postfach_mailbox.testkit.contract import *  # noqa: F403  # tests and fixtures, by their names

pytestmark = pytest.mark.slow


@pytest.fixture
def mailbox_name() -> str:
    return "postal"
