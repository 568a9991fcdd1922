"""Files of a backup get their places, and replace nothing there."""

from pathlib import Path

import pytest

from hub import placing
from hub.errors import CannotCreate, StorageFailed


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
