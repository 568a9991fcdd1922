"""Struck at each call to files or database in turn, the hub loses nothing and doubles nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.sweep import Scene

Shared = Callable[[str], Path]
Record = Callable[[str, object], None]
Strike = Callable[..., int]  # what is counted, kind of scene, share of its points, how

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
long = pytest.mark.long
KILLS, ERRORS = "kill points", "I/O error points"


@pytest.fixture
def tool(shared: Shared) -> Path:
    if shutil.which("strace") is None:
        pytest.skip("strace: not installed, not checked")
    return shared("faults/kill_at_syscall.py")


def shares(kind: str, of: int) -> list[object]:
    """Return the parameters of a sweep that several processes share."""
    return [pytest.param(kind, (number, of), id=f"{kind}-{number}") for number in range(of)]


def test_killed_at_some_points_nothing_is_lost_or_doubled(tmp_path: Path, tool: Path) -> None:
    swept = Scene.make(tmp_path, "used").sweep(tool, "--max-points", "4")
    assert swept.struck >= 3


@long
def test_killed_again_in_the_midst_of_recovering_nothing_is_lost_or_doubled(
    tmp_path: Path, tool: Path
) -> None:
    scene = Scene.make(tmp_path, "batch").killed(tool, 0.5)
    swept = scene.sweep(tool, "--max-points", "2")
    assert swept.struck
    assert swept.recovered


def test_calls_that_fail_at_some_points_lose_nothing_and_double_nothing(
    tmp_path: Path, tool: Path
) -> None:
    swept = Scene.make(tmp_path, "batch").sweep(tool, "--fault", "EIO", "--max-points", "2")
    assert swept.struck


@pytest.fixture
def strike(tmp_path: Path, tool: Path, record_property: Record) -> Strike:
    """Give a function that strikes at a share of all points, and tells the report of it."""

    def struck(name: str, kind: str, share: tuple[int, int], *how: str) -> int:
        swept = Scene.make(tmp_path, kind).sweep(tool, *how, share=share)
        record_property(name, swept.struck)
        record_property("recovered", swept.recovered)
        return swept.struck

    return struck


@long
@pytest.mark.parametrize(
    ("kind", "share"),
    # Of the first start every fourth one: most of them are SQLite's, who makes the tables.
    [*shares("used", 2), *shares("first", 4)[:1], *shares("post", 4)[:2], *shares("batch", 8)],
)
def test_killed_at_every_point_nothing_is_lost_or_doubled(
    strike: Strike, kind: str, share: tuple[int, int]
) -> None:
    assert strike(KILLS, kind, share) >= 50


@long
@pytest.mark.parametrize("first", [0.3, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_killed_twice_nothing_is_lost_or_doubled(
    tmp_path: Path, tool: Path, record_property: Record, first: float
) -> None:
    scene = Scene.make(tmp_path, "batch").killed(tool, first)
    swept = scene.sweep(tool, "--max-points", "15")
    record_property(KILLS, swept.struck)
    record_property("recovered", swept.recovered)
    assert swept.struck >= 9


# Each call fails once with the one error or the other, and for good with the other one.
@long
@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_a_call_that_fails_anywhere_loses_nothing_and_doubles_nothing(
    strike: Strike, number: int, lasting: bool
) -> None:
    fault = ("EIO", "ENOSPC")[(number + lasting) % 2]
    how = ("--fault", fault, *(["--persist"] if lasting else []))
    assert strike(ERRORS, "batch", (number, 8), *how) >= 40
