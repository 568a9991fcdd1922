"""Everything to import into a test module: `from postfach_mailbox.testkit.contract import *`.

The module gives one fixture of its own, `mailbox_name`: the entry point of the installed mailbox.
"""

import pytest

pytest.register_assert_rewrite("postfach_mailbox.testkit.suite")

# After the line above, so that a failing assertion shows its values.
from postfach_mailbox.testkit.suite.depositing import *  # noqa: E402, F403  # tests, by their names
from postfach_mailbox.testkit.suite.doubting import *  # noqa: E402, F403
from postfach_mailbox.testkit.suite.fixtures import *  # noqa: E402, F403
from postfach_mailbox.testkit.suite.promising import *  # noqa: E402, F403
from postfach_mailbox.testkit.suite.refusing import *  # noqa: E402, F403
from postfach_mailbox.testkit.suite.returning import *  # noqa: E402, F403
from postfach_mailbox.testkit.suite.starting import *  # noqa: E402, F403
