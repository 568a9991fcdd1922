"""Everything that the hub expects of a mailbox, on the way through FIT-Connect."""

from dataclasses import replace

import pytest

from postfach_mailbox.testkit.bench import Kit, find_kit
from postfach_mailbox.testkit.contract import *  # noqa: F403  # tests and fixtures, by their names
from postfach_mailbox_bundid import kit_bridged

pytestmark = pytest.mark.slow


@pytest.fixture  # type: ignore[no-redef]  # instead of the one from the contract's tests
def kit() -> Kit:
    """Give the installed mailbox's kit, with the other far side."""
    return replace(find_kit("bundid"), bench=kit_bridged.bench)
