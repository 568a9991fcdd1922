"""Start, settings, capabilities, health: before the first notice."""

from dataclasses import replace

import pytest

from postfach_mailbox.loading import StartRefused
from postfach_mailbox.testkit.asked import Asked, InProcess, start_frame
from postfach_mailbox.testkit.bench import Bench, FarSide, Kit
from postfach_mailbox.testkit.letters import Letters
from postfach_mailbox.testkit.process import running
from postfach_mailbox.testkit.rules import rule

__all__ = [
    "test_a_closed_connection_ends_the_process_and_all_that_it_started",
    "test_an_unknown_setting_is_refused_at_start",
    "test_health_is_down_while_the_mailbox_is_away",
    "test_health_is_up_while_the_mailbox_is_there",
    "test_it_starts_and_tells_its_capabilities_while_the_mailbox_is_away",
    "test_the_far_sides_account_fits_the_address_pattern",
    "test_two_starts_tell_the_same_capabilities",
]
SECRET = "never-to-be-shown-4711"  # noqa: S105  # stands for a secret in the wrong place


@rule("starts-offline", "bronze")
def test_it_starts_and_tells_its_capabilities_while_the_mailbox_is_away(
    kit: Kit, bench: Bench
) -> None:
    """A hub that starts while a mailbox is away must know what to take for it.

    `__init__` and `capabilities` use no network.
    """
    bench.far_side.down()
    with running(start_frame(kit, bench)) as process:
        assert process.capabilities.scheme


@rule("settings-closed", "bronze")
def test_an_unknown_setting_is_refused_at_start(kit: Kit, bench: Bench) -> None:
    """A misspelt key in hub.toml must be named at start, without the value: it may be a secret."""
    wrong = replace(bench, config={**bench.config, "no_such_setting": SECRET})
    with pytest.raises(StartRefused) as refused:
        InProcess(start_frame(kit, wrong))
    assert "no_such_setting" in str(refused.value)
    assert SECRET not in str(refused.value)


@rule("capabilities-steady", "bronze")
def test_two_starts_tell_the_same_capabilities(kit: Kit, bench: Bench) -> None:
    """The hub checks notices against what it stored: capabilities that change reject some later."""
    first, second = (InProcess(start_frame(kit, bench)) for _ in range(2))
    assert first.capabilities == second.capabilities


@rule("address-pattern", "bronze")
def test_the_far_sides_account_fits_the_address_pattern(mailbox: Asked, far_side: FarSide) -> None:
    """Intake recognises a mailbox by the pattern alone: a pattern too narrow refuses real ids."""
    for account in (far_side.account, far_side.unknown_id):
        assert mailbox.capabilities.normal(account) == account, account


@rule("health-up", "bronze")
def test_health_is_up_while_the_mailbox_is_there(mailbox: Asked) -> None:
    """The hub frees held notices when health is up: a mailbox that never says so keeps them."""
    answer = mailbox.health()
    assert answer.kind == "health"
    assert answer.status == "up", answer.text


@rule("health-down", "bronze")
def test_health_is_down_while_the_mailbox_is_away(mailbox: Asked, far_side: FarSide) -> None:
    """A health that is always up hides an outage, and frees held notices into it."""
    far_side.down()
    answer = mailbox.health()
    assert answer.kind == "health"
    assert answer.status == "down"
    far_side.up()
    answer = mailbox.health()
    assert answer.kind == "health"
    assert answer.status == "up", answer.text


@rule("ends-with-hub", "silver")
def test_a_closed_connection_ends_the_process_and_all_that_it_started(
    kit: Kit, bench: Bench, letter: Letters
) -> None:
    """What outlives its hub sends what no hub knows of, and keeps secrets of another time."""
    with running(start_frame(kit, bench)) as process:
        Asked(process).deposit(letter())
        assert process.stop() == 0
        assert process.left_behind() == [], "it left processes behind"
