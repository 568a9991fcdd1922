"""What of a spool must be on the disk, and before which step."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.spool import Claim, Folders, Spool
from tests.unit.barriers import Watched
from tests.unit.spools import TurnedClock, make_folders, open_one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_folders(tmp_path)


@pytest.fixture
def disk() -> Watched:
    return Watched()


@pytest.fixture
def spool(path: Path, disk: Watched) -> Iterator[Spool]:
    opened = replace(open_one(path, TurnedClock()), disk=disk)
    yield opened
    opened.folders.close()


def test_the_hubs_own_folders_are_durable_before_a_claim_lies_in_them(
    path: Path, disk: Watched
) -> None:
    Folders.open(path, "w1", disk).close()
    assert disk.synced[:2] == [path, path / ".claimed"]


def test_the_marker_is_durable_before_it_has_its_name_and_with_it(
    path: Path, disk: Watched
) -> None:
    Folders.open(path, "w1", disk).close()
    written, folder = disk.synced[2:]
    assert written.parent == folder == path / "out"
    assert written.name.startswith(".postfach.")


def test_a_try_is_durable_when_it_is_counted(spool: Spool, path: Path, disk: Watched) -> None:
    (path / "in" / "a.xml").touch()
    claim = spool.claim(b"a.xml")
    assert isinstance(claim, Claim)
    spool.count_try(claim)
    assert disk.synced == [path / ".claimed" / "w1"]


def test_adopted_claims_are_durable_before_the_dead_workers_folder_goes(
    spool: Spool, path: Path, disk: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = open_one(path, TurnedClock(), worker="w0")
    (path / "in" / "a.xml").touch()
    dead.claim(b"a.xml")
    rmdir, before = os.rmdir, list[Path]()

    def watched(name: str, *, dir_fd: int) -> None:
        before.extend(disk.synced)
        rmdir(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", watched)
    assert len(spool.adopt("w0")) == 1
    monkeypatch.undo()
    assert before == [path / ".claimed" / "w1", path / ".claimed" / "w0"]
    dead.folders.close()
