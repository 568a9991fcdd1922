"""Letters become durable in groups; what fails on the way leaves nothing, or a question."""

import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from postfach_mailbox import Deferred, Delivery, DeliveryDocument, Deposited, Unknown
from postfach_mailbox_directory import DirectoryMailbox, commit, disk, letter

Deliver = Callable[..., Delivery]
MakeDocument = Callable[..., DeliveryDocument]


def keys(root: Path, account: str = "anna") -> list[str]:
    return sorted(each.name for each in (root / account).iterdir())


class Barriers:
    """Counts barriers, and makes the n-th one fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.failing = 0, 0
        fsync, syncfs = os.fsync, disk.syncfs
        monkeypatch.setattr(os, "fsync", lambda fd: self._pass(fsync, fd))
        monkeypatch.setattr(disk, "syncfs", lambda fd: self._pass(syncfs, fd))

    def _pass(self, barrier: Callable[[int], None], fd: int) -> None:
        self.count += 1
        if self.count == self.failing:
            raise OSError(5, "Input/output error")
        barrier(fd)


@pytest.mark.parametrize("everywhere", [True, False])
def test_deposits_at_once_share_their_barriers(
    mailbox: DirectoryMailbox,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    everywhere: bool,
    delivery: Deliver,
) -> None:
    barriers = Barriers(monkeypatch)
    monkeypatch.setattr(disk, "one_for_all", lambda fd: everywhere)
    monkeypatch.setattr(commit, "GATHER", 30.0)  # a busy machine must not split the group
    at_once = threading.Barrier(50)

    def slow(number: int) -> object:
        at_once.wait()
        return mailbox.deposit(delivery(str(number)))

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(slow, range(50)))
    assert all(isinstance(each, Deposited) for each in outcomes)
    assert len(keys(root)) == 50
    if everywhere:
        # Two for each group; threads that come late make a few groups more than one.
        assert barriers.count <= 20
    else:
        assert barriers.count >= 50 * 4  # three files and their folder each


def test_one_key_in_many_threads_is_one_letter(
    mailbox: DirectoryMailbox, root: Path, monkeypatch: pytest.MonkeyPatch, delivery: Deliver
) -> None:
    monkeypatch.setattr(commit, "GATHER", 30.0)  # several are written before the first is renamed
    at_once = threading.Barrier(20)

    def deposit(_: int) -> object:
        at_once.wait()
        return mailbox.deposit(delivery())

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(deposit, range(20)))
    assert len(set(outcomes)) == 1
    assert keys(root) == [delivery().key]
    assert list((root / ".incoming").iterdir()) == []


def test_a_failed_barrier_before_the_rename_leaves_nothing(
    mailbox: DirectoryMailbox, root: Path, monkeypatch: pytest.MonkeyPatch, delivery: Deliver
) -> None:
    Barriers(monkeypatch).failing = 1
    outcome = mailbox.deposit(delivery())
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code == "EIO"
    assert keys(root) == []
    assert isinstance(mailbox.deposit(delivery()), Deposited)


def test_a_failed_barrier_after_the_rename_is_unknown_and_takes_the_letter_back(
    mailbox: DirectoryMailbox, root: Path, monkeypatch: pytest.MonkeyPatch, delivery: Deliver
) -> None:
    Barriers(monkeypatch).failing = 2
    assert isinstance(mailbox.deposit(delivery()), Unknown)
    assert keys(root) == []
    assert isinstance(mailbox.deposit(delivery()), Deposited)


def test_an_account_that_vanishes_meanwhile_leaves_nothing(
    mailbox: DirectoryMailbox, root: Path, monkeypatch: pytest.MonkeyPatch, delivery: Deliver
) -> None:
    syncfs = disk.syncfs

    def vanish(fd: int) -> None:
        syncfs(fd)
        (root / "anna").rmdir()

    monkeypatch.setattr(disk, "syncfs", vanish)
    monkeypatch.setattr(disk, "one_for_all", lambda fd: True)
    assert isinstance(mailbox.deposit(delivery()), Deferred)
    assert list((root / ".incoming").iterdir()) == []


def test_a_broken_leader_leaves_no_one_waiting(
    mailbox: DirectoryMailbox, monkeypatch: pytest.MonkeyPatch, delivery: Deliver
) -> None:
    def broken(group: list[letter.Letter]) -> dict[letter.Letter, object]:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(commit, "together", broken)
        with ThreadPoolExecutor(5) as pool:
            started = [pool.submit(mailbox.deposit, delivery(str(each))) for each in range(5)]
            for each in started:
                failure = each.exception()
                assert isinstance(failure, MemoryError) or isinstance(each.result(), Unknown)
    assert isinstance(mailbox.deposit(delivery("later")), Deposited)


def test_a_large_letter_holds_up_no_small_one(
    mailbox: DirectoryMailbox,
    monkeypatch: pytest.MonkeyPatch,
    delivery: Deliver,
    document: MakeDocument,
) -> None:
    monkeypatch.setattr(commit, "SMALL", 10)
    monkeypatch.setattr(commit, "GATHER", 0.0)
    reading, go_on = threading.Event(), threading.Event()
    data = b"x" * 11

    def opener() -> io.BytesIO:
        reading.set()
        go_on.wait()
        return io.BytesIO(data)

    large = DeliveryDocument(facts=document("large.pdf", data).facts, opener=opener)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(mailbox.deposit, delivery("large", documents=(large,)))
        reading.wait()
        assert isinstance(mailbox.deposit(delivery("small")), Deposited)
        assert not slow.done()
        go_on.set()
        assert isinstance(slow.result(), Deposited)
