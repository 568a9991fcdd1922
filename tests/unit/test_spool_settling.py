import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.spool import Claim, Spool, remove_rejected
from tests.unit.spools import TurnedClock, found_claims, make_folders, open_one


class Cut(BaseException):
    """The power goes."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_folders(tmp_path)


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    opened = open_one(path, TurnedClock())
    yield opened
    opened.folders.close()


def hand_in(spool: Spool, path: Path, stem: str = "a") -> Claim:
    for name in (f"{stem}.xml", f"{stem}.1", f"{stem}.2"):
        (path / "in" / name).write_text(name)
    claim = spool.claim(f"{stem}.xml".encode())
    assert isinstance(claim, Claim)
    assert spool.claim_document(claim, 1, f"{stem}.1")
    assert spool.claim_document(claim, 2, f"{stem}.2")
    return claim


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_finishing_removes_a_drops_files_and_no_others(spool: Spool, path: Path) -> None:
    first, second = hand_in(spool, path, "a"), hand_in(spool, path, "b")
    assert spool.finish(first) == [first]
    assert found_claims(spool) == [second]
    assert len(files(path / ".claimed" / "w1")) == 3
    assert spool.finish(first, second) == [first, second]
    assert files(path / ".claimed" / "w1") == []
    assert files(path / "rejected") == []


def test_rejecting_moves_a_drops_files_aside_under_its_stem(spool: Spool, path: Path) -> None:
    claim = hand_in(spool, path)
    assert spool.reject(claim) == [claim]
    assert files(path / "rejected") == [
        f"a.{claim.id}.1",
        f"a.{claim.id}.2",
        f"a.{claim.id}.xml",
    ]
    assert (path / "rejected" / f"a.{claim.id}.xml").read_text() == "a.xml"
    assert files(path / ".claimed" / "w1") == []


def cut_at(monkeypatch: pytest.MonkeyPatch, call: str, at: int, *, after: bool) -> None:
    """Let the power go before or after the given call, counted from 0."""
    real: Callable[..., Any] = getattr(os, call)
    count = 0

    def cutting(*args: Any, **kwargs: Any) -> None:
        nonlocal count
        count += 1
        if count - 1 != at:
            real(*args, **kwargs)
            return
        if after:
            real(*args, **kwargs)
        raise Cut

    monkeypatch.setattr(os, call, cutting)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("call", ["unlink", "rename"])
def test_settling_may_be_cut_anywhere_and_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, at: int, *, after: bool
) -> None:
    clock = TurnedClock()
    spool = open_one(path, clock)
    claim = hand_in(spool, path)
    settle = spool.finish if call == "unlink" else spool.reject
    with monkeypatch.context() as broken:
        cut_at(broken, call, at, after=after)
        with pytest.raises(Cut):
            settle(claim)
    # as long as a file of it lies there, its envelope says so
    left = files(path / ".claimed" / "w1")
    assert found_claims(spool) == ([claim] if left else [])
    assert settle(claim) == [claim]
    assert files(path / ".claimed" / "w1") == []
    assert len(files(path / "rejected")) == (0 if call == "unlink" else 3)
    spool.folders.close()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_takeover_may_be_cut_anywhere_and_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool
) -> None:
    clock = TurnedClock()
    dead, spool = open_one(path, clock, worker="w0"), open_one(path, clock)
    claim = hand_in(dead, path)
    with monkeypatch.context() as broken:
        cut_at(broken, "rename", at, after=after)
        with pytest.raises(Cut):
            spool.adopt("w0")
    spool.adopt("w0")
    assert found_claims(spool) == [claim]
    assert len(files(path / ".claimed" / "w1")) == 3
    assert files(path / ".claimed") == ["w1"]
    for one in (dead, spool):
        one.folders.close()


def test_one_drop_that_cannot_be_put_away_does_not_hold_the_others(
    spool: Spool, path: Path
) -> None:
    (path / "in" / "folder.xml").mkdir()
    folder = spool.claim(b"folder.xml")
    assert isinstance(folder, Claim)
    plain = hand_in(spool, path)
    assert spool.finish(folder, plain) == [plain]  # a folder cannot be unlinked
    assert found_claims(spool) == [folder]


def test_refused_drops_are_removed_by_their_claims_and_no_others(spool: Spool, path: Path) -> None:
    old, young = hand_in(spool, path, "a"), hand_in(spool, path, "b")
    spool.reject(old, young)
    (path / "rejected" / "someone's.txt").touch()
    assert remove_rejected(spool, {old.id}) == {old.id}
    assert remove_rejected(spool, {old.id}) == {old.id}
    assert files(path / "rejected") == sorted(
        [f"b.{young.id}.1", f"b.{young.id}.2", f"b.{young.id}.xml", "someone's.txt"]
    )


def test_a_refused_folder_is_removed_at_any_depth_and_no_link_followed(
    spool: Spool, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    deep = path / "in" / "deep.xml"
    deep.mkdir()
    (deep / "link").symlink_to(tmp_path / "outside")
    (deep / "file").touch()
    fd = os.open(deep, os.O_RDONLY)
    for _ in range(1500):  # deeper than the stack, or a process's descriptors, would bear
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    claim = spool.claim(b"deep.xml")
    assert isinstance(claim, Claim)
    assert spool.reject(claim) == [claim]
    assert remove_rejected(spool, {claim.id}) == {claim.id}
    assert files(path / "rejected") == []
    assert (tmp_path / "outside" / "kept").exists()


def test_a_refused_folder_that_becomes_a_link_meanwhile_is_not_followed(
    spool: Spool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path / "in" / "a.xml").mkdir()
    claim = spool.claim(b"a.xml")
    assert isinstance(claim, Claim)
    spool.reject(claim)
    (path / "elsewhere").mkdir()
    (path / "elsewhere" / "kept").touch()
    (folder,) = (path / "rejected").iterdir()
    unlink = os.unlink

    def swapped(name: str, *, dir_fd: int) -> None:
        try:
            unlink(name, dir_fd=dir_fd)
        except IsADirectoryError:
            folder.rmdir()
            folder.symlink_to(path / "elsewhere")
            raise

    monkeypatch.setattr(os, "unlink", swapped)
    assert remove_rejected(spool, {claim.id}) == set()
    assert (path / "elsewhere" / "kept").exists()
