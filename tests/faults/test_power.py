"""The power goes: what the hub said became durable is there, and what it did not say balances."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.sweep import ROOT
from tests.flow.world import HUB

Shared = Callable[[str], Path]
Record = Callable[[str, object], None]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
long = pytest.mark.long
# The tool's own way to hold syncs back does not know syncfs, which is the hub's barrier.
SYNCS = "fsync,fdatasync,syncfs"
HELD = 20_000  # microseconds


def cut(shared: Shared, folder: Path, place: str, *how: str) -> tuple[int, int]:
    """Cut the power under runs of the hub; return how many cuts, and promises before them."""
    if os.geteuid() or not all(map(shutil.which, ("losetup", "mkfs.ext4", "strace"))):
        pytest.skip("power cuts: root, losetup, mkfs.ext4 or strace are missing, not checked")
    tool = shared("faults/power_cut.py")
    home = folder / "home"
    python = f"cd {ROOT} && {shlex.quote(sys.executable)} -m tests.faults.cut"
    where = "{mnt}/hub" if place in ("all", "first") else shlex.quote(str(home))
    slow = f"strace -f -qq -o /dev/null -e trace={SYNCS} -e inject={SYNCS}:delay_enter={HELD}"
    command = [
        *(sys.executable, str(tool), "--scratch", str(folder), *how),
        *("--prepare", f"{python} prepare {place} {{mnt}} {home}"),
        *("--write", f"exec {slow} {HUB} --config {where}/hub.toml run --once --announce"),
        *("--check", f"{python} check {place} {{mnt}} {home} {{acks}}"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = re.search(r"rounds (\d+), promises (\d+), ", ended.stdout)
    assert found, ended.stdout
    return int(found[1]), int(found[2])


@pytest.mark.parametrize(("place", "lines"), [("all", "14"), ("post", "23")])
def test_a_promise_outlasts_the_power(
    tmp_path: Path, shared: Shared, place: str, lines: str
) -> None:
    rounds, promises = cut(shared, tmp_path, place, "--rounds", "1", "--cut-after-lines", lines)
    assert rounds == 1
    assert promises >= int(lines)


@long
@pytest.mark.parametrize("place", ["all", "first", "spool", "mailboxes", "post"])
@pytest.mark.parametrize(
    "how",
    [
        *(("--rounds", "2", "--cut-after-lines", str(lines)) for lines in range(2, 25, 3)),
        ("--rounds", "6", "--cut-after", "1:8"),
    ],
    ids=lambda how: "-".join(how[2:]),
)
def test_all_promises_outlast_the_power(
    tmp_path: Path, shared: Shared, record_property: Record, place: str, how: tuple[str, ...]
) -> None:
    rounds, promises = cut(shared, tmp_path, place, *how)
    record_property("power cuts", rounds)
    assert promises or "--cut-after" in how  # by time it may come before the first promise


@long
@pytest.mark.parametrize("place", ["letter", "status"])
@pytest.mark.parametrize("lines", ["2", "3"])
def test_a_lone_promise_outlasts_the_power(
    tmp_path: Path, shared: Shared, record_property: Record, place: str, lines: str
) -> None:
    rounds, promises = cut(shared, tmp_path, place, "--rounds", "3", "--cut-after-lines", lines)
    record_property("power cuts", rounds)
    assert promises >= rounds * int(lines)
