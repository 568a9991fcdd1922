"""Segments: documents in one file, one barrier for all, and one that fails harms no other."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.durable import Disk
from hub.errors import HubError, StorageFailed
from hub.segment import MAGIC, sync_together
from hub.vault import Extent, TooLong, Vault, new_key
from postfach_mailbox.cipher import CHUNK
from tests.full_disk import file_size_limit

MASTER = bytes(range(32))
LIMIT = 10 * CHUNK


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def vault(tmp_path: Path, disk: Disk) -> Iterator[Vault]:
    (tmp_path / "vault").mkdir()
    opened = Vault(tmp_path / "vault", MASTER, disk)
    yield opened
    opened.close()


def files(vault: Vault) -> list[Path]:
    return [path for path in vault.path.rglob("*") if path.is_file()]


def get(vault: Vault, extent: Extent, key: bytes) -> bytes:
    with vault.read(extent, key, b"c") as stream:
        return stream.read()


def test_the_second_digest_is_made_only_when_asked_for(vault: Vault) -> None:
    with vault.segment() as segment:
        assert segment.add(new_key(), b"c", [b"text"], LIMIT).sha512 is None


DOCUMENTS = st.lists(
    st.tuples(st.integers(0, 3 * CHUNK), st.sampled_from(["good", "too long", "source fails"])),
    min_size=1,
    max_size=8,
)


class SourceFailed(Exception):
    """What a source raises, to see that it is passed on."""


def source(size: int, fate: str) -> Iterator[bytes]:
    yield bytes([size % 251]) * size
    if fate == "too long":
        yield bytes(LIMIT + 1)
    if fate == "source fails":
        yield bytes(CHUNK + 1)
        raise SourceFailed


@pytest.mark.slow
@settings(max_examples=50)
@given(documents=DOCUMENTS)
def test_a_document_that_fails_leaves_those_before_and_after_it_whole(
    tmp_path_factory: pytest.TempPathFactory, documents: list[tuple[int, str]]
) -> None:
    vault = Vault(tmp_path_factory.mktemp("vault"), MASTER, Disk())
    kept: list[tuple[Extent, bytes, bytes]] = []
    with vault.segment() as segment:
        for size, fate in documents:
            key = new_key()
            try:
                extent = segment.add(key, b"c", source(size, fate), LIMIT)
            except (TooLong, SourceFailed):
                assert fate != "good"
            else:
                kept.append((extent, key, b"".join(source(size, fate))))
        segment.sync()
    for extent, key, plain in kept:
        assert get(vault, extent, key) == plain
    wanted = len(MAGIC) + sum(extent.length for extent, _, _ in kept)
    assert [path.stat().st_size for path in files(vault)] == [wanted]
    vault.close()


@pytest.mark.parametrize("size", [0, 1, CHUNK])
def test_a_document_just_as_long_as_allowed_is_taken(vault: Vault, size: int) -> None:
    with vault.segment() as segment:
        assert segment.add(new_key(), b"c", [bytes(size)], size).size == size
        with pytest.raises(TooLong, match=f"more than {size} bytes"):
            segment.add(new_key(), b"c", [bytes(size), b"x"], size)


def test_a_batch_costs_one_barrier(vault: Vault, disk: Disk) -> None:
    if not disk.name(vault.path).startswith("syncfs"):
        pytest.skip("no syncfs on this file system")
    for _ in range(2):  # the first one makes the folders too
        before = disk.barriers.total
        with vault.segment() as segment:
            for _ in range(50):
                segment.add(new_key(), b"c", [b"text"], LIMIT)
            segment.sync()
        assert disk.barriers.total - before == 1


def test_without_syncfs_file_and_folders_are_synced(tmp_path: Path) -> None:
    disk = Disk(use_syncfs=False)
    vault = Vault(tmp_path, MASTER, disk)
    with vault.segment() as segment:
        segment.add(new_key(), b"c", [b"text"], LIMIT)
        segment.sync()
    assert disk.barriers.fsync == 3
    vault.close()


def test_a_batch_without_documents_makes_no_file_and_no_barrier(vault: Vault, disk: Disk) -> None:
    with vault.segment() as segment:
        segment.sync()
    assert files(vault) == []
    assert disk.barriers.total == 0


def test_files_and_folders_are_the_hubs_alone(vault: Vault) -> None:
    before = os.umask(0)
    with vault.segment() as segment:
        segment.add(new_key(), b"c", [b"text"], LIMIT)
        segment.sync()
    os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in files(vault)}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in vault.path.iterdir()} == {0o700}


def test_a_segment_left_before_its_sync_is_thrown_away(vault: Vault) -> None:
    with vault.segment() as segment:
        segment.add(new_key(), b"c", [b"text"], LIMIT)
    assert files(vault) == []


def test_a_segment_left_by_an_error_after_its_sync_stays(vault: Vault) -> None:
    """The commit may have happened before the error did."""
    segment = vault.segment()
    with suppress(SourceFailed), segment:
        segment.add(new_key(), b"c", [b"text"], LIMIT)
        segment.sync()
        raise SourceFailed
    assert list(vault.segments()) == [segment.id]


def test_a_segment_may_be_thrown_away_after_its_sync_too(vault: Vault) -> None:
    with vault.segment() as segment:
        segment.add(new_key(), b"c", [b"text"], LIMIT)
        segment.sync()
        segment.discard()
        segment.discard()
    assert files(vault) == []


def test_a_segment_is_synced_once_and_then_takes_no_more(vault: Vault) -> None:
    with vault.segment() as segment:
        segment.sync()
        with pytest.raises(ValueError, match="takes no more"):
            segment.add(new_key(), b"c", [b"text"], LIMIT)
        with pytest.raises(ValueError, match="synced once"):
            segment.sync()


class FailingDisk(Disk):
    """A disk whose barriers fail: no real one does so on demand."""

    def sync(self, files: object, folders: object = ()) -> None:
        raise StorageFailed("fsync failed", where="storage", fix="-")


def test_a_sync_that_failed_is_not_tried_again_and_leaves_nothing(tmp_path: Path) -> None:
    vault = Vault(tmp_path, MASTER, FailingDisk())
    with vault.segment() as segment:
        segment.add(new_key(), b"c", [b"text"], LIMIT)
        with pytest.raises(StorageFailed):
            segment.sync()
        with pytest.raises(ValueError, match="synced once"):
            segment.sync()
    assert files(vault) == []
    vault.close()


def test_a_disk_that_is_full_costs_only_the_document_that_met_it(vault: Vault) -> None:
    key = new_key()
    with vault.segment() as segment:
        first = segment.add(key, b"c", [b"first"], LIMIT)
        with file_size_limit(CHUNK), pytest.raises(StorageFailed, match="EFBIG"):
            segment.add(key, b"c", [bytes(3 * CHUNK)], LIMIT)
        second = segment.add(key, b"c", [b"second"], LIMIT)
        segment.sync()
    assert (get(vault, first, key), get(vault, second, key)) == (b"first", b"second")
    assert second.offset == first.offset + first.length


def test_a_vault_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    vault = Vault(tmp_path, MASTER, Disk())
    segment = vault.segment()
    (tmp_path / segment.id[:1]).write_bytes(b"no folder")
    with pytest.raises(HubError):
        segment.add(new_key(), b"c", [b"text"], LIMIT)
    segment.discard()
    vault.close()


def test_segments_that_share_a_barrier_stay_both_and_one_left_open_is_closed_later(
    vault: Vault, disk: Disk
) -> None:
    key = new_key()
    segments = [vault.segment() for _ in range(3)]
    extents = [one.add(key, b"c", [b"text"], LIMIT) for one in segments[:2]]
    before = disk.barriers.total
    sync_together(disk, segments)  # the third is empty
    assert disk.barriers.total - before <= 3  # one file system, or two files and their folders
    for one in segments:
        one.close()
    assert [get(vault, extent, key) for extent in extents] == [b"text", b"text"]
    assert sorted(vault.segments()) == sorted(one.segment for one in extents)


def test_a_segment_that_is_closed_before_its_barrier_is_thrown_away(vault: Vault) -> None:
    segment = vault.segment()
    segment.add(new_key(), b"c", [b"text"], LIMIT)
    segment.close()
    assert files(vault) == []
