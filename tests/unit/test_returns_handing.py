"""Replies are whole, durable and complete before anyone sees them."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import durable
from hub.journal import Journal, returning
from hub.journal.returning import NewFile, NewItem
from hub.returns.handing import Handing
from hub.returns.storing import XML, owner
from hub.spool import Spool
from hub.vault import Vault, new_key
from postfach_mailbox.cipher import seal
from tests.unit.barriers import Watched, path_of
from tests.unit.spools import START, TurnedClock, make_folders, open_new_journal, open_one

KEY = ("rostock", "bauamt")
DATA = b"<Reply/>"


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
    """Give a journal in which a reply waits: a document, and the Reply itself."""
    opened, key = open_new_journal(tmp_path, TurnedClock()), new_key()
    files = [
        NewFile(
            n=number,
            place=("rostock", "bauamt", "a", 2),
            suffix=suffix,
            size=len(DATA),
            sha256=hashlib.sha256(DATA).hexdigest(),
            data=seal(key, XML, DATA),
        )
        for number, suffix in enumerate(("document-00", "reply.xml"))
    ]
    item = NewItem(
        mailbox="archive",
        item="1",
        kind="reply",
        at=START,
        stored_at=START,
        digest="0" * 64,
        notice_id=None,
        message_id="urn:1",
        trouble=None,
        evidence=b"e",
        key_wrapped=vault.wrap(key, owner("archive", "1")),
        content=b"c",
    )
    with opened.write() as tx:
        returning.store(tx, item, files)
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
