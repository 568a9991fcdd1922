"""No room, no inodes, a disk read-only for a while, no descriptors: afterwards all balances."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from tests.faults.aftermath import aftermath
from tests.faults.mixture import mixture
from tests.faults.sweep import SMALL
from tests.flow.papers import drop
from tests.flow.posting import with_post
from tests.flow.world import World, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
long = pytest.mark.long
REFUSED = (69, 73, 74, 75)  # something is not there, cannot be made or written; try later
Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Give a function that mounts a small disk of its own on a folder, which may hold files."""
    if os.geteuid():
        pytest.skip("only root may mount: not checked")
    mounted: list[Path] = []

    def small(folder: Path, options: str) -> Path:
        held = folder.with_name(f"{folder.name}.before")
        if folder.exists():
            folder.rename(held)
        folder.mkdir()
        told = ["mount", "-t", "tmpfs", "-o", f"mode=0755,{options}", "small", str(folder)]
        subprocess.run(told, check=True)
        mounted.append(folder)
        if held.exists():
            subprocess.run(["cp", "-a", f"{held}/.", str(folder)], check=True)
        return folder

    yield small
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, free: int) -> Path:
    """Leave so many bytes free on a disk; return the file to remove."""
    filler = folder / ".filler"
    stat = os.statvfs(folder)
    filler.write_bytes(b"\0" * max(0, stat.f_bavail * stat.f_frsize - free))
    return filler


@pytest.mark.parametrize(
    "free",
    [12, *(pytest.param(kib, marks=long) for kib in (0, 4, 8, 20, 36, 64, 100, 160, 300, 600))],
)
def test_a_disk_that_gets_full_refuses_or_waits_and_goes_on_when_there_is_room(
    tmp_path: Path, mount: Mount, free: int
) -> None:
    world = World.make(mount(tmp_path / "disk", "size=32m") / "hub")
    with_post(world)
    world.configure(*SMALL)
    world.put(drop(stem="before"))
    world.once()
    made = mixture()
    world.put(*made)
    filler = fill(tmp_path / "disk", free * 1024)
    ended = world.hub("run", "--once", code=None)
    assert ended.returncode in (0, *REFUSED), ended.stderr
    filler.unlink()
    assert aftermath(world, len(made) + 1) == []


@long
@pytest.mark.parametrize("free", [0, 1, 2, 3, 5, 8, 12, 20])
def test_a_disk_without_inodes_refuses_or_waits_and_goes_on_when_there_are(
    tmp_path: Path, mount: Mount, free: int
) -> None:
    folder = mount(tmp_path / "disk", "size=32m,nr_inodes=8000")
    world = World.make(folder / "hub")
    with_post(world)
    world.configure(*SMALL)
    made = mixture()
    world.put(*made)
    (folder / "fillers").mkdir()
    for number in range(os.statvfs(folder).f_favail - free):
        (folder / "fillers" / str(number)).touch()
    ended = world.hub("run", "--once", code=None)
    assert ended.returncode in (0, *REFUSED), ended.stderr
    subprocess.run(["rm", "-r", str(folder / "fillers")], check=True)
    assert aftermath(world, len(made)) == []


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a disk read-only, as soon as nobody has a file open for writing there."""

    def remount(how: str) -> bool:
        command = ["mount", "-o", f"remount,{how}", str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    until(lambda: remount("ro"), "a moment in which nothing is written")
    try:
        yield
    finally:
        assert remount("rw")


@long
@pytest.mark.parametrize("part", ["spool/rostock/bauamt", "var/vault", "var/mailboxes"])
@pytest.mark.parametrize("after", [0.0, 0.1, 0.5, 1.5])
def test_a_disk_that_is_read_only_for_a_while_loses_nothing(
    world: World, mount: Mount, part: str, after: float
) -> None:
    world.configure(*SMALL)
    world.put(drop(stem="before"))
    world.once()
    folder = mount(world.folder / part, "size=32m")
    made = [drop(stem=f"n{number:02}") for number in range(40)]
    world.put(*made)
    with world.service() as hub:
        hub.wait_for("accepted ")  # a start would be refused
        with pytest.raises(TimeoutExpired):
            hub.process.wait(after)
        with read_only(folder), pytest.raises(TimeoutExpired):
            hub.process.wait(4.0)
        until(lambda: len(world.letters()) == len(made) + 1, "all letters", 60)
        assert hub.stop() == 0
    assert aftermath(world, len(made) + 1) == []


@long
@pytest.mark.parametrize("part", ["", "spool", "var"])
def test_a_start_on_a_read_only_disk_says_so(tmp_path: Path, mount: Mount, part: str) -> None:
    world = World.make(tmp_path / "hub")
    world.configure(*SMALL)
    world.put(drop(stem="one"))
    folder = mount(world.folder / part, "size=32m")
    with read_only(folder):
        ended = world.hub("run", "--once", code=None)
        assert ended.returncode in (*REFUSED, 77, 78), ended.stderr
        assert str(world.folder) in ended.stderr
    assert aftermath(world, 1) == []


@long
@pytest.mark.parametrize("most", [24, 28, 32, 36, 40, 44, 48, 52, 56, 60])
def test_a_hub_without_descriptors_fails_or_waits_and_goes_on_when_there_are(
    world: World, most: int
) -> None:
    with_post(world)
    world.configure(*SMALL)
    made = mixture()
    world.put(*made)
    starved = World(folder=world.folder, program=("prlimit", f"--nofile={most}", *world.program))
    ended = starved.hub("run", "--once", code=None)
    assert ended.returncode in (0, *REFUSED, 78), ended.stderr
    assert aftermath(world, len(made)) == []
