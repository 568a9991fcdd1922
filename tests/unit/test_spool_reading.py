import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.errors import NoticeRefused, RefusalClass, StorageFailed
from hub.spool import Claim, Spool, reading
from tests.unit.spools import TurnedClock, make_folders, open_one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_folders(tmp_path)


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    opened = open_one(path, TurnedClock())
    yield opened
    opened.folders.close()


def read(spool: Spool, limit: int = 1000) -> bytes:
    claim = spool.claim(b"a.xml")
    assert isinstance(claim, Claim)
    return spool.read_envelope(claim, limit)


def as_link(file: Path) -> None:
    (file.parent / "target").write_bytes(b"<x/>")
    file.symlink_to("target")


def as_second_name(file: Path) -> None:
    (file.parent / "target").write_bytes(b"<x/>")
    file.hardlink_to(file.parent / "target")


def as_socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(file))


def as_set_uid(file: Path) -> None:
    file.write_bytes(b"<x/>")
    file.chmod(0o4755)


def as_set_gid(file: Path) -> None:
    file.write_bytes(b"<x/>")
    file.chmod(0o2755)


def as_unreadable(file: Path) -> None:
    file.write_bytes(b"<x/>")
    file.chmod(0)


def as_foreign(file: Path) -> None:
    file.write_bytes(b"<x/>")
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(file, 65534, 65534)


UNSAFE: list[Callable[[Path], None]] = [
    as_link,
    as_second_name,
    os.mkfifo,
    as_socket,
    Path.mkdir,
    as_set_uid,
    as_set_gid,
    as_unreadable,
    as_foreign,
]


@pytest.mark.parametrize("make", UNSAFE, ids=lambda make: make.__name__)
def test_what_is_no_plain_file_of_the_procedure_is_refused_unopened(
    spool: Spool, path: Path, make: Callable[[Path], None]
) -> None:
    make(path / "in" / "a.xml")
    with pytest.raises(NoticeRefused) as caught:
        read(spool)
    assert caught.value.refusal is RefusalClass.SPOOL_FILE_REJECTED
    assert caught.value.code == "9052"


@pytest.mark.parametrize("make", UNSAFE, ids=lambda make: make.__name__)
def test_a_document_is_held_to_the_same(
    spool: Spool, path: Path, make: Callable[[Path], None]
) -> None:
    (path / "in" / "a.xml").touch()
    claim = spool.claim(b"a.xml")
    assert isinstance(claim, Claim)
    make(path / "in" / "a.pdf")
    assert spool.claim_document(claim, 1, "a.pdf")
    where = "/Notice/Document[1]"
    with (
        pytest.raises(NoticeRefused) as caught,
        spool.open_document(claim, 1, 1000, path=where) as pieces,
    ):
        b"".join(pieces)
    assert caught.value.refusal is RefusalClass.SPOOL_FILE_REJECTED
    assert caught.value.path == where


def test_an_envelope_is_read_whole(spool: Spool, path: Path) -> None:
    data = bytes(range(256)) * 4000
    (path / "in" / "a.xml").write_bytes(data)
    assert read(spool, len(data)) == data


def test_an_empty_envelope_is_read_as_nothing(spool: Spool, path: Path) -> None:
    (path / "in" / "a.xml").touch()
    assert read(spool, 0) == b""


def test_one_byte_too_many_is_refused(spool: Spool, path: Path) -> None:
    (path / "in" / "a.xml").write_bytes(b"x" * 1001)
    with pytest.raises(NoticeRefused) as caught:
        read(spool, 1000)
    assert caught.value.refusal is RefusalClass.LIMIT_EXCEEDED
    assert caught.value.code == "9023"


def test_a_sparse_giant_is_refused_without_being_read(spool: Spool, path: Path) -> None:
    with (path / "in" / "a.xml").open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(NoticeRefused) as caught:
        read(spool)
    assert caught.value.refusal is RefusalClass.LIMIT_EXCEEDED


def test_only_the_owner_that_the_configuration_names_may_hand_in(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    spool = open_one(path, TurnedClock(), owner="nobody")
    (path / "in" / "a.xml").write_bytes(b"<x/>")
    with pytest.raises(NoticeRefused):
        read(spool)
    (path / "in" / "a.xml").write_bytes(b"<y/>")
    os.chown(path / "in" / "a.xml", 65534, 65534)
    assert read(spool) == b"<y/>"
    spool.folders.close()


def grow(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"more")


def cut(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(300_000)


def rewrite(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.write(b"other")
    os.utime(file, ns=(0, 0))


def link(file: Path) -> None:
    (file.parent / "second").hardlink_to(file)


@pytest.mark.parametrize("change", [grow, cut, rewrite, link], ids=lambda one: one.__name__)
def test_a_document_that_changes_while_it_is_read_is_refused(
    spool: Spool, path: Path, change: Callable[[Path], None]
) -> None:
    (path / "in" / "a.xml").touch()
    claim = spool.claim(b"a.xml")
    assert isinstance(claim, Claim)
    (path / "in" / "a.pdf").write_bytes(b"x" * 600_000)
    assert spool.claim_document(claim, 1, "a.pdf")
    with spool.open_document(claim, 1, 1 << 20) as pieces:
        next(pieces)
        change(path / ".claimed" / "w1" / claim.document(1))
        with pytest.raises(NoticeRefused) as caught:
            for _ in pieces:
                pass
    assert caught.value.refusal is RefusalClass.SPOOL_FILE_REJECTED


def test_a_document_that_was_not_claimed_is_not_there(spool: Spool) -> None:
    claim = Claim(id="0" * 22, tries=0, stem="a")
    with pytest.raises(FileNotFoundError), spool.open_document(claim, 1, 10):
        pass


def test_an_envelope_that_someone_removed_is_an_error_of_the_storage(spool: Spool) -> None:
    with pytest.raises(StorageFailed):
        spool.read_envelope(Claim(id="0" * 22, tries=0, stem="a"), 10)


def test_reading_leaves_no_descriptor_open(spool: Spool, path: Path) -> None:
    (path / "in" / "a.xml").write_bytes(b"x" * 600_000)
    claim = spool.claim(b"a.xml")
    assert isinstance(claim, Claim)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(NoticeRefused):
        spool.read_envelope(claim, 5)
    spool.read_envelope(claim, 1 << 20)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_grows_while_it_is_read_ends_at_the_limit(
    spool: Spool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, taken, read_some = path / "in" / "a.xml", list[int](), os.read
    file.write_bytes(b"x" * 10)
    claimed = path / ".claimed" / "w1"

    def growing(fd: int, most: int) -> bytes:
        assert len(taken) < 20, "read on and on"
        (own,) = claimed.iterdir()
        with own.open("ab") as more:
            more.write(b"x" * 100)
        data = read_some(fd, most)
        taken.append(len(data))
        return data

    monkeypatch.setattr(os, "read", growing)
    with pytest.raises(NoticeRefused) as refused:
        read(spool, 1000)
    assert refused.value.refusal is RefusalClass.LIMIT_EXCEEDED
    assert sum(taken) == 1001


def test_a_file_put_in_the_place_of_the_one_that_was_looked_at_is_not_read(
    spool: Spool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path / "in" / "a.xml").write_bytes(b"<x/>")
    (path / "in" / "other").write_bytes(b"<y/>")
    opened = reading._open

    def swapped(dir_fd: int, name: str, where: str | None) -> int:
        os.rename(path / "in" / "other", name, dst_dir_fd=dir_fd)
        return opened(dir_fd, name, where)

    monkeypatch.setattr(reading, "_open", swapped)
    with pytest.raises(NoticeRefused, match="changed while"):
        read(spool)
