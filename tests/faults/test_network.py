"""A bad network before a mailbox over HTTP: nothing is lost, doubled, or refused for it.

Each way in which a network fails, alone and in random order: while it lasts, a notice is DEFERRED
where it surely was not stored, and IN_DOUBT where it may be; then the network is good, and there
is one deposit and one final receipt. No call lasts longer than it may.
"""

import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import pytest

from tests.faults import weather
from tests.faults.weather import CALL, NAME, Sample
from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import World, until
from tests.hostile.measuring import Record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
long = pytest.mark.long

LATE = 2.5  # seconds by which an attempt's end may come after its call's, on a busy machine
READ_AT_MOST = 16 * 1024 * 1024  # bytes of an endless answer, with all that buffers take
DEFERRED, IN_DOUBT = "DEFERRED", "IN_DOUBT"
# What the proxy does with each connection, and what becomes of a notice meanwhile.
MODES = {
    "refuse": ("refuse", DEFERRED),
    "reset": ("reset", IN_DOUBT),
    "blackhole": ("blackhole", IN_DOUBT),
    "stall": ("stall=9", IN_DOUBT),
    "slow": ("slow=100", IN_DOUBT),
    "truncate": ("truncate=40", IN_DOUBT),
    "half-close": ("half-close=40", IN_DOUBT),
    "reset-reply": ("reset-reply=40", IN_DOUBT),
    "lost-reply": ("lost-reply", IN_DOUBT),
    "5xx": ("5xx=500", IN_DOUBT),
    "busy": ("5xx=503:1", DEFERRED),
    "redirect": ("redirect=http://127.0.0.1:{trap}/messages", IN_DOUBT),
    "garbage": ("garbage", IN_DOUBT),
    "endless": ("endless", IN_DOUBT),
}
SHORT = ("lost-reply", "redirect", "endless")
# Of a random plan; `refuse` is never one connection's own.
MIXED = (
    *("ok", "reset", "reset=2000", "stall=0", "stall=60", "slow=20000", "truncate=0"),
    *("truncate=30", "truncate=190", "half-close=0", "half-close=60", "reset-reply=100"),
    *("lost-reply", "lost-reply", "5xx=500", "5xx=503", "5xx=429:1", "5xx=502", "garbage"),
    *("endless", "blackhole", "redirect=http://127.0.0.1:9/"),
)
DOUBT = "SELECT message_id, delivery_key FROM notice WHERE state = 'IN_DOUBT'"
ATTEMPTS = "SELECT started_at, ended_at FROM attempt WHERE ended_at IS NOT NULL"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return Sample.install(tmp_path_factory.mktemp("sample"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A hub, the service behind the proxy, and the proxy."""

    world: World
    service: Any
    net: Any
    forgetful: bool  # it does not know keys again: a person decides in doubt

    @property
    def keys(self) -> list[str]:
        return [letter.key for letter in self.service.letters]

    @property
    def faults(self) -> int:
        return sum(entry["mode"] != "ok" for entry in self.net.log)

    def moving(self, handed_in: int = 1) -> int:
        """Return how many notices are open, but for those that wait for a person."""
        waits = ("DEPOSITED", "IN_DOUBT" if self.forgetful else "DEPOSITED")
        ended = self.world.rows("SELECT count(*) AS n FROM notice WHERE state IN (?, ?)", *waits)
        return handed_in - int(ended[0]["n"])

    def moving_after_a_run(self) -> int:
        self.world.once()
        return self.moving()

    def attempts(self) -> int:
        """Return how many attempts have ended."""
        return int(self.world.rows("SELECT count(ended_at) AS n FROM attempt")[0]["n"])

    def has_tried(self, wanted: int) -> bool:
        return self.attempts() >= wanted

    def state(self) -> str:
        (row,) = self.world.rows("SELECT state FROM notice")
        return str(row["state"])


@pytest.fixture(params=["idempotent", pytest.param("neither", marks=long)])
def place(request: pytest.FixtureRequest, sample: Sample, tmp_path: Path) -> Iterator[Place]:
    forgetful = request.param == "neither"
    with (
        sample.serving(forgetful=forgetful) as (service, port),
        weather.flaky(port) as net,
    ):
        world = sample.hub(tmp_path / "hub", net.port, request.param)
        yield Place(world=world, service=service, net=net, forgetful=forgetful)


def too_long(world: World) -> list[float]:
    """Return how many seconds each attempt took that took longer than a call may."""
    took = [
        (datetime.fromisoformat(row[1]) - datetime.fromisoformat(row[0])).total_seconds()
        for row in world.rows(ATTEMPTS)
    ]
    return [each for each in took if each > CALL + LATE]


def settle(place: Place) -> int:
    """Be the person who finds out what became of a notice in doubt; return of how many."""
    rows, there = place.world.rows(DOUBT), set(place.keys)
    for row in rows:
        became = "deposited" if row["delivery_key"] in there else "failed"
        place.world.hub("settle", row["message_id"], "--as", became, "--reason", "asked there")
    return len(rows)


@pytest.mark.parametrize(
    "mode",
    [pytest.param(mode, marks=() if mode in SHORT else long) for mode in MODES],
)
def test_a_notice_in_bad_weather_is_deposited_once_when_it_has_passed(
    place: Place, mode: str, record_property: Record
) -> None:
    plan, state = MODES[mode]
    world, made = place.world, drop(stem="one", scheme=NAME)
    with socket.create_server(("127.0.0.1", 0)) as trap:
        place.net.set_plan(plan.format(trap=trap.getsockname()[1]))
        world.put(made)
        world.once()
        assert place.state() == state
        assert (mode == "refuse") == (place.faults == 0)
        place.net.set_plan("ok")
        until(lambda: not place.moving_after_a_run(), "its end, but for a person's")
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody went where the redirect leads
            trap.accept()
    stored = len(place.keys)
    settle(place)
    world.once()
    assert (len(place.keys), stored <= 1) == (stored, True)
    assert unbalanced(world, 1, elsewhere=place.keys) == []
    assert too_long(world) == []
    assert all(each["down"] < READ_AT_MOST for each in place.net.log if each["mode"] == "endless")
    record_property("network faults", max(1, place.faults))


@pytest.mark.timeout(2400)
@pytest.mark.parametrize(
    ("notices", "turns"), [(30, 2), pytest.param(300, 8, marks=long)], ids=["some", "all"]
)
def test_whatever_the_network_does_nothing_is_lost_or_doubled(
    place: Place, notices: int, turns: int, record_property: Record
) -> None:
    dice, world = random.Random(notices), place.world
    made = [drop(stem=f"n{number:04}", scheme=NAME) for number in range(notices)]
    with world.service() as hub:
        until(lambda: bool(hub.children()), "the hub at work")
        for turn in range(turns):
            plan = ", ".join(dice.choices(MIXED, k=40))
            place.net.set_plan("refuse" if turn % 4 == 3 else plan, loop_plan=True)
            wanted = place.attempts() + 4
            world.put(*made[turn::turns])
            until(partial(place.has_tried, wanted), "attempts", 60)
            with suppress(TimeoutExpired):
                hub.process.wait(CALL)
        place.net.set_plan("ok")
        until(lambda: not place.moving(notices), "all but what only a person ends", 600)
        assert hub.stop() == 0
    assert place.faults >= notices / 6  # circuits keep calls from worse
    assert len(place.keys) == len(set(place.keys))
    settled = settle(place)
    world.once()
    assert unbalanced(world, notices, elsewhere=place.keys) == []
    assert too_long(world) == []
    failed = world.rows("SELECT count(*) AS n FROM notice WHERE state != 'DEPOSITED'")[0]["n"]
    assert failed <= settled
    record_property("network faults", place.faults)
    print(f"{notices} notices, {place.faults} faults, {settled} settled")  # noqa: T201
