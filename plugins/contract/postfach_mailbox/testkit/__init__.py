"""The contract's tests for mailbox plugins: everything that the hub expects, as pytest tests.

In the distribution's own tests, three lines:

    import pytest
    from postfach_mailbox.testkit.contract import *

    @pytest.fixture
    def mailbox_name() -> str:
        return "zapuk"  # the entry point

and for operators, from the installed distribution: `hub plugin check zapuk`, or
`python -m postfach_mailbox.testkit zapuk`.

    bench      what the author gives: a module with `bench(folder)`, and the far side's protocols
    rules      levels, tiers, and when a rule applies
    quality    quality.toml of the distribution: the level it claims, exemptions with reasons
    contract   the tests and fixtures to import
    suite      the tests
    fake       a mailbox that can be down, slow, forgetful; not idempotent unless told
    result     what a run found: the report, and the level that was reached

Only `contract` and running need pytest (`postfach-mailbox[testkit]`); a plugin's kit module does
not.
"""

from postfach_mailbox.testkit.bench import (
    Bench,
    Busy,
    Confirms,
    FarSide,
    LosesAnswers,
    Replies,
    Shows,
    ShowsStatus,
    ShowsStatusAndLosesAnswers,
    Slow,
    Strict,
)

__all__ = [
    "Bench",
    "Busy",
    "Confirms",
    "FarSide",
    "LosesAnswers",
    "Replies",
    "Shows",
    "ShowsStatus",
    "ShowsStatusAndLosesAnswers",
    "Slow",
    "Strict",
]
