"""A check of what is handed in: what it objects to is refused; while it is away, drops wait."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from postfach_check_clamd.sandbox import EICAR, SIGNATURE, Sandbox
from tests.flow.inventory import unbalanced
from tests.flow.papers import PDF, Paper, drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow

CHECK = """
[checks.malware]
plugin = "clamd"
tenants = ["rostock"]
{more}
[checks.malware.config]
socket = "{socket}"
[tenants.wismar]
mailboxes = ["citizens"]
[tenants.wismar.procedures.bauamt]
authors = ["ags:130030000000"]
"""
INFECTED = Paper(data=PDF + EICAR, filename="Anlage.pdf")


class Wismar(World):
    """The same hub, seen from a tenant without checks."""

    @property
    def procedure(self) -> Path:
        return self.folder / "spool" / "wismar" / "bauamt"


class Clamd:
    """A clamd that can be away."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    @contextmanager
    def up(self) -> Iterator[Sandbox]:
        with Sandbox(self.socket) as server:
            thread = threading.Thread(target=server.serve_forever, args=[0.02])
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()
                self.socket.unlink(missing_ok=True)


@pytest.fixture
def clamd() -> Iterator[Clamd]:
    # Not below tmp_path: the path of a socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="clamd-") as folder:
        yield Clamd(Path(folder) / "socket")


Checked = Callable[..., World]


@pytest.fixture
def checked(tmp_path: Path, clamd: Clamd) -> Checked:
    def make(more: str = "") -> World:
        world = World.make(tmp_path / "hub", rescan="200ms")
        with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
            file.write(CHECK.format(socket=clamd.socket, more=more))
        for name in ("in", "out", "rejected"):
            (world.folder / "spool" / "wismar" / "bauamt" / name).mkdir(parents=True)
        return world

    return make


def waiting(world: World) -> list[str]:
    """Return the claimed envelopes that lie in no other folder."""
    return sorted(path.name for path in (world.procedure / ".claimed").glob("*/*.xml"))


def test_a_clean_drop_is_taken_and_one_with_malware_refused_by_its_document(
    checked: Checked, clamd: Clamd
) -> None:
    world = checked()
    good, bad = drop(stem="good"), drop(Paper(), INFECTED, stem="bad")
    world.put(good, bad)
    with clamd.up() as server:
        world.once()
        assert sorted(server.streams) == [len(PDF)] * 2 + [len(INFECTED.data)]
    assert world.outcomes("good") == ["DEPOSITED"]
    (receipt,) = world.receipts("bad").values()
    assert (receipt.outcome, receipt.code) == ("REJECTED", "9060")
    assert receipt.refusal == "AttachmentRejected"
    assert receipt.path == "/Notice/Document[2]"
    assert SIGNATURE.encode() not in receipt.data  # the engine's words are not ours
    assert len(list((world.procedure / "rejected").iterdir())) == 3
    assert unbalanced(world, 2) == []


def test_documents_inside_the_envelope_are_looked_at_too(checked: Checked, clamd: Clamd) -> None:
    world = checked()
    world.put(drop(Paper(data=PDF + EICAR, inline=True), stem="bad"))
    with clamd.up():
        world.once()
    assert world.outcomes("bad") == ["REJECTED"]


def test_while_clamd_is_away_a_run_leaves_drops_as_claims_and_ends_well(
    checked: Checked, clamd: Clamd
) -> None:
    world = checked()
    world.put(drop(stem="good"), drop(INFECTED, stem="bad"))
    for _ in range(4):  # more runs than a drop may crash
        world.once()
    assert world.receipts() == {}
    assert sorted(name.split(".")[1:] for name in waiting(world)) == [
        ["0", "bad", "xml"],
        ["0", "good", "xml"],
    ]
    assert world.rows("SELECT * FROM notice") == []
    with clamd.up():
        world.once()
    assert world.outcomes("good") == ["DEPOSITED"]
    assert world.outcomes("bad") == ["REJECTED"]
    assert unbalanced(world, 2) == []


def test_drops_wait_for_clamd_while_those_of_other_tenants_flow(
    checked: Checked, clamd: Clamd
) -> None:
    world = checked()
    other = Wismar(folder=world.folder)
    with world.service() as hub:
        world.put(*(drop(stem=f"waits-{n}") for n in range(5)))
        until(lambda: len(waiting(world)) == 5, "claims")
        said = world.hub("doctor", code=69).stdout
        assert "check malware" in said
        assert "rostock/bauamt: waits-0, waits-1, waits-2, waits-3, waits-4" in said
        other.put(drop(stem="flows"))
        until(lambda: other.outcomes("flows") == ["DEPOSITED"], "the other tenant's receipt")
        assert world.receipts() == {}
        with clamd.up():
            until(lambda: len(world.receipts()) == 5, "what waited is taken")
            assert hub.stop() == 0
    assert waiting(world) == []
    states = world.rows("SELECT tenant, state FROM notice ORDER BY tenant")
    assert [tuple(row) for row in states] == [("rostock", "DEPOSITED")] * 5 + [
        ("wismar", "DEPOSITED")
    ]


def test_a_check_that_hangs_is_killed_and_refuses_nothing(checked: Checked, clamd: Clamd) -> None:
    world = checked(more='call_timeout = "1s"')
    other = Wismar(folder=world.folder)
    with ExitStack() as stack:
        server = stack.enter_context(clamd.up())
        server.held.clear()
        hub = stack.enter_context(world.service())
        world.put(drop(stem="waits"))
        until(lambda: len(server.streams) > 1, "asked again after it hung")
        other.put(drop(stem="flows"))
        until(lambda: other.outcomes("flows") == ["DEPOSITED"], "the other tenant's receipt")
        assert world.receipts() == {}
        server.held.set()
        until(lambda: world.outcomes("waits") == ["DEPOSITED"], "taken when it answers")
        assert hub.stop() == 0


def test_a_repeated_drop_needs_no_check(checked: Checked, clamd: Clamd) -> None:
    world = checked()
    first = drop(stem="first")
    world.put(first)
    with clamd.up():
        world.once()
    world.put(first)
    world.once()
    assert waiting(world) == []
    assert unbalanced(world, 2) == []


def _all_asked(server: Sandbox) -> bool:
    return len(server.streams) == 3


def test_a_hub_killed_while_drops_wait_for_a_check_takes_them_later(
    checked: Checked, clamd: Clamd
) -> None:
    world = checked()
    world.put(*(drop(stem=f"d{n}") for n in range(3)))
    for _ in range(4):
        with ExitStack() as stack:
            server = stack.enter_context(clamd.up())
            server.held.clear()
            with world.service() as hub:
                # All: a kill before that counts as a crash of the hub at that drop.
                until(partial(_all_asked, server), "all are before the check")
                hub.kill()
            server.held.set()
    with clamd.up():
        world.once()
    assert [world.outcomes(f"d{n}") for n in range(3)] == [["DEPOSITED"]] * 3
    assert unbalanced(world, 3) == []
    vault = list((world.folder / "var" / "vault").rglob("*.seg"))
    kept = world.rows("SELECT DISTINCT segment FROM payload WHERE segment IS NOT NULL")
    assert len(vault) == len(kept)  # what the killed hubs copied is swept


def test_a_check_that_is_not_installed_lets_nothing_pass(checked: Checked) -> None:
    world = checked()
    world.configure('plugin = "clamd"', 'plugin = "clamav"')
    other = Wismar(folder=world.folder)
    world.put(drop(stem="waits"))
    other.put(drop(stem="flows"))
    world.once()
    assert world.receipts() == {}
    assert other.outcomes("flows") == ["DEPOSITED"]
    assert len(waiting(world)) == 1


def test_a_run_waits_for_a_check_that_its_rate_holds_back(checked: Checked, clamd: Clamd) -> None:
    world = checked(more='rate = "2/s"')
    world.put(*(drop(stem=f"d{n}") for n in range(5)))
    with clamd.up():
        world.once()
    assert [world.outcomes(f"d{n}") for n in range(5)] == [["DEPOSITED"]] * 5


def test_a_run_ends_where_a_document_is_missing_and_the_check_is_away(checked: Checked) -> None:
    world = checked()
    world.configure('settle = "0s"', 'settle = "200ms"')
    world.configure('plugin = "clamd"', 'plugin = "clamav"')
    alone = drop(stem="alone")
    world.put(replace(alone, files={}))
    world.once()
    assert world.receipts() == {}
    assert len(waiting(world)) == 1


def test_a_hub_that_is_told_to_stop_leaves_what_is_before_a_check_to_the_next(
    checked: Checked, clamd: Clamd
) -> None:
    world = checked()
    world.put(*(drop(stem=f"d{n}") for n in range(3)))
    with ExitStack() as stack:
        server = stack.enter_context(clamd.up())
        server.held.clear()
        hub = stack.enter_context(world.service())
        until(server.asked, "a drop is before the check")
        assert hub.stop() == 0
        server.held.set()
        world.once()
    assert [world.outcomes(f"d{n}") for n in range(3)] == [["DEPOSITED"]] * 3
    assert unbalanced(world, 3) == []


def test_another_hub_takes_over_what_a_killed_one_had_before_a_check(
    checked: Checked, clamd: Clamd
) -> None:
    world = checked()
    with ExitStack() as stack:
        server = stack.enter_context(clamd.up())
        server.held.clear()
        first = stack.enter_context(world.service())
        world.put(*(drop(stem=f"d{n}") for n in range(5)))
        until(lambda: len(server.streams) == 5, "all are before the check")
        second = stack.enter_context(world.service())
        first.kill()
        until(lambda: len(server.streams) > 5, "the second asks")
        server.held.set()
        until(lambda: len(world.receipts()) == 5, "all are taken")
        assert second.stop() == 0
    assert waiting(world) == []
    assert unbalanced(world, 5) == []
