import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import receipt, seal, starter
from hub.caution import Caution
from hub.config import load
from hub.durable import Disk
from hub.errors import StorageFailed
from hub.journal import Journal, handouts
from hub.journal.handouts import Handout
from hub.outbound import Outbound, write
from hub.receipt import Outcome, Receipt
from hub.spool import Spool
from tests.unit.barriers import Watched
from tests.unit.spools import (
    TurnedClock,
    add_notice,
    issue,
    make_folders,
    open_one,
    writer,
)

KEY = ("rostock", "bauamt")
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def spool(tmp_path: Path, clock: TurnedClock) -> Iterator[Spool]:
    opened = open_one(make_folders(tmp_path), clock)
    yield opened
    opened.folders.close()


@pytest.fixture
def out(spool: Spool) -> Path:
    return spool.folders.path / "out"


def handout(number: int, data: bytes = b"<r/>") -> Handout:
    return Handout(
        id=number,
        tenant="rostock",
        procedure="bauamt",
        stem=f"stem-{number}",
        nn=1,
        suffix="deposited",
        data=data,
    )


def files(out: Path) -> list[str]:
    return sorted(file.name for file in out.iterdir() if file.name != ".postfach")


def test_a_batch_is_written_with_one_barrier_and_one_sync_of_its_folder(
    spool: Spool, out: Path
) -> None:
    disk = Disk()
    batch = [handout(number, f"<r>{number}</r>".encode()) for number in range(1, 31)]
    assert write({KEY: spool}, batch, disk) == list(range(1, 31))
    if disk.name(out) != "fsync per file":
        assert (disk.barriers.syncfs, disk.barriers.fsync) == (1, 1)
    assert (out / "stem-7.01.deposited.xml").read_bytes() == b"<r>7</r>"
    assert (out / "stem-7.01.deposited.xml").stat().st_mode & 0o777 == 0o640
    assert len(files(out)) == 30


def test_the_same_bytes_written_again_are_no_error(spool: Spool, out: Path) -> None:
    assert write({KEY: spool}, [handout(1)], Disk()) == [1]
    assert write({KEY: spool}, [handout(1)], Disk()) == [1]
    assert files(out) == ["stem-1.01.deposited.xml"]


@pytest.mark.parametrize("there", [b"", b"<x/>", b"<r/>\n", b"<r/> and much more"])
def test_other_bytes_are_never_replaced_and_do_not_hold_the_others(
    spool: Spool, out: Path, there: bytes
) -> None:
    (out / "stem-1.01.deposited.xml").write_bytes(there)
    assert write({KEY: spool}, [handout(1), handout(2)], Disk()) == [2]
    assert (out / "stem-1.01.deposited.xml").read_bytes() == there
    assert files(out) == ["stem-1.01.deposited.xml", "stem-2.01.deposited.xml"]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("target")])
def test_a_name_taken_by_something_else_is_left_alone(
    spool: Spool, out: Path, make: object
) -> None:
    assert callable(make)
    (out / "target").write_bytes(b"<r/>")
    make(out / "stem-1.01.deposited.xml")
    assert write({KEY: spool}, [handout(1), handout(2)], Disk()) == [2]
    assert (out / "target").read_bytes() == b"<r/>"


def test_a_spool_that_is_not_served_is_left_out(spool: Spool) -> None:
    stranger = replace(handout(1), procedure="other")
    assert write({KEY: spool}, [stranger, handout(2)], Disk()) == [2]


def test_nothing_is_written_into_a_folder_that_was_moved_away(spool: Spool, out: Path) -> None:
    out.rename(out.with_name("moved"))
    out.mkdir()
    assert write({KEY: spool}, [handout(1)], Disk()) == []
    assert files(out.with_name("moved")) == []


class FailingDisk(Disk):
    """A disk whose barrier fails: no real one can be made to here."""

    def sync(self, *args: object) -> None:
        raise StorageFailed("fsync failed", where="storage", fix="See to the disk")


def test_after_a_failed_barrier_no_file_gets_its_name(spool: Spool, out: Path) -> None:
    with pytest.raises(StorageFailed):
        write({KEY: spool}, [handout(1)], FailingDisk())
    assert files(out) == []


def test_no_reader_sees_a_file_before_the_barrier(spool: Spool, out: Path) -> None:
    seen: list[list[str]] = []

    class LookingDisk(Disk):
        def sync(self, *args: object) -> None:
            seen.append(files(out))

    write({KEY: spool}, [handout(1), handout(2)], LookingDisk())
    assert len(seen) == 1
    assert len(seen[0]) == 2
    assert all(name[0] == "." for name in seen[0])


def written_at(journal: Journal, clock: TurnedClock) -> dict[str, datetime]:
    with journal.read() as connection:
        return {name: when for name, _, when in handouts.untaken(connection, *KEY)}


def test_marks_ride_in_the_next_commit_or_are_due_within_a_second(
    journal: Journal, spool: Spool, clock: TurnedClock
) -> None:
    outbound = writer(journal, spool, clock)
    file = issue(journal, clock, add_notice(journal, clock, 1), 1)
    assert outbound.marks_due() is None
    assert outbound.write([file]) == [file]
    assert outbound.marks_due() == clock.elapsed() + 1.0
    before = journal.commits
    outbound.flush()
    outbound.flush()
    assert journal.commits == before + 1
    assert written_at(journal, clock) == {file.name: datetime(2026, 3, 1, 12, tzinfo=UTC)}
    assert outbound.marks_due() is None


def test_what_a_crash_left_unmarked_is_written_again_byte_for_byte(
    journal: Journal, spool: Spool, clock: TurnedClock, out: Path
) -> None:
    for number in (1, 2):
        issue(journal, clock, add_notice(journal, clock, number), number, data=b"<sealed/>")
    write({KEY: spool}, [handout(1, b"<sealed/>")], Disk())  # and then the hub died
    outbound = writer(journal, spool, clock)
    assert outbound.sweep() == []  # it may just be in the writing
    clock.turn(seconds=11)
    assert [file.stem for file in outbound.sweep()] == ["stem-1", "stem-2"]
    assert outbound.sweep() == []  # their marks wait
    outbound.flush()
    assert outbound.sweep(at_once=True) == []
    assert files(out) == ["stem-1.01.deposited.xml", "stem-2.01.deposited.xml"]
    assert len(written_at(journal, clock)) == 2


def test_one_that_cannot_be_written_does_not_hold_the_sweep(
    journal: Journal, spool: Spool, clock: TurnedClock, out: Path
) -> None:
    for number in (1, 2):
        issue(journal, clock, add_notice(journal, clock, number), number)
    (out / "stem-1.01.deposited.xml").write_bytes(b"<other/>")
    outbound = writer(journal, spool, clock)
    assert [file.stem for file in outbound.sweep(at_once=True)] == ["stem-2"]


def test_a_receipt_issued_again_by_order_is_written_again(
    journal: Journal, spool: Spool, clock: TurnedClock, out: Path
) -> None:
    notice = add_notice(journal, clock, 1)
    outbound = writer(journal, spool, clock)
    outbound.write([issue(journal, clock, notice, 1)])
    outbound.flush()
    (out / "stem-1.01.deposited.xml").unlink()
    with journal.write() as tx:
        handouts.again(tx, notice)
    assert len(outbound.sweep(at_once=True)) == 1
    assert files(out) == ["stem-1.01.deposited.xml"]


def test_a_receipt_that_is_there_is_made_durable_before_it_counts(spool: Spool, out: Path) -> None:
    write({KEY: spool}, [handout(1)], Disk())
    disk = Watched()
    assert write({KEY: spool}, [handout(1)], disk) == [1]
    assert out / "stem-1.01.deposited.xml" in disk.synced


def test_what_the_journal_keeps_and_is_not_what_was_sealed_is_not_written(
    journal: Journal, spool: Spool, clock: TurnedClock, out: Path
) -> None:
    issue(
        journal, clock, add_notice(journal, clock, 1), 1, data=b"<ReceiptID>receipt-1</ReceiptID>"
    )
    clock.turn(seconds=11)
    caution = Caution(journal=journal, clock=clock)
    outbound = Outbound(journal, {KEY: spool}, Disk(), clock, caution)
    assert outbound.sweep() == []
    assert list(out.glob("*.xml")) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"stem": "stem\0-1", "receipt_id": None},
        {"stem": "../in/stem-1"},
        {"stem": ".postfach"},
        {"nn": "01/../.."},
        {"nn": 0},
        {"suffix": "xml"},
    ],
)
def test_no_name_is_written_that_the_hub_does_not_give(
    journal: Journal, spool: Spool, clock: TurnedClock, changes: dict[str, object]
) -> None:
    file = replace(handout(1), **{"receipt_id": "receipt-1", **changes})  # type: ignore[arg-type]  # fields by name
    before = sorted(spool.folders.path.rglob("*"))
    assert writer(journal, spool, clock).write([file]) == []
    assert sorted(spool.folders.path.rglob("*")) == before
    assert len(writer(journal, spool, clock).write([replace(handout(1), receipt_id="1")])) == 1


def sealed(folder: Path, receipt_id: str) -> bytes:
    config = load(starter.init(folder, AT).config, {})
    by = seal.load(config.seal.key, config.seal.password_file, config.folder)
    made = Receipt(
        receipt_id=receipt_id,
        outcome=Outcome.ACCEPTED,
        issued_at=AT,
        issuer="hub.example",
        log_id="5e0d3e8e-3c1f-4d0e-9a51-3f8c1f1f0a11",
        log_digest="a" * 64,
        message_id="urn:de:xta:messageid:bauamt:00000000-0000-4000-8000-000000000001",
        accepted_at=AT,
    )
    return by.sign(receipt.render(made), AT)


def test_what_is_read_back_is_written_if_it_is_what_was_sealed_under_that_id(
    journal: Journal, spool: Spool, clock: TurnedClock, tmp_path: Path
) -> None:
    caution = Caution(journal=journal, clock=clock)
    outbound = Outbound(journal, {KEY: spool}, Disk(), clock, caution)
    one, other = (f"0f0e0d0c-0b0a-4009-8807-06050403020{n}" for n in (1, 2))
    data = sealed(tmp_path / "h", one)
    whole = replace(handout(1, data), receipt_id=one)
    assert outbound.write([replace(whole, receipt_id=other)]) == []  # rows in each other's place
    assert outbound.write([replace(whole, data=data.replace(b"ACCEPTED", b"DEPOSITED"))]) == []
    assert outbound.write([whole]) == [whole]
