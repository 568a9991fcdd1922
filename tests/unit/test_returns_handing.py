"""Replies are whole, durable and complete before anyone sees them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hub import durable
from hub.journal import Journal
from hub.returns.handing import Handing
from hub.spool import Spool
from hub.vault import Vault
from tests.unit.barriers import Watched, path_of
from tests.unit.replies import DATA, store
from tests.unit.spools import TurnedClock, make_folders, open_new_journal, open_one

KEY = ("rostock", "bauamt")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_one(make_folders(tmp_path), TurnedClock())
    yield opened
    opened.folders.close()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    opened = Vault(tmp_path / "vault", bytes(32), Watched())
    yield opened
    opened.close()


@pytest.fixture
def journal(tmp_path: Path, vault: Vault) -> Iterator[Journal]:
    """Give a journal in which a reply waits."""
    opened = open_new_journal(tmp_path, TurnedClock())
    store(opened, vault, "1")
    yield opened
    opened.close()


def handing(journal: Journal, vault: Vault, spool: Spool, disk: Watched) -> Handing:
    return Handing(journal, vault, {KEY: spool}, disk, TurnedClock())


def test_files_are_durable_before_they_have_their_names_and_the_folder_after(
    journal: Journal, vault: Vault, spool: Spool
) -> None:
    disk, out = Watched(), spool.folders.path / "out"
    assert handing(journal, vault, spool, disk).write() == ["rostock/bauamt/out/a.02.reply.xml"]
    *written, folder = disk.synced
    assert folder == out
    assert [path.parent for path in written] == [out, out]
    assert all(path.name.startswith(".") for path in written)
    assert {path.name for path in out.iterdir()} - {".postfach"} == {
        "a.02.document-00",
        "a.02.reply.xml",
    }


def test_the_reply_gets_its_name_after_its_documents(
    journal: Journal, vault: Vault, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, named = durable._renameat2, list[str]()

    def watched(src_fd: int, old: str, dst_fd: int, new: str) -> None:
        named.append(new)
        rename(src_fd, old, dst_fd, new)

    monkeypatch.setattr(durable, "_renameat2", watched)
    handing(journal, vault, spool, Watched()).write()
    assert named == ["a.02.document-00", "a.02.reply.xml"]


def test_what_a_crash_left_is_made_durable_and_other_bytes_are_not_taken_for_it(
    journal: Journal, vault: Vault, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, synced, fsync = spool.folders.path / "out", list[Path](), os.fsync

    def watched(fd: int) -> None:
        synced.append(path_of(fd))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watched)
    (out / "a.02.document-00").write_bytes(DATA)
    (out / "a.02.reply.xml").write_bytes(DATA[::-1])
    assert handing(journal, vault, spool, Watched()).write() == []
    assert synced == [out / "a.02.document-00"]
    assert (out / "a.02.reply.xml").read_bytes() == DATA[::-1]
    (out / "a.02.reply.xml").unlink()
    assert len(handing(journal, vault, spool, Watched()).write()) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stem", "char(0) || 'a'"),
        ("stem", "'a' || char(0) || 'b'"),
        ("suffix", "'document-00/../x'"),
        ("returned", "77"),
        ("n", "3"),
        ("stem", "NULL"),
        ("nn", "'many'"),
        ("nn", "NULL"),
        ("suffix", "'../in/a.xml'"),
        ("bytes", "5"),
        ("sha256", "'x'"),
    ],
)
def test_a_damaged_reply_is_passed_over(
    journal: Journal, vault: Vault, spool: Spool, column: str, value: str
) -> None:
    with closing(sqlite3.connect(journal.path)) as database:  # which keeps no foreign keys
        database.execute(f"UPDATE returned_file SET {column} = {value} WHERE n = 1")  # noqa: S608  # ours
        database.commit()
    store(journal, vault, "2", "b")
    assert handing(journal, vault, spool, Watched()).write() == [
        "rostock/bauamt/out/b.02.reply.xml"
    ]
    assert list(spool.folders.path.glob("out/a*")) == []


def test_many_that_cannot_be_written_keep_no_other_waiting(
    journal: Journal, vault: Vault, spool: Spool
) -> None:
    for number in range(2, 40):
        store(journal, vault, str(number), f"a{number}")
        (spool.folders.path / "out" / f"a{number}.02.reply.xml").write_bytes(b"other bytes")
    store(journal, vault, "99", "last")
    works, written = handing(journal, vault, spool, Watched()), list[str]()
    for again in range(3):
        written += works.write()
        assert works.more == (again < 2)
    assert written == [f"rostock/bauamt/out/{stem}.02.reply.xml" for stem in ("a", "last")]
