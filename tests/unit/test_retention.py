import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import retention
from hub.caution import Caution
from hub.clock import system_clock
from hub.config import Retention
from hub.durable import Disk
from hub.journal import Journal, handouts, payloads, steps, taking
from hub.journal.tables import drop, entry, notice, payload
from hub.model import State
from hub.spool import Claim, Spool
from hub.vault import Vault, new_key
from tests.unit.spools import (
    TurnedClock,
    add_notice,
    issue,
    make_folders,
    open_one,
)

KEY = ("rostock", "bauamt")
PERIODS = Retention.model_validate({"payload": "14d", "rejected": "30d"})
CANARY = b"canary in the ciphertext"


def erase(journal: Journal, vault: Vault, clock: TurnedClock) -> int:
    return retention.erase(journal, vault, PERIODS, clock, Caution(journal=journal, clock=clock))


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    (tmp_path / "vault").mkdir()
    opened = Vault(tmp_path / "vault", secrets.token_bytes(32), Disk())
    yield opened
    opened.close()


@pytest.fixture
def spool(tmp_path: Path, clock: TurnedClock) -> Iterator[Spool]:
    opened = open_one(make_folders(tmp_path), clock)
    yield opened
    opened.folders.close()


def add_notices(
    journal: Journal, vault: Vault, clock: TurnedClock, *numbers: int
) -> dict[int, int]:
    """Take notices whose documents share one segment; return their rows' ids by number."""
    with vault.segment() as segment:
        ids = {}
        for number in numbers:
            extent = segment.add(new_key(), b"document", [b"text"], 100)
            items = (
                taking.NewPayload(
                    item="document",
                    n=1,
                    size=extent.size,
                    sha256=extent.sha256,
                    segment=extent.segment,
                    offset=extent.offset,
                    length=extent.length,
                ),
                taking.NewPayload(item="content", n=0, size=4, sha256="0" * 64, data=CANARY),
            )
            ids[number] = add_notice(journal, clock, number, payloads=items)
        segment.sync()
    return ids


def end(journal: Journal, clock: TurnedClock, *ids: int, state: State = State.DEPOSITED) -> None:
    with journal.write() as tx:
        for number in ids:
            steps.step(tx, number, state, None, clock.now())


def take_receipt(journal: Journal, clock: TurnedClock, notice_id: int, number: int) -> None:
    file = issue(journal, clock, notice_id, number)
    with journal.write() as tx:
        handouts.written(tx, [file.id], clock.now())
        handouts.confirmed(tx, [file.id], clock.now())


def erased(journal: Journal) -> list[int]:
    with journal.read() as connection:
        rows = connection.execute(
            sa.select(notice.c.id).where(notice.c.erased_at.is_not(None)).order_by(notice.c.id)
        )
        return [row.id for row in rows]


def test_payload_goes_once_the_final_receipt_was_taken(
    journal: Journal, vault: Vault, clock: TurnedClock
) -> None:
    ids = add_notices(journal, vault, clock, 1, 2)
    end(journal, clock, *ids.values())
    take_receipt(journal, clock, ids[1], 1)
    assert erase(journal, vault, clock) == 1
    assert erased(journal) == [ids[1]]
    with journal.read() as connection:
        row = connection.execute(sa.select(notice).where(notice.c.id == ids[1])).one()
        assert (row.key_wrapped, row.erased_at) == (None, clock.now())
        assert [
            (one.item, one.bytes, one.segment) for one in payloads.load(connection, ids[1])
        ] == [
            ("content", None, None),
            ("document", None, None),
        ]
        said = connection.execute(sa.select(entry).where(entry.c.kind == "notice.erased")).one()
        assert said.notice_id == ids[1]
        assert b'"code":"taken"' in said.body
        assert payloads.load(connection, ids[2])[0].bytes == CANARY
    assert len(list(vault.segments())) == 1  # the other notice needs it


def test_a_segment_goes_with_its_last_notice(
    journal: Journal, vault: Vault, clock: TurnedClock
) -> None:
    ids = add_notices(journal, vault, clock, 1, 2)
    end(journal, clock, *ids.values())
    take_receipt(journal, clock, ids[1], 1)
    assert erase(journal, vault, clock) == 1
    assert len(list(vault.segments())) == 1
    clock.turn(days=14)
    assert erase(journal, vault, clock) == 1
    assert list(vault.segments()) == []


def test_payload_that_no_one_took_goes_after_the_period_counted_from_the_final_state(
    journal: Journal, vault: Vault, clock: TurnedClock
) -> None:
    ids = add_notices(journal, vault, clock, 1)
    clock.turn(days=20)
    end(journal, clock, ids[1], state=State.FAILED)
    issue(journal, clock, ids[1], 1)
    clock.turn(days=13, hours=23)
    assert erase(journal, vault, clock) == 0
    clock.turn(hours=1)
    assert erase(journal, vault, clock) == 1
    assert erase(journal, vault, clock) == 0


@pytest.mark.parametrize("state", [State.SEALED, State.DEFERRED, State.IN_DOUBT, State.PENDING])
def test_an_open_notice_keeps_its_payload_whatever_happens(
    journal: Journal, vault: Vault, clock: TurnedClock, state: State
) -> None:
    ids = add_notices(journal, vault, clock, 1)
    with journal.write() as tx:
        steps.step(tx, ids[1], state, clock.now(), clock.now())
    clock.turn(days=1000)
    assert erase(journal, vault, clock) == 0
    with journal.write() as tx:
        assert payloads.erase(tx, [ids[1]], clock.now()) == set()
    with journal.read() as connection:
        assert [row.bytes for row in payloads.load(connection, ids[1])] == [CANARY, None]
    assert erased(journal) == []
    assert retention.remove_unused_segments(journal, vault) == 0


def test_nothing_of_the_ciphertext_stays_in_the_databases_files(
    journal: Journal, vault: Vault, clock: TurnedClock
) -> None:
    ids = add_notices(journal, vault, clock, 1)
    end(journal, clock, ids[1])
    log = journal.path.with_name(journal.path.name + "-wal")
    assert CANARY in log.read_bytes() + journal.path.read_bytes()
    clock.turn(days=14)
    erase(journal, vault, clock)
    assert CANARY not in log.read_bytes() + journal.path.read_bytes()


def test_who_reads_for_long_stops_no_hub_and_the_log_is_emptied_when_it_has_ended(
    journal: Journal, vault: Vault, clock: TurnedClock
) -> None:
    ids = add_notices(journal, vault, clock, 1)
    end(journal, clock, ids[1])
    clock.turn(days=14)
    log = journal.path.with_name(journal.path.name + "-wal")
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notice").fetchone()
        begun = system_clock().elapsed()
        assert erase(journal, vault, clock) == 1
        assert system_clock().elapsed() - begun < 10  # not the minute that a commit may wait
        assert CANARY in log.read_bytes()
    assert erase(journal, vault, clock) == 0
    assert CANARY not in log.read_bytes() + journal.path.read_bytes()


def test_many_are_erased_in_batches(
    journal: Journal, vault: Vault, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    ids = add_notices(journal, vault, clock, 1, 2, 3, 4, 5)
    end(journal, clock, *ids.values())
    clock.turn(days=14)
    before = journal.commits
    assert erase(journal, vault, clock) == 5
    assert journal.commits == before + 3
    assert list(vault.segments()) == []


def test_segments_that_no_row_names_are_removed_and_no_others(
    journal: Journal, vault: Vault, clock: TurnedClock
) -> None:
    add_notices(journal, vault, clock, 1)
    with vault.segment() as segment:  # and then the hub died before its commit
        segment.add(new_key(), b"document", [b"text"], 100)
        segment.sync()
        assert retention.remove_unused_segments(journal, vault) == 0  # it is being written
    assert len(list(vault.segments())) == 2
    assert retention.remove_unused_segments(journal, vault) == 1
    assert len(list(vault.segments())) == 1


def refuse(
    journal: Journal, spool: Spool, clock: TurnedClock, name: str, *, procedure: str = "bauamt"
) -> Claim:
    (spool.folders.path / "in" / name).write_text("<x/>")
    claim = spool.claim(name.encode())
    assert isinstance(claim, Claim)
    new = taking.NewDrop(
        claim=claim.id,
        tenant="rostock",
        procedure=procedure,
        stem=claim.stem,
        kind=taking.REFUSED,
        at=clock.now(),
    )
    with journal.write() as tx:
        taking.drops(tx, [new])
    return claim


def aged(journal: Journal) -> list[str]:
    with journal.read() as connection:
        rows = connection.execute(sa.select(drop.c.claim).where(drop.c.aged_out.is_(True)))
        return [row.claim for row in rows]


def test_refused_drops_go_after_their_period_and_are_not_looked_for_again(
    journal: Journal, spool: Spool, clock: TurnedClock
) -> None:
    old = refuse(journal, spool, clock, "old.xml")
    spool.reject(old)
    clock.turn(days=1)
    young = refuse(journal, spool, clock, "young.xml")
    spool.reject(young)
    clock.turn(days=29)
    assert retention.age_out(journal, {KEY: spool}, PERIODS, clock) == 1
    assert aged(journal) == [old.id]
    rejected = spool.folders.path / "rejected"
    assert [file.name for file in rejected.iterdir()] == [f"young.{young.id}.xml"]
    assert retention.age_out(journal, {KEY: spool}, PERIODS, clock) == 0


def test_a_refused_drop_of_a_spool_that_is_not_served_waits(
    journal: Journal, spool: Spool, clock: TurnedClock
) -> None:
    spool.reject(refuse(journal, spool, clock, "other.xml", procedure="other"))
    clock.turn(days=31)
    assert retention.age_out(journal, {KEY: spool}, PERIODS, clock) == 0
    assert aged(journal) == []


def test_erasing_keeps_how_large_the_payload_was_and_what_its_digest_was(
    journal: Journal, vault: Vault, clock: TurnedClock
) -> None:
    ids = add_notices(journal, vault, clock, 1)
    end(journal, clock, ids[1])
    clock.turn(days=14)
    erase(journal, vault, clock)
    with journal.read() as connection:
        rows = connection.execute(sa.select(payload.c.size, payload.c.sha256)).all()
    assert [row.size for row in rows] == [4, 4]
    assert all(len(row.sha256) == 64 for row in rows)
