"""A bad network before BundID, MUK and FIT-Connect, inside of TLS: as test_network.py, over theirs.

The proxy stands between two relays that take TLS off and put it on again, so that an answer can be
lost, cut or made up after a whole request was taken.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import pytest

from tests.faults.weather import Relay, flaky
from tests.flow.federal import COMPANY, DESTINATION, HIGH, Companies, Federal, Sandbox, hub_with
from tests.flow.inventory import unbalanced
from tests.flow.papers import Drop, drop
from tests.flow.world import World, until
from tests.hostile.measuring import Record

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]

# Where notices go, and the states that they may have while the network is bad: the citizens'
# mailbox cannot be asked, FIT-Connect's token service that leads elsewhere is a fault of settings,
# and a mailbox that is ended at each call's deadline is held until it is mended.
WAYS = {
    "bundid": (HIGH, "OZG9", {"DEFERRED", "IN_DOUBT"}),
    "muk": (COMPANY, "OZG9", {"DEFERRED", "IN_DOUBT", "PENDING", "HELD"}),
    "fitconnect": (DESTINATION, "NONE", {"DEFERRED", "IN_DOUBT", "HELD"}),
}
MODES = (
    *("reset", "blackhole", "stall=9", "slow=100", "truncate=40", "half-close=40"),
    *("reset-reply=40", "lost-reply", "5xx=500", "5xx=503:1", "garbage", "endless"),
    "redirect=http://127.0.0.1:9/",
)
MIXED = (
    *("ok", "ok", "ok", "reset=3000", "stall=60", "slow=50000", "truncate=0", "truncate=190"),
    *("half-close=60", "reset-reply=100", "lost-reply", "lost-reply", "5xx=500", "5xx=429:1"),
    *("garbage", "endless", "blackhole"),
)
DOUBT = "SELECT message_id, delivery_key FROM notice WHERE state = 'IN_DOUBT'"
MOVING = """
    SELECT count(*) AS n FROM notice WHERE open AND NOT (state = 'IN_DOUBT' AND mailbox = 'bundid')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """The sandboxes, and the proxies before them by mailbox."""

    federal: Federal
    companies: Companies
    nets: Mapping[str, Any]
    tables: Mapping[str, str]

    def keys(self) -> list[str]:
        """Return the hub's key of all that lies in mailboxes."""
        return [*self.federal.requests(), *self.companies.requests()]

    def faults(self) -> int:
        logs = [entry for net in self.nets.values() for entry in net.log]
        return sum(entry["mode"] != "ok" for entry in logs)


@contextmanager
def before(sandbox: Sandbox, number: int) -> Iterator[tuple[Any, int]]:
    """Stand before a sandbox's port; gives the proxy, and the port to be used instead."""
    certificates = sandbox.folder / "certificates"
    trust, own = certificates / "ca.pem", certificates / "authority.pem"
    with (
        Relay(sandbox.ports[number], trust=trust, own=own) as behind,
        flaky(behind.port) as net,
        Relay(net.port, certificate=certificates / "server.pem") as front,
    ):
        yield net, front.port


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    federal = Federal(folder=tmp_path / "federal").start()
    companies = Companies(folder=tmp_path / "companies").start()
    try:
        with ExitStack() as stack:
            citizens = stack.enter_context(before(federal, 0))
            fitconnect = stack.enter_context(before(federal, 1))
            firms = stack.enter_context(before(companies, 0))
            seen = replace(federal, ports=[citizens[1], fitconnect[1]], process=None)
            tables = seen.tables() | replace(companies, ports=[firms[1], 0], process=None).tables()
            yield Far(
                federal=federal,
                companies=companies,
                nets={"bundid": citizens[0], "fitconnect": fitconnect[0], "muk": firms[0]},
                tables={way: tables[way] for way in WAYS},
            )
    finally:
        federal.kill()
        companies.kill()


def notice(way: str, stem: str) -> Drop:
    account, basis, _ = WAYS[way]
    return drop(stem=stem, scheme=way, account=account, legal_basis=basis)


def settle(world: World, far: Far) -> int:
    """Be the person who finds out what became of a notice in doubt; return of how many."""
    rows, there = world.rows(DOUBT), set(far.keys())
    for row in rows:
        became = "deposited" if row["delivery_key"] in there else "failed"
        world.hub("settle", row["message_id"], "--as", became, "--reason", "asked there")
    return len(rows)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_a_notice_in_bad_weather_is_deposited_once_when_it_has_passed(
    far: Far, tmp_path: Path, way: str, mode: str, record_property: Record
) -> None:
    world = hub_with(tmp_path / "hub", {way: far.tables[way]})
    world.configure('call_timeout = "8s"', 'call_timeout = "4s"')
    far.nets[way].set_plan(mode)
    world.put(notice(way, "one"))
    world.once()
    (row,) = world.rows("SELECT state FROM notice")
    assert row["state"] in WAYS[way][2]
    assert far.faults() > 0
    far.nets[way].set_plan("ok")
    with world.service() as hub:
        until(lambda: bool(hub.children()), "the hub at work")
        until(lambda: not world.rows(MOVING)[0]["n"], "its end, but for a person's", 120)
        assert hub.stop() == 0
    stored = len(far.keys())
    settle(world, far)
    world.once()
    assert len(far.keys()) == stored <= 1
    assert unbalanced(world, 1, elsewhere=far.keys()) == []
    record_property("network faults", far.faults())


def test_whatever_the_network_does_nothing_is_lost_or_doubled(
    far: Far, tmp_path: Path, record_property: Record
) -> None:
    dice, notices, turns = random.Random(2), 90, 5
    world = hub_with(tmp_path / "hub", far.tables)
    made = [notice([*WAYS][number % 3], f"n{number:04}") for number in range(notices)]
    with world.service() as hub:
        for turn in range(turns):
            for net in far.nets.values():
                net.set_plan(", ".join(dice.choices(MIXED, k=40)), loop_plan=True)
            world.put(*made[turn::turns])
            with suppress(TimeoutExpired):
                hub.process.wait(10)
        for net in far.nets.values():
            net.set_plan("ok")
        until(lambda: len(world.rows("SELECT id FROM notice")) == notices, "all taken", 60)
        until(lambda: not world.rows(MOVING)[0]["n"], "all but what a person ends", 600)
        assert hub.stop() == 0
    settled = settle(world, far)
    world.once()
    keys = far.keys()
    assert len(keys) == len(set(keys))
    assert unbalanced(world, notices, elsewhere=keys) == []
    states = world.rows("SELECT count(*) AS n FROM notice WHERE state != 'DEPOSITED'")
    assert states[0]["n"] <= settled
    assert far.faults() >= notices / 3
    record_property("network faults", far.faults())
    print(f"{notices} notices, {far.faults()} faults, {settled} settled")  # noqa: T201
