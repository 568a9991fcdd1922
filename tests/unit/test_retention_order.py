"""Erasing in its order: the key first, and no file that anything else still needs."""

import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import parcel, retention
from hub.caution import Caution
from hub.config import Retention
from hub.durable import Disk
from hub.journal import Journal, returning, steps
from hub.journal.returning import NewFile, NewItem
from hub.model import State
from hub.segment import Extent
from hub.vault import Vault, new_key
from tests.unit.spools import START, TurnedClock, add_notice


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    opened = Vault(tmp_path / "vault", secrets.token_bytes(32), Disk())
    yield opened
    opened.close()


@pytest.fixture
def extent(vault: Vault) -> Extent:
    with vault.segment() as segment:
        made = segment.add(new_key(), b"document", [b"text"], 100)
        segment.sync()
    return made


def test_no_file_is_removed_before_the_commit_that_forgets_its_keys(
    journal: Journal, vault: Vault, extent: Extent, clock: TurnedClock
) -> None:
    document = parcel.extent_row(parcel.DOCUMENT, 0, extent)
    number = add_notice(journal, clock, 1, payloads=(document,))
    with journal.write() as tx:
        steps.step(tx, number, State.DEPOSITED, None, clock.now())
    clock.turn(days=20)
    other, kept, remove = sqlite3.connect(journal.path), list[bytes | None](), vault.remove

    def watched(segment_id: str) -> None:
        kept.extend(other.execute("SELECT key_wrapped FROM notice").fetchone())
        remove(segment_id)

    vault.remove = watched  # type: ignore[method-assign]  # to see what is committed by then
    periods = Retention.model_validate({"payload": "14d", "rejected": "30d"})
    caution = Caution(journal=journal, clock=clock)
    assert retention.erase(journal, vault, periods, clock, caution) == 1
    other.close()
    assert kept == [None]
    assert list(vault.segments()) == []


def test_a_segment_in_which_a_reply_lies_is_not_swept(
    journal: Journal, vault: Vault, extent: Extent
) -> None:
    file = NewFile(
        n=0,
        place=None,
        suffix="document-00",
        size=extent.size,
        sha256=extent.sha256,
        segment=extent.segment,
        offset=extent.offset,
        length=extent.length,
    )
    item = NewItem(
        mailbox="archive",
        item="1",
        kind="reply",
        at=START,
        stored_at=START,
        digest="0" * 64,
        notice_id=None,
        message_id=None,
        trouble="NOTICE_UNKNOWN",
        evidence=b"e",
        key_wrapped=b"k",
        content=b"c",
    )
    with journal.write() as tx:
        returning.store(tx, item, [file])
    assert retention.remove_unused_segments(journal, vault) == 0
    assert list(vault.segments()) == [extent.segment]
