"""Files that survive a power cut: the calls are made, nothing is replaced, failures are told."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import durable
from hub.durable import Barriers, Disk, move, open_folder, rename_new, write_all, write_new
from hub.errors import CannotCreate, NoPermission, NotAvailable, StorageFailed
from tests.full_disk import file_size_limit

Move = Callable[[int, str, int, str], None]
both_ways = pytest.mark.parametrize("way", [move, durable._move_by_link])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = open_folder(tmp_path)
    yield fd
    os.close(fd)


def on_syncfs(path: Path) -> bool:
    return Disk().name(path).startswith("syncfs")


def test_one_barrier_serves_all_files_of_a_file_system(tmp_path: Path, folder: int) -> None:
    if not on_syncfs(tmp_path):
        pytest.skip("no syncfs on this file system")
    disk = Disk()
    files = [write_new(folder, f"f{n}", b"x") for n in range(50)]
    disk.sync(files, [folder])
    assert (disk.barriers.syncfs, disk.barriers.fsync) == (1, 0)
    for fd in files:
        os.close(fd)


def test_without_syncfs_each_file_and_folder_has_its_barrier(folder: int) -> None:
    disk = Disk(use_syncfs=False)
    files = [write_new(folder, f"f{n}", b"x") for n in range(3)]
    disk.sync(files, [folder])
    assert (disk.barriers.syncfs, disk.barriers.fsync) == (0, 4)
    for fd in files:
        os.close(fd)


def test_each_file_system_gets_the_barrier_it_needs(tmp_path: Path, folder: int) -> None:
    memory = Path("/dev/shm")  # noqa: S108 - a file system of the kernel's, only opened
    if not on_syncfs(tmp_path) or not memory.is_dir():
        pytest.skip("no two file systems of different kind")
    disk = Disk()
    other = open_folder(memory)
    disk.sync([], [folder, other, folder])
    os.close(other)
    assert (disk.barriers.syncfs, disk.barriers.fsync) == (1, 1)
    assert disk.name(memory) == "fsync per file"


def test_a_folder_after_a_rename_is_always_synced_by_itself(folder: int) -> None:
    counter = Barriers()
    Disk(counter).sync_folder(folder)
    assert (counter.syncfs, counter.fsync, counter.total) == (0, 1, 1)


def test_nothing_to_sync_costs_nothing() -> None:
    disk = Disk()
    disk.sync([])
    assert disk.barriers.total == 0


def test_the_barrier_in_use_has_a_name_to_show(tmp_path: Path) -> None:
    assert Disk(use_syncfs=False).name(tmp_path) == "fsync per file"
    assert Disk().name(tmp_path) in {
        "syncfs (ext4)",
        "syncfs (xfs)",
        "syncfs (btrfs)",
        "fsync per file",
    }


def test_a_sync_that_fails_is_told_and_not_repeated() -> None:
    read_end, write_end = os.pipe()  # the kernel cannot sync a pipe
    disk = Disk()
    with pytest.raises(StorageFailed, match="fsync failed"):
        disk.sync([write_end])
    assert disk.barriers.fsync == 1
    os.close(read_end)
    os.close(write_end)


def test_a_syncfs_that_fails_is_told() -> None:
    """No file system here fails on demand: the kernel is asked to sync what is not open."""
    with pytest.raises(StorageFailed, match=r"syncfs failed \(EBADF\)"):
        Disk()._syncfs(-1)


@given(data=st.binary(max_size=5_000))
def test_what_is_written_is_there(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("new")
    folder = open_folder(path)
    os.close(write_new(folder, "name", data))
    os.close(folder)
    assert (path / "name").read_bytes() == data


def test_short_writes_are_continued() -> None:
    """A pipe that does not block takes what fits and says so without an error."""
    read_end, write_end = os.pipe()
    data, read = os.urandom(300_000), bytearray()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        write_all(write_end, data)
        os._exit(0)
    os.close(write_end)
    while piece := os.read(read_end, 7_001):
        read += piece
    os.close(read_end)
    assert os.waitpid(child, 0)[1] == 0
    assert bytes(read) == data


def test_a_file_system_that_is_full_in_mid_write_is_told(tmp_path: Path, folder: int) -> None:
    fd = write_new(folder, "name", b"")
    with file_size_limit(1_000), pytest.raises(StorageFailed, match=r"write failed \(EFBIG\)"):
        write_all(fd, b"x" * 1_001)
    os.close(fd)
    assert (tmp_path / "name").stat().st_size == 1_000  # a short write came first, without error


def test_a_device_without_room_is_told() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(StorageFailed, match=r"write failed \(ENOSPC\)"):
        write_all(fd, b"x")
    os.close(fd)


def test_a_new_file_that_could_not_be_written_is_not_left(tmp_path: Path, folder: int) -> None:
    with file_size_limit(10), pytest.raises(StorageFailed):
        write_new(folder, "name", b"x" * 11)
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_is_its_owners_alone_unless_told(tmp_path: Path, folder: int) -> None:
    before = os.umask(0o077)
    os.close(write_new(folder, "own", b""))
    os.close(write_new(folder, "group", b"", mode=0o660))
    os.umask(before)
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "group").stat().st_mode) == 0o660


@pytest.mark.parametrize("kind", ["file", "folder", "link", "broken link", "FIFO"])
def test_a_name_that_is_taken_is_not_written_over(tmp_path: Path, folder: int, kind: str) -> None:
    place(tmp_path, "name", kind)
    with pytest.raises(FileExistsError):
        write_new(folder, "name", b"new")
    assert list((tmp_path / "target").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_cannot_be_made_is_told_with_its_folder(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    fd = open_folder(gone)
    gone.rmdir()
    with pytest.raises(CannotCreate, match=r"gone.*ENOENT"):
        write_new(fd, "name", b"")
    os.close(fd)


def place(path: Path, name: str, kind: str) -> None:
    """Make something of the given kind, and a folder `target` that a link may point to."""
    (path / "target").mkdir(exist_ok=True)
    match kind:
        case "file":
            (path / name).write_bytes(b"old")
        case "folder":
            (path / name).mkdir()
        case "link":
            (path / name).symlink_to("target")
        case "broken link":
            (path / name).symlink_to("nowhere")
        case _:
            os.mkfifo(path / name)


@both_ways
@pytest.mark.parametrize("kind", ["file", "folder", "link", "broken link", "FIFO"])
def test_anything_moves_from_folder_to_folder_as_it_is(
    tmp_path: Path, folder: int, way: Move, kind: str
) -> None:
    place(tmp_path, "old", kind)
    before = (tmp_path / "old").lstat()
    (tmp_path / "other").mkdir()
    other = open_folder(tmp_path / "other")
    way(folder, "old", other, "new")
    os.close(other)
    after = (tmp_path / "other" / "new").lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert not os.path.lexists(tmp_path / "old")


@both_ways
@pytest.mark.parametrize("taken", ["file", "folder", "link", "broken link", "FIFO"])
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_move_never_replaces(
    tmp_path: Path, folder: int, way: Move, kind: str, taken: str
) -> None:
    place(tmp_path, "old", kind)
    place(tmp_path, "new", taken)
    before = (tmp_path / "old").lstat(), (tmp_path / "new").lstat()
    with pytest.raises(FileExistsError):
        way(folder, "old", folder, "new")
    after = (tmp_path / "old").lstat(), (tmp_path / "new").lstat()
    assert [s.st_ino for s in before] == [s.st_ino for s in after]


def test_where_nothing_can_be_linked_a_move_replaces_nothing_either(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without hard links is not at hand: `link` answers as it would there."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    place(tmp_path, "old", "file")
    place(tmp_path, "new", "file")
    with pytest.raises(FileExistsError):
        durable._move_by_link(folder, "old", folder, "new")
    durable._move_by_link(folder, "old", folder, "free")
    assert {path.name for path in tmp_path.iterdir()} == {"new", "free", "target"}


@both_ways
def test_what_is_gone_cannot_be_moved(folder: int, way: Move) -> None:
    with pytest.raises(FileNotFoundError):
        way(folder, "old", folder, "new")


def test_a_rename_within_a_folder_is_a_move(tmp_path: Path, folder: int) -> None:
    os.close(write_new(folder, "name.part", b"x"))
    rename_new(folder, "name.part", "name")
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_a_name_with_a_null_byte_is_refused_and_not_cut_there(tmp_path: Path, folder: int) -> None:
    os.close(write_new(folder, "name", b"x"))
    with pytest.raises(ValueError, match="null"):
        rename_new(folder, "name", "other\0name")
    assert (tmp_path / "name").exists()


def test_a_folder_opens_as_a_descriptor_that_no_program_inherits(folder: int) -> None:
    assert stat.S_ISDIR(os.fstat(folder).st_mode)
    assert not os.get_inheritable(folder)


@pytest.mark.parametrize("kind", ["file", "link", "broken link", "FIFO", "nothing"])
def test_what_is_no_folder_is_not_opened_as_one(tmp_path: Path, kind: str) -> None:
    if kind != "nothing":
        place(tmp_path, "name", kind)
    with pytest.raises(NotAvailable, match="no such folder"):
        open_folder(tmp_path / "name")


def test_a_folder_within_a_folder_opens_by_its_name(tmp_path: Path, folder: int) -> None:
    (tmp_path / "inner").mkdir()
    fd = open_folder("inner", dir_fd=folder)
    assert os.fstat(fd).st_ino == (tmp_path / "inner").stat().st_ino
    os.close(fd)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_folder_without_rights_is_told(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    with pytest.raises(NoPermission, match="may not be opened"):
        open_folder(tmp_path / "shut")
