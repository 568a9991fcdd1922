"""Drops before their checks: how many at once, what a crash counts, what is kept meanwhile."""

import select
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from hub import app, retention, starter
from hub.app.parts import Parts
from hub.clock import system_clock
from hub.config import load
from hub.errors import StorageFailed
from hub.intake import Committer, Done
from hub.intake.drops import Refusal, Repeat
from hub.intake.preparing import Sealed
from hub.journal import workers
from postfach_check_clamd.sandbox import Sandbox
from tests.flow.papers import drop

pytestmark = pytest.mark.slow

CHECK = """
[checks.malware]
plugin = "clamd"
in_flight = 2
[checks.malware.config]
socket = "{socket}"
"""


class Crash(BaseException):
    """Ends a test's hub where a signal would."""


@pytest.fixture
def clamd() -> Iterator[Sandbox]:
    # Not below tmp_path: the path of a socket has at most 107 characters.
    with (
        tempfile.TemporaryDirectory(prefix="clamd-") as folder,
        Sandbox(Path(folder) / "socket") as server,
    ):
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield server
        server.held.set()
        server.shutdown()
        thread.join()


@contextmanager
def hub(folder: Path, worker: str) -> Iterator[Parts]:
    """Give a worker with its plugins' processes started."""
    with app.worker(load(folder / "hub.toml", {}), system_clock(), worker) as parts:
        with parts.journal.write() as tx:
            workers.begin(tx, worker, parts.clock.boot_id, 1, parts.clock.now())
        parts.start()
        try:
            until(parts, lambda: not parts.starting)
            yield parts
        finally:
            parts.stop(0.0)


@pytest.fixture
def folder(tmp_path: Path, clamd: Sandbox) -> Path:
    started = starter.init(tmp_path / "h", system_clock().now())
    with started.config.open("a", encoding="utf-8") as file:
        file.write(CHECK.format(socket=clamd.server_address))
    return started.config.parent


@pytest.fixture
def parts(folder: Path) -> Iterator[Parts]:
    with hub(folder, "w1") as made:
        yield made


def until(parts: Parts, condition: Callable[[], bool]) -> None:
    """Do what the loop does until a condition holds."""
    end = parts.clock.elapsed() + 20
    while not condition():
        assert parts.clock.elapsed() < end
        select.select(list(parts.descriptors()), [], [], 0.05)
        parts.hear()
        while parts.intake.busy:
            parts.intake.step()
        parts.checks.tend()


def put(parts: Parts, *stems: str) -> None:
    folder = parts.config.folder_of("rostock", "bauamt")
    for stem in stems:
        made = drop(stem=stem)
        for name, data in made.files.items():
            (folder / "in" / name).write_bytes(data)
        (folder / "in" / f"{stem}.xml").write_bytes(made.envelope)
    parts.intake.scan()
    while parts.intake.busy:
        parts.intake.step()


def claims(parts: Parts) -> list[tuple[str, int]]:
    """Return stem and tries of each claimed envelope."""
    found = parts.config.folder_of("rostock", "bauamt").glob(".claimed/*/*.xml")
    return sorted((name.split(".")[2], int(name.split(".")[1])) for name in (p.name for p in found))


def kinds(parts: Parts) -> list[tuple[str, str]]:
    with parts.journal.read() as connection:
        rows = connection.exec_driver_sql('SELECT stem, kind FROM "drop" ORDER BY stem, kind')
        return [(row.stem, row.kind) for row in rows]


def segments(parts: Parts) -> list[str]:
    return [path.stem for path in parts.vault.path.rglob("*.seg")]


def test_a_check_is_asked_about_as_many_drops_as_it_takes_and_the_rest_waits_its_turn(
    parts: Parts, clamd: Sandbox
) -> None:
    clamd.held.clear()
    put(parts, "a", "b", "c", "d", "e")
    assert parts.checks.in_flight == 2
    assert len(segments(parts)) == 2  # of what waits no document is copied
    assert kinds(parts) == []
    clamd.held.set()
    until(parts, lambda: len(kinds(parts)) == 5)
    assert kinds(parts) == [(name, "taken") for name in "abcde"]
    assert claims(parts) == []


def test_segments_of_drops_that_wait_are_not_swept(parts: Parts, clamd: Sandbox) -> None:
    clamd.held.clear()
    put(parts, "a")
    retention.remove_unused_segments(parts.journal, parts.vault)
    assert len(segments(parts)) == 1
    clamd.held.set()
    until(parts, lambda: kinds(parts) == [("a", "taken")])
    retention.remove_unused_segments(parts.journal, parts.vault)
    assert len(segments(parts)) == 1


def test_a_check_without_verdicts_is_asked_for_its_health_alone_until_it_is_up(
    parts: Parts, clamd: Sandbox
) -> None:
    socket = Path(str(clamd.server_address))
    away = socket.with_suffix(".away")
    socket.rename(away)
    (attendant,) = parts.checks.attendants.values()
    names = [f"d{n}" for n in range(6)]
    put(parts, *names)
    until(parts, lambda: attendant.silent)
    parts.intake.scan()
    until(parts, lambda: parts.checks.in_flight == 0)
    assert attendant.places == 0
    assert segments(parts) == []
    assert claims(parts) == [(name, 0) for name in names]
    away.rename(socket)
    until(parts, lambda: not attendant.silent)

    def all_taken() -> bool:
        parts.intake.scan()
        return kinds(parts) == [(name, "taken") for name in names]

    until(parts, all_taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing(Committer):
    """A committer that raises at its first commit, before it is made."""

    error: BaseException
    calls: list[int]

    def commit(
        self,
        sealed: Sequence[Sealed],
        repeats: Sequence[Repeat],
        refusals: Sequence[Refusal],
        now: datetime,
    ) -> Done:
        self.calls.append(len(sealed))
        if len(self.calls) == 1:
            raise self.error
        return Committer.commit(self, sealed, repeats, refusals, now)


def fail(parts: Parts, error: BaseException) -> None:
    good = parts.intake.taker.committer
    failing = Failing(
        config=good.config,
        journal=good.journal,
        issuer=good.issuer,
        places=good.places,
        terms=good.terms,
        error=error,
        calls=[],
    )
    parts.intake.taker = replace(parts.intake.taker, committer=failing)


def test_drops_that_passed_are_asked_about_again_when_their_commit_fails(
    parts: Parts, clamd: Sandbox
) -> None:
    fail(parts, StorageFailed("full", where="disk", fix="Make room"))
    put(parts, "a", "b")

    def taken() -> bool:
        parts.intake.scan()
        return len(kinds(parts)) == 2

    until(parts, taken)
    assert kinds(parts) == [("a", "taken"), ("b", "taken")]
    assert len(clamd.streams) > 2
    with parts.journal.read() as connection:
        rows = connection.exec_driver_sql("SELECT count(DISTINCT segment) FROM payload")
        kept = rows.scalar()
    retention.remove_unused_segments(parts.journal, parts.vault)
    assert len(segments(parts)) == kept


def test_a_drop_that_crashes_the_hub_after_its_checks_is_refused_at_the_third_crash(
    folder: Path,
) -> None:
    for n in range(3):
        with hub(folder, f"w{n}") as parts:
            fail(parts, Crash())
            with pytest.raises(Crash):
                begin(parts, n, until_it_is=[("a", "taken")])
            assert claims(parts) == [("a", n)]
    with hub(folder, "w3") as parts:
        begin(parts, 3, until_it_is=[("a", "refused")])


def test_a_hub_that_is_killed_while_a_drop_waits_for_its_check_counts_nothing(
    folder: Path, clamd: Sandbox
) -> None:
    clamd.held.clear()
    for n in range(5):
        with hub(folder, f"w{n}") as parts:
            begin(parts, n, until_it_is=[])
            until(parts, lambda: parts.checks.in_flight == 1)
            assert claims(parts) == [("a", 0)]
    clamd.held.set()
    with hub(folder, "w5") as parts:
        begin(parts, 5, until_it_is=[("a", "taken")])


def begin(parts: Parts, n: int, *, until_it_is: list[tuple[str, str]]) -> None:
    """Take what the worker before left, as after a crash; the first one takes a new drop `a`."""
    if n == 0:
        put(parts, "a")
    else:
        for spool in parts.spools.values():
            parts.intake.recover(spool, spool.adopt(f"w{n - 1}"))
    until(parts, lambda: kinds(parts) == until_it_is)
