"""Room: intake stops before a disk is full, says so once, and goes on by itself."""

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub import telemetry
from hub.room import LARGE, LEAST_FILES, VAULT, Room, places

LEAST = 100 * 1024**2


@dataclass(slots=True, kw_only=True)
class Disk:
    """What statvfs says of each disk."""

    free: dict[str, int]
    files: int = 10**6
    kept: int = 10**7

    def statvfs(self, path: Path) -> os.statvfs_result:
        blocks = self.free[path.name]
        return os.statvfs_result(
            (1, 1, 10**9, blocks + 5, blocks, self.kept, 9, self.files, 0, 255)
        )


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(free={"vault": 2 * LEAST, "spool": 2 * LEAST})
    monkeypatch.setattr(os, "statvfs", made.statvfs)
    return made


@pytest.fixture
def log() -> io.StringIO:
    made = io.StringIO()
    telemetry.set_up(made)
    return made


@pytest.fixture
def room() -> Room:
    return Room(folders={VAULT: Path("/vault"), "spool": Path("/spool")}, least=LEAST)


def test_there_is_room_while_each_disk_keeps_the_least_and_one_drop_more(
    room: Room, disk: Disk
) -> None:
    disk.free["spool"] = LEAST + LARGE
    assert room.look()
    disk.free["spool"] -= 1
    assert not room.look()
    assert room.short
    assert room.short.name == "spool"


def test_it_goes_on_with_more_room_than_it_stopped_with_and_says_each_once(
    room: Room, disk: Disk, log: io.StringIO
) -> None:
    seen = []
    for free in (2 * LARGE, LARGE - 1, LARGE - 1, LARGE, 2 * LARGE - 1, 2 * LARGE, LARGE):
        disk.free[VAULT] = LEAST + free
        seen.append(room.look())
    assert seen == [True, False, False, False, False, True, True]
    said = [json.loads(line)["event"] for line in log.getvalue().splitlines()]
    assert said == ["intake stops - too little room", "intake goes on - there is room again"]


def test_files_may_run_out_before_bytes_do(room: Room, disk: Disk) -> None:
    disk.files = LEAST_FILES - 1
    assert not room.look()
    disk.kept = disk.files = 0  # a file system that does not count them
    assert room.look()


def test_a_disk_that_cannot_be_asked_has_no_room(
    room: Room, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> os.statvfs_result:
        raise OSError(5, "EIO")

    assert room.look()
    monkeypatch.setattr(os, "statvfs", fail)
    assert not room.look()


def test_folders_on_one_disk_are_asked_for_once(tmp_path: Path) -> None:
    for name in ("vault", "var", "spool"):
        (tmp_path / name).mkdir()
    found = places(tmp_path / "vault", tmp_path / "var", {"spool": tmp_path / "spool"})
    assert found == {VAULT: tmp_path / "vault"}
