"""What the hub takes of a plugin's process: only frames that have a place, as often as they may."""

from types import SimpleNamespace
from typing import Any

import pytest

from hub.host import Answer, Kept
from hub.host.process import KEPT_MOST, InFlight, _event
from postfach_mailbox import Absent, Capabilities, Health
from postfach_mailbox import frames as wire
from postfach_mailbox.frames import Operation
from postfach_mailbox.outcomes import Frozen
from postfach_mailbox.wire import Broken


def child(operation: Operation) -> Any:
    """Return as much of a child as frames are held against; it has call 1."""
    calls = {1: InFlight(operation, 100.0)}
    return SimpleNamespace(up=True, described=Capabilities, calls=calls)


def say(to: Any, frame: Frozen) -> object:
    return _event(to, frame.model_dump_json().encode())


def test_an_answer_ends_its_call_and_a_second_one_has_no_place() -> None:
    one = child(Operation.HEALTH)
    up = wire.Answer(id=1, value=Health(status="up"))
    assert say(one, up) == Answer(call=1, operation=Operation.HEALTH, outcome=Health(status="up"))
    with pytest.raises(Broken, match="no place"):
        say(one, up)


def test_an_answer_that_its_operation_does_not_allow_ends_the_process() -> None:
    with pytest.raises(Broken, match="none that its operation allows"):
        say(child(Operation.HEALTH), wire.Answer(id=1, value=Absent()))


def test_a_call_keeps_so_many_references_and_no_more() -> None:
    one, kept = child(Operation.DEPOSIT), wire.Kept(id=1, reference="r")
    for _ in range(KEPT_MOST):
        assert say(one, kept) == Kept(call=1, reference="r")
        one.calls[1].keeping = False  # as an acknowledgement does
    with pytest.raises(Broken, match="too many references"):
        say(one, kept)


def test_a_reference_while_the_last_one_is_not_kept_has_no_place() -> None:
    one, kept = child(Operation.DEPOSIT), wire.Kept(id=1, reference="r")
    say(one, kept)
    with pytest.raises(Broken, match="no place"):
        say(one, kept)
