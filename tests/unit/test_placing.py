"""Files of a backup get their places, and replace nothing there."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import manifest, placing
from hub.durable import rename_new
from hub.errors import CannotCreate, StorageFailed
from hub.manifest import File, Manifest
from tests.unit.barriers import path_of

SEGMENTS = ("a" * 32, "b" * 32)


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what is synced and named, in that order; what is random of a name is left out."""
    done: list[str] = []
    fsync = os.fsync

    def sync(fd: int) -> None:
        path = path_of(fd)
        aside = ".restoring" if path.suffix == ".restoring" else ""
        done.append(f"sync {path.name.lstrip('.').split('.')[0]}{aside}")
        fsync(fd)

    def rename(folder: int, old: str, new: str) -> None:
        rename_new(folder, old, new)
        done.append(f"name {new.lstrip('.').split('.')[0]}")

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(placing, "rename_new", rename)
    return done


def backup_in(folder: Path) -> Manifest:
    """Make a backup of two segments, as far as its placing asks."""
    files = []
    for segment in SEGMENTS:
        name = f"{manifest.VAULT}/{manifest.segment_path(segment)}"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(segment.encode())
        digest = hashlib.sha256(segment.encode()).hexdigest()
        files.append(File(path=name, size=len(segment), sha256=digest))
    return Manifest(
        format=manifest.FORMAT,
        made_at=datetime(2026, 2, 3, tzinfo=UTC),
        hub="hub.example",
        log_id="1",
        head="",
        schema="1",
        files=tuple(files),
        erased=0,
        missing=(),
    )


def put_segments(tmp_path: Path) -> Path:
    kept, vault = tmp_path / "kept", tmp_path / "var" / "vault"
    made = backup_in(kept)
    placing.put_segments(kept, made, vault, lambda _what, _done, _whole: None)
    return vault


def test_a_segment_is_durable_before_it_has_its_name_and_its_folders_after(
    tmp_path: Path, order: list[str]
) -> None:
    vault = put_segments(tmp_path)
    for segment in SEGMENTS:
        assert (vault / manifest.segment_path(segment)).read_bytes() == segment.encode()
    one, other = SEGMENTS
    assert order == [
        f"sync {one}.restoring",
        f"name {one}",
        f"sync {other}.restoring",
        f"name {other}",
        *("sync a", "sync b", "sync vault", "sync var"),
    ]


def test_a_segment_that_lies_there_already_is_made_durable_too(
    tmp_path: Path, order: list[str]
) -> None:
    one = SEGMENTS[0]
    place = tmp_path / "var" / "vault" / manifest.segment_path(one)
    place.parent.mkdir(parents=True)
    place.write_bytes(one.encode())
    put_segments(tmp_path)
    assert order[:2] == [f"sync {one}.restoring", f"sync {one}"]


def test_a_database_is_durable_before_it_has_its_name_and_with_it(
    tmp_path: Path, order: list[str]
) -> None:
    source, place = tmp_path / "kept.db", tmp_path / "var" / "hub.db"
    source.write_bytes(b"kept")
    with placing.beside(source, place) as copy:
        order.clear()
        copy.write_bytes(b"marked")  # as a restore does
        placing.put(copy, place)
    assert order == ["sync hub.restoring", "name hub", "sync var"]


def test_a_database_that_a_hub_made_meanwhile_stays(tmp_path: Path) -> None:
    source, place = tmp_path / "kept.db", tmp_path / "var" / "hub.db"
    source.write_bytes(b"kept")
    with placing.beside(source, place) as copy:
        place.write_bytes(b"a hub's")
        with pytest.raises(CannotCreate, match="made meanwhile"):
            placing.put(copy, place)
    assert place.read_bytes() == b"a hub's"
    assert [path.name for path in place.parent.iterdir()] == ["hub.db"]


def test_what_is_put_is_for_the_hub_alone_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    source, place = tmp_path / "kept.db", tmp_path / "var" / "hub.db"
    source.write_bytes(b"kept")
    with placing.beside(source, place) as copy:
        assert copy.parent == place.parent  # one file system, so that a rename is enough
        placing.put(copy, place)
    assert place.read_bytes() == b"kept"
    assert place.stat().st_mode & 0o077 == 0
    assert [path.name for path in place.parent.iterdir()] == ["hub.db"]


def test_a_disk_that_fails_leaves_no_half_database(tmp_path: Path) -> None:
    source, place = tmp_path / "kept.db", tmp_path / "var" / "hub.db"
    source.write_bytes(b"kept")
    with pytest.raises(StorageFailed), placing.beside(source, place):
        raise OSError(5, "Input/output error")
    assert list(place.parent.iterdir()) == []
