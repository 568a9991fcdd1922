"""How far a check or an observer is trusted, by what it answers. Tests speak for its host."""

import io
import json
from datetime import timedelta
from typing import Any, cast

import pytest

from hub import telemetry
from hub.attendant import Attendant
from hub.config import Rate
from hub.host import Fault, Host, StartFailed, StartFault
from hub.pacing import Bucket
from postfach_mailbox import Health, Passed
from postfach_mailbox.frames import Operation
from tests.unit.puppet import Puppet
from tests.unit.spools import TurnedClock


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
def attendant(puppet: Puppet, clock: TurnedClock) -> Attendant:
    made = Attendant(
        kind="check",
        name="malware",
        host=cast("Host", puppet),
        clock=clock,
        call_timeout=30.0,
        tenants=None,
        bucket=None,
    )
    made.host.start()
    made.poll()
    return made


def ask(attendant: Attendant) -> int:
    call = attendant.call(Operation.CHECK, cast("Any", None))
    assert call is not None
    return call


def fail(attendant: Attendant, puppet: Puppet, times: int) -> None:
    for _ in range(times):
        ask(attendant)
        puppet.answer(max(puppet.calls), cast("Any", None))
        attendant.poll()
        attendant.answered(useful=False)


def health(puppet: Puppet) -> list[int]:
    return [call for call, operation in puppet.calls.items() if operation is Operation.HEALTH]


def test_one_that_answers_gets_as_many_calls_as_its_host_takes(
    attendant: Attendant, puppet: Puppet
) -> None:
    assert not attendant.starting
    calls = [ask(attendant) for _ in range(4)]
    assert attendant.places == 0
    puppet.answer(calls[2], Passed())
    assert [call for call, _ in attendant.poll()] == [calls[2]]
    assert attendant.places == 1


def test_three_answers_in_vain_leave_it_with_its_health_alone_and_later_each_time(
    attendant: Attendant, puppet: Puppet, clock: TurnedClock
) -> None:
    fail(attendant, puppet, 2)
    assert attendant.places == 4
    fail(attendant, puppet, 1)
    assert (attendant.silent, attendant.places) == (True, 0)
    attendant.tend()
    assert health(puppet) == []  # not yet
    for pause in (1.0, 2.0, 5.0, 10.0, 10.0):
        clock.turn(seconds=pause - 0.1)
        attendant.tend()
        assert health(puppet) == []
        clock.turn(seconds=0.1)
        attendant.tend()
        (probe,) = health(puppet)
        attendant.tend()
        assert health(puppet) == [probe]  # one at a time
        puppet.answer(probe, Health(status="down"))
        attendant.poll()


def test_one_that_is_up_again_gets_one_call_and_all_after_a_useful_answer(
    attendant: Attendant, puppet: Puppet, clock: TurnedClock
) -> None:
    fail(attendant, puppet, 3)
    clock.turn(seconds=1)
    attendant.tend()
    puppet.answer(health(puppet)[0], Health(status="up"))
    attendant.poll()
    assert attendant.places == 1
    call = ask(attendant)
    assert attendant.places == 0
    puppet.answer(call, Passed())
    attendant.poll()
    attendant.answered(useful=True)
    assert attendant.places == 4


def test_one_that_is_up_again_but_fails_at_once_is_silent_at_once(
    attendant: Attendant, puppet: Puppet, clock: TurnedClock
) -> None:
    fail(attendant, puppet, 3)
    clock.turn(seconds=1)
    attendant.tend()
    puppet.answer(health(puppet)[0], Health(status="up"))
    attendant.poll()
    fail(attendant, puppet, 1)
    assert attendant.silent


def test_a_process_that_took_too_much_stays_away_for_longer(
    attendant: Attendant, puppet: Puppet, clock: TurnedClock
) -> None:
    puppet.die(Fault.MEMORY)
    attendant.poll()
    clock.turn(seconds=14.9)
    attendant.tend()
    assert puppet.starts == 1
    clock.turn(seconds=0.1)
    attendant.tend()
    assert puppet.starts == 2


def test_calls_of_a_process_that_died_come_back_and_it_is_started_later_each_time(
    attendant: Attendant, puppet: Puppet, clock: TurnedClock
) -> None:
    calls = [ask(attendant), ask(attendant)]
    puppet.die()
    assert attendant.poll() == [(call, Fault.ENDED) for call in calls]
    for n, pause in enumerate((0.5, 15.0, 15.0, 15.0, 60.0, 60.0), start=1):
        clock.turn(seconds=pause - 0.01)
        attendant.tend()
        assert puppet.starts == n
        clock.turn(seconds=0.01)
        attendant.tend()
        assert puppet.starts == n + 1
        attendant.poll()
        assert attendant.places == 1  # until it answers
        puppet.die()
        attendant.poll()


def test_one_that_does_not_start_is_no_longer_waited_for(
    puppet: Puppet, attendant: Attendant
) -> None:
    attendant.starting = True
    puppet.up = False
    puppet.said.append(StartFailed(reason="no", fix="yes", fault=StartFault.CONFIG))
    attendant.poll()
    assert not attendant.starting


def test_the_log_says_once_why_one_does_not_start(puppet: Puppet, attendant: Attendant) -> None:
    log = io.StringIO()
    telemetry.set_up(log)
    for fault in (StartFault.CONFIG, StartFault.CONFIG, Fault.SILENT, StartFault.NOT_FOUND):
        puppet.said.append(StartFailed(reason="no", fix="yes", fault=fault))
        attendant.poll()
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {line["event"] for line in said} == {"check does not start - hub doctor says why"}
    assert [line["code"] for line in said] == ["CONFIG", "SILENT"]


def test_its_rate_bounds_it(attendant: Attendant, puppet: Puppet, clock: TurnedClock) -> None:
    rate = Rate(count=2, per=timedelta(seconds=1))
    attendant.bucket = Bucket.full(rate, clock.elapsed())
    ask(attendant)
    ask(attendant)
    assert attendant.places == 0
    assert attendant.next_at == clock.elapsed() + 0.5
    clock.turn(seconds=0.5)
    assert attendant.places == 1


def test_it_serves_the_named_tenants_or_all(attendant: Attendant) -> None:
    assert attendant.serves("rostock")
    attendant.tenants = frozenset({"wismar"})
    assert not attendant.serves("rostock")
