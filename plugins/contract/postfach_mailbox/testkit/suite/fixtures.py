"""What the tests are given. `mailbox_name`, the entry point, comes from the author's module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.loading import StartRefused
from postfach_mailbox.testkit.asked import Asked, InProcess, start_frame
from postfach_mailbox.testkit.bench import Bench, FarSide, Kit, find_kit
from postfach_mailbox.testkit.letters import Letters
from postfach_mailbox.testkit.process import running
from postfach_mailbox.testkit.result import EXEMPT, NOT_APPLICABLE, NOT_TESTED
from postfach_mailbox.testkit.rules import RULES

__all__ = [
    "applicable",
    "bench",
    "capabilities",
    "child",
    "far_side",
    "kit",
    "letter",
    "mailbox",
]


@pytest.fixture
def kit(mailbox_name: str) -> Kit:
    """Give the installed mailbox's kit."""
    return find_kit(mailbox_name)


@pytest.fixture
def bench(kit: Kit, tmp_path: Path) -> Iterator[Bench]:
    """Give a mailbox that is set up for this test."""
    with kit.bench(tmp_path) as made:
        yield made


@pytest.fixture
def far_side(bench: Bench) -> FarSide:
    """Give the far side of the bench."""
    return bench.far_side


@pytest.fixture
def mailbox(kit: Kit, bench: Bench) -> Asked:
    """Give the mailbox, loaded into this process by the contract's own rules."""
    try:
        return Asked(InProcess(start_frame(kit, bench)))
    except StartRefused as error:
        pytest.fail(f"does not start: {error}", pytrace=False)


@pytest.fixture
def child(kit: Kit, bench: Bench) -> Iterator[Asked]:
    """Give the mailbox in a process of its own."""
    with running(start_frame(kit, bench)) as process:
        yield Asked(process)


@pytest.fixture
def capabilities(mailbox: Asked) -> Capabilities:
    """Give what the mailbox says of itself."""
    return mailbox.capabilities


@pytest.fixture
def letter(capabilities: Capabilities, far_side: FarSide) -> Letters:
    """Give a maker of letters that fit the mailbox."""
    return Letters(capabilities, far_side.account)


@pytest.fixture(autouse=True)
def applicable(request: pytest.FixtureRequest) -> None:
    """Skip a rule that does not apply, is exempt, or needs what the far side cannot do."""
    rule = RULES.get(request.function.__name__)
    if rule is None:
        return  # a test of the author's own beside those of the kit
    kit: Kit = request.getfixturevalue("kit")
    if rule.level != "bronze" and rule.id in kit.quality.exempt:
        pytest.skip(EXEMPT + kit.quality.exempt[rule.id])
    if rule.promises:
        mailbox: Asked = request.getfixturevalue("mailbox")
        for promise in rule.promises:
            if not promise.made(mailbox.capabilities, mailbox.operations):
                pytest.skip(f"{NOT_APPLICABLE}only where {promise.text}")
    if rule.needs is not None and not isinstance(request.getfixturevalue("far_side"), rule.needs):
        pytest.skip(f"{NOT_TESTED}the far side has not what `{rule.needs.__name__}` asks for")
