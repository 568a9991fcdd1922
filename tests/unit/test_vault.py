"""The vault: what was put in comes out, nothing else does, and leftovers are found."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.durable import Disk
from hub.errors import ConfigError, JournalInvalid, NoPermission
from hub.segment import MAGIC
from hub.vault import Damaged, Extent, Vault, belong, load_master_key, new_key, owner
from postfach_mailbox.cipher import CHUNK, blob_length

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


def put(vault: Vault, key: bytes, data: bytes) -> Extent:
    with vault.segment() as segment:
        extent = segment.add(key, b"c", [data], LIMIT)
        segment.sync()
    return extent


def get(vault: Vault, extent: Extent, key: bytes, context: bytes = b"c") -> bytes:
    with vault.read(extent, key, context) as stream:
        return stream.read()


def test_a_document_comes_back_with_its_size_and_digests(vault: Vault) -> None:
    key, data = new_key(), os.urandom(CHUNK + 5)
    with vault.segment() as segment:
        extent = segment.add(key, b"notice 1", [data[:9], data[9:]], LIMIT, sha512=True)
        segment.sync()
    assert get(vault, extent, key, b"notice 1") == data
    assert extent == Extent(
        segment=segment.id,
        offset=len(MAGIC),
        length=blob_length(len(data)),
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        sha512=hashlib.sha512(data).hexdigest(),
    )


def test_a_document_is_a_stream_that_seeks(vault: Vault) -> None:
    key = new_key()
    with vault.read(put(vault, key, b"0123456789"), key, b"c") as stream:
        assert stream.seekable()
        stream.seek(-3, os.SEEK_END)
        assert stream.read() == b"789"


def test_no_clear_text_lies_in_the_vault(vault: Vault) -> None:
    put(vault, new_key(), b"canary " * 20_000)
    assert b"canary" not in b"".join(path.read_bytes() for path in files(vault))


def test_a_vault_makes_its_folder_for_its_own_user_alone(tmp_path: Path) -> None:
    Vault(tmp_path / "var" / "vault", bytes(32), Disk()).close()
    assert (tmp_path / "var" / "vault").stat().st_mode & 0o777 == 0o700
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(tmp_path, b"short", Disk())


@given(key=st.binary(min_size=32, max_size=32), owner=st.binary(max_size=60))
def test_a_wrapped_key_comes_back_for_its_owner_alone(
    tmp_path_factory: pytest.TempPathFactory, key: bytes, owner: bytes
) -> None:
    vault = Vault(tmp_path_factory.getbasetemp(), MASTER, Disk())
    wrapped = vault.wrap(key, owner)
    assert vault.unwrap(wrapped, owner) == key
    assert key not in wrapped
    with pytest.raises(Damaged):
        vault.unwrap(wrapped, owner + b"x")
    vault.close()


@given(place=st.integers(0, 72), bit=st.integers(0, 7), length=st.integers(0, 72))
def test_a_wrapped_key_that_was_touched_is_found(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, length: int
) -> None:
    vault = Vault(tmp_path_factory.getbasetemp(), MASTER, Disk())
    wrapped = vault.wrap(bytes(32), b"n")
    assert len(wrapped) == 73
    touched = bytearray(wrapped)
    touched[place] ^= 1 << bit
    for wrong in (bytes(touched), wrapped[:length], wrapped + b"x"):
        with pytest.raises(Damaged):
            vault.unwrap(wrong, b"n")
    vault.close()


def test_a_key_wrapped_by_another_master_key_names_both(vault: Vault, tmp_path: Path) -> None:
    other = Vault(tmp_path, bytes(32), Disk())
    with pytest.raises(Damaged, match=f"{other.key_id.hex()}.*{vault.key_id.hex()}"):
        vault.unwrap(other.wrap(bytes(32), b"n"), b"n")
    assert (
        vault.key_id.hex() == "123a60b4afae539b"
    )  # stands in front of every wrapped key in the field
    other.close()


def test_another_key_or_context_opens_nothing(vault: Vault) -> None:
    key = new_key()
    extent = put(vault, key, b"text")
    with pytest.raises(Damaged):
        vault.read(extent, key, b"other")
    with pytest.raises(Damaged):
        vault.read(extent, new_key(), b"c")


def test_reading_leaves_no_descriptor_open(vault: Vault) -> None:
    key = new_key()
    extent = put(vault, key, b"text")
    before = len(list(Path("/proc/self/fd").iterdir()))
    get(vault, extent, key)
    with pytest.raises(Damaged):
        vault.read(extent, key, b"other")
    with pytest.raises(Damaged):
        vault.open("0" * 32)
    with vault.segment() as segment:
        segment.add(key, b"c", [b"text"], LIMIT)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_child_gets_a_descriptor_that_cannot_write(vault: Vault) -> None:
    extent = put(vault, new_key(), b"text")
    fd = vault.open(extent.segment)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(fd, b"x")
    os.close(fd)


def test_a_segment_that_is_gone_or_another_file_is_damaged(vault: Vault) -> None:
    key = new_key()
    extent = put(vault, key, b"text")
    (path,) = files(vault)
    path.write_bytes(b"something else, long enough to have been a magic")
    with pytest.raises(Damaged, match="does not begin as one"):
        vault.read(extent, key, b"c")
    vault.remove(extent.segment)
    vault.remove(extent.segment)
    with pytest.raises(Damaged, match="is gone"):
        vault.read(extent, key, b"c")


@pytest.mark.parametrize("name", ["", "../x", "A" * 32, "0" * 31, "0" * 33, "/" * 32])
def test_an_id_that_is_none_is_never_used_as_a_path(vault: Vault, name: str) -> None:
    for use in (vault.open, vault.remove):
        with pytest.raises(Damaged, match="no id"):
            use(name)


def test_a_link_in_the_vault_is_not_followed(vault: Vault, tmp_path: Path) -> None:
    extent = put(vault, new_key(), b"text")
    (path,) = files(vault)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged):  # of its notice alone
        vault.open(extent.segment)


def test_all_segments_are_found_but_those_being_written(vault: Vault) -> None:
    put_ids = {put(vault, new_key(), b"text").segment for _ in range(5)}
    (vault.path / "0" / "stray.txt").write_bytes(b"")
    with vault.segment() as segment:
        segment.add(new_key(), b"c", [b"text"], LIMIT)
        assert set(vault.segments()) == put_ids
        segment.sync()
        assert set(vault.segments()) == put_ids  # its commit is still to come
    assert set(vault.segments()) == put_ids | {segment.id}


def test_an_empty_vault_has_no_segments(vault: Vault) -> None:
    assert list(vault.segments()) == []


WRITER = """
import sys
from pathlib import Path
from hub.durable import Disk
from hub.vault import Vault, new_key
vault = Vault(Path(sys.argv[1]), bytes(32), Disk())
with vault.segment() as segment:
    segment.add(bytes(32), b"c", [b"text"], 100)
    print(segment.id, flush=True)
    sys.stdin.read()
"""


def test_the_segment_of_a_killed_process_is_found_once_it_is_dead(vault: Vault) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(vault.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout
        segment_id = writer.stdout.readline().strip()
        assert list(vault.segments()) == []
        writer.send_signal(signal.SIGKILL)
    assert list(vault.segments()) == [segment_id]
    vault.remove(segment_id)
    assert files(vault) == []


def test_what_is_left_of_one_who_died_while_making_a_segment_is_removed(vault: Vault) -> None:
    extent = put(vault, new_key(), b"text")
    (vault.path / "0" / f"{'0' * 32}.seg.new").write_bytes(MAGIC)
    assert list(vault.segments()) == [extent.segment]
    assert len(files(vault)) == 1


def write_key(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_master_key_is_read(tmp_path: Path) -> None:
    assert load_master_key(write_key(tmp_path / "master.key", MASTER)) == MASTER
    assert load_master_key(write_key(tmp_path / "readonly.key", MASTER, 0o400)) == MASTER


@pytest.mark.parametrize("data", [b"", MASTER[:31], MASTER + b"\n"])
def test_a_master_key_of_another_length_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ConfigError, match="must be 32 bytes long"):
        load_master_key(write_key(tmp_path / "master.key", data))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_master_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(NoPermission, match=r"Run: chmod 600 .*master\.key"):
        load_master_key(write_key(tmp_path / "master.key", MASTER, mode))


def test_a_master_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_master_key(tmp_path / "master.key")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_master_key(tmp_path)


def test_a_vault_belongs_to_the_first_journal_that_comes(vault: Vault, disk: Disk) -> None:
    assert owner(vault.path) is None
    belong(vault.path, "one", disk)
    belong(vault.path, "one", disk)
    with pytest.raises(JournalInvalid, match="another database"):
        belong(vault.path, "two", disk)
    assert owner(vault.path) == "one"
    assert list(vault.segments()) == []


def test_a_vault_whose_mark_a_crash_left_empty_is_marked_again(vault: Vault, disk: Disk) -> None:
    (vault.path / ".journal").touch()
    belong(vault.path, "one", disk)
    assert owner(vault.path) == "one"
