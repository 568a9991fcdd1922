"""Several hubs on one spool and one database: killed in turn, and frozen past their leases."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from hub.host.guardian import descendants
from tests.faults.aftermath import aftermath
from tests.faults.test_kill import put_in_turn
from tests.flow import moody as moody_mailbox
from tests.flow.inventory import unbalanced
from tests.flow.moody import add, feel, lines, notice
from tests.flow.world import Service, World, until

pytestmark = pytest.mark.slow
long = pytest.mark.long
Record = Callable[[str, object], None]
BOTH = ("same", "once")  # mailboxes: IDEMPOTENT, NEITHER
PAST = 60.0  # seconds in which a lease of a call of one second is over, and taken over
TRIES = "SELECT outcome, code FROM attempt JOIN notice ON notice.id = notice_id WHERE mailbox = ?"
ATTEMPTS = "SELECT * FROM attempt ORDER BY id"
TOLD = "SELECT name FROM mailbox WHERE capabilities IS NOT NULL AND name IN ('same', 'once')"
STATE = "SELECT state FROM notice WHERE mailbox = ?"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("count", "notices", "kills"),
    [
        (2, 60, 6),
        pytest.param(2, 500, 50, marks=long),
        pytest.param(3, 500, 50, marks=long),
        pytest.param(4, 500, 50, marks=long),
    ],
)
def test_hubs_on_one_spool_one_killed_every_second_deposit_each_notice_once(
    world: World, count: int, notices: int, kills: int, record_property: Record
) -> None:
    put = put_in_turn(world, notices, kills)
    with ExitStack() as stay:
        hubs = [stay.enter_context(world.service()) for _ in range(count)]
        for turn in range(kills):
            put()
            with suppress(subprocess.TimeoutExpired):
                hubs[turn % count].process.wait(1.0)
            hubs[turn % count].kill()
            hubs[turn % count] = stay.enter_context(world.service())
        until(lambda: len(world.letters()) == notices, "all letters")
        # the youngest may still be importing, where SIGTERM ends it as any process
        until(lambda: all(hub.children() for hub in hubs), "all hubs at work")
        assert [hub.stop() for hub in hubs] == [0] * count
    assert aftermath(world, notices) == []
    assert len(world.letters()) == notices
    record_property("hubs killed", kills)
    record_property("notices handed in", notices)


class Frozen:
    """A world with a notice under way to each of two mailboxes, its hub in mid-call."""

    def __init__(self, folder: Path, program: tuple[str, ...]) -> None:
        self.world = World.make(folder, program)
        add(self.world, "same", "gate", "IDEMPOTENT", timeout="1s")
        add(self.world, "once", "gate", "NEITHER", timeout="1s")
        self.drops = {name: notice(name, name) for name in BOTH}

    def hand_in(self) -> None:
        self.world.put(*self.drops.values())

    def told(self) -> bool:
        """Whether both mailboxes have told what they can do: their processes are ready."""
        try:
            return len(self.world.rows(TOLD)) == len(BOTH)
        except sqlite3.OperationalError:  # there is no database yet, or nothing in it
            return False

    def called(self) -> bool:
        return all(lines(self.world, "calls", name) for name in BOTH)

    def thaw_moods(self) -> None:
        for name in BOTH:
            feel(self.world, "good", name)

    def stored(self) -> dict[str, int]:
        return {name: len(lines(self.world, "stored", name)) for name in BOTH}

    def tries(self, name: str) -> list[tuple[str, str | None]]:
        return [(row["outcome"], row["code"]) for row in self.world.rows(TRIES, name)]

    def state(self, name: str) -> str:
        (row,) = self.world.rows(STATE, name)
        return str(row["state"])

    def taken_over(self) -> bool:
        """Whether another hub holds both calls for lost, and has done what it may."""
        lost = ("UNKNOWN", "HUB_STOPPED")
        return all(lost in self.tries(name) for name in BOTH) and self.state("same") == "DEPOSITED"

    def settle(self, settled_as: str) -> None:
        reason = ("--reason", "Seen in the mailbox")
        self.world.hub("settle", self.drops["once"].message_id, "--as", settled_as, *reason)

    def unbalanced(self) -> list[str]:
        self.world.once()
        there = [key for name in BOTH for key in lines(self.world, "stored", name)]
        return unbalanced(self.world, 2, elsewhere=there)


@pytest.fixture
def frozen(tmp_path: Path, with_moody: moody_mailbox.Program) -> Frozen:
    return Frozen(tmp_path / "hub", with_moody)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def freeze(world: World, hub: Service) -> None:
    """Stop a hub, and no commit of it in the making: no other hub could go on then."""

    def stopped() -> bool:
        os.kill(hub.process.pid, signal.SIGSTOP)
        # Not waited for: what a stopped hub holds it does not let go, and its calls have a second.
        with closing(sqlite3.connect(world.folder / "var" / "hub.db", timeout=0)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.kill(hub.process.pid, signal.SIGCONT)
                return False
            database.rollback()
        return True

    until(stopped, "a hub stopped between its commits")


def late(world: World) -> bool:
    return "results came too late" in (world.folder / "log").read_text()


@long
@pytest.mark.timeout(200)
def test_a_hub_that_wakes_up_past_its_lease_writes_nothing(frozen: Frozen) -> None:
    world = frozen.world
    with world.service() as first:
        frozen.hand_in()
        until(frozen.called, "both calls under way")
        freeze(world, first)
        frozen.thaw_moods()  # its children go on, and deposit: nobody hears of it
        until(lambda: frozen.stored() == {"same": 1, "once": 1}, "both stored")
        with world.service() as second:
            until(frozen.taken_over, "both taken over", PAST)
            before = [tuple(row) for row in world.rows(ATTEMPTS)]
            first.process.send_signal(signal.SIGCONT)
            until(lambda: late(world), "the first hub's late results")
            assert [tuple(row) for row in world.rows(ATTEMPTS)] == before
            assert first.stop() == second.stop() == 0
    assert frozen.state("once") == "IN_DOUBT"
    assert frozen.stored() == {"same": 1, "once": 1}
    frozen.settle("deposited")
    assert frozen.unbalanced() == []


@long
@pytest.mark.timeout(200)
def test_a_hub_frozen_with_its_children_deposits_nothing_twice_when_they_wake_up(
    frozen: Frozen,
) -> None:
    world = frozen.world
    with world.service() as first:
        frozen.hand_in()
        until(frozen.called, "both calls under way")
        freeze(world, first)
        below = list(descendants(first.process.pid))
        send(below, signal.SIGSTOP)
        frozen.thaw_moods()
        with world.service() as second:
            until(frozen.taken_over, "both taken over", PAST)
            send([*below, first.process.pid], signal.SIGCONT)
            until(lambda: late(world), "the first hub's late results")
            assert first.stop() == second.stop() == 0
    assert frozen.stored() == {"same": 1, "once": 0}
    assert frozen.state("once") == "IN_DOUBT"
    frozen.settle("failed")
    assert frozen.unbalanced() == []


@long
@pytest.mark.timeout(200)
def test_a_child_begins_no_call_whose_end_passed_while_it_was_frozen(frozen: Frozen) -> None:
    world = frozen.world
    frozen.thaw_moods()
    with world.service() as first:
        until(frozen.told, "both ready")
        below = first.plugins()
        send(below, signal.SIGSTOP)
        frozen.hand_in()
        until(lambda: all(frozen.tries(name) for name in BOTH), "both attempts begun")
        freeze(world, first)
        with world.service() as second:
            until(frozen.taken_over, "both taken over", PAST)
            send([*below, first.process.pid], signal.SIGCONT)
            until(lambda: late(world), "the first hub's late results")
            assert first.stop() == second.stop() == 0
    assert {name: len(lines(world, "calls", name)) for name in BOTH} == {"same": 1, "once": 0}
    frozen.settle("failed")
    assert frozen.unbalanced() == []


@pytest.mark.timeout(120)
def test_a_child_frozen_alone_is_ended_and_its_calls_are_in_doubt(frozen: Frozen) -> None:
    world = frozen.world
    with world.service() as hub:
        frozen.hand_in()
        until(frozen.called, "both calls under way")
        send(hub.plugins(), signal.SIGSTOP)
        frozen.thaw_moods()
        until(lambda: frozen.state("same") == "DEPOSITED", "the same sent again")
        until(lambda: frozen.state("once") == "IN_DOUBT", "the doubt")
        assert hub.stop() == 0
    assert frozen.stored() == {"same": 1, "once": 0}
    frozen.settle("failed")
    assert frozen.unbalanced() == []
