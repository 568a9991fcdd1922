"""Deposits that are under way at once share their barriers.

A deposit writes its letter aside in its own thread, then joins. The first to join leads: it waits a
moment for those that are writing already, syncs once for all, renames each letter into its account,
syncs the accounts once, and wakes the others. Those that join meanwhile make the next group. A
lone deposit waits for no one.

Crash safety: a letter is synced before it is renamed, and answered after its account is synced. A
failed first barrier leaves nothing; after a failed second one the letter is taken back, and the
answer is Unknown.
"""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field

from postfach_mailbox import Deferred, Delivery, Outcome, Reason, Unknown
from postfach_mailbox_directory import disk, letter
from postfach_mailbox_directory.letter import Letter

GATHER = 0.02  # seconds at most that a leader waits for letters that are being written
SMALL = 8 * 1024 * 1024  # bytes of all documents; larger letters hold up no one
THERE_ALREADY = (errno.EEXIST, errno.ENOTEMPTY)


@dataclass(slots=True, eq=False)  # gets its outcome from the leader
class _Joined:
    """A written letter that waits: for its outcome, or to lead the next group."""

    letter: Letter
    woken: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None


class Commit:
    """Writes letters, and makes them durable in groups."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = threading.Condition(self._lock)  # only the leader waits on it
        self._one_by_one = threading.Lock()
        self._writing: set[object] = set()
        self._joined: list[_Joined] = []
        self._led = False

    @contextmanager
    def writing(self, delivery: Delivery) -> Iterator[None]:
        """Enter the time in which a letter is written; a leader waits for those that have.

        Small letters are written one after the other: threads that hand each other the
        interpreter at every call to the file system take half as much time again.
        """
        documents = delivery.documents
        small = sum(each.facts.size for each in documents) <= SMALL
        mark = object()
        with self._lock:
            self._writing.add(mark)
        try:
            with self._one_by_one if small else nullcontext():
                yield
        finally:
            with self._lock:
                self._writing.remove(mark)
                self._written.notify_all()

    def join(self, written: Letter) -> Outcome:
        """Make a written letter durable, together with others, and return how it ended."""
        own = _Joined(written)
        with self._lock:
            self._joined.append(own)
            leads, self._led = not self._led, True
        if not leads:
            own.woken.wait()
        if own.outcome is None:  # woken by a leader whose group is done: the next one's turn
            self._lead()
        if own.outcome is None:
            raise RuntimeError("a leader belongs to its own group")
        return own.outcome

    def _lead(self) -> None:
        with self._lock:
            others = set(self._writing)
            self._written.wait_for(lambda: not others & self._writing, GATHER)
            group, self._joined = self._joined, []
        outcomes: dict[Letter, Outcome] = {}
        try:
            outcomes = together([each.letter for each in group])
        finally:
            lost = Unknown(reason=Reason(code="COMMIT_FAILED", text="the group's commit broke"))
            for each in group:
                each.outcome = outcomes.get(each.letter, lost)
                each.woken.set()
            with self._lock:
                self._led = bool(self._joined)
                if self._joined:
                    self._joined[0].woken.set()


def together(group: list[Letter]) -> dict[Letter, Outcome]:
    """Make a group durable and return each one's outcome."""
    try:
        _sync_written(group)
    except OSError as error:
        for each in group:
            letter.discard(each.incoming, each.name)
        return dict.fromkeys(group, Deferred(reason=letter.reason(error)))
    outcomes = {each: _rename(each) for each in group}
    try:
        _sync_accounts(group)
    except OSError as error:
        for each in group:
            with suppress(OSError):  # what cannot be taken back stays in doubt, as all of them do
                if outcomes[each] == each.deposited:
                    os.rename(
                        each.key, each.name, src_dir_fd=each.account, dst_dir_fd=each.incoming
                    )
        return dict.fromkeys(group, Unknown(reason=letter.reason(error)))
    return outcomes


def _sync_written(group: list[Letter]) -> None:
    # By the oldest descriptor of each file system: it reports the errors since the first letter.
    synced: set[int] = set()
    for each in sorted(group, key=lambda each: each.begun):
        device = os.fstat(each.root).st_dev
        if not disk.one_for_all(each.root):
            letter.sync(each)
        elif device not in synced:
            disk.syncfs(each.root)
            synced.add(device)


def _rename(each: Letter) -> Outcome:
    # A folder is never renamed over one that holds anything: the first letter stays.
    try:
        os.rename(each.name, each.key, src_dir_fd=each.incoming, dst_dir_fd=each.account)
    except OSError as error:
        letter.discard(each.incoming, each.name)
        if error.errno in THERE_ALREADY and (first := letter.earlier(each.account, each.key)):
            return first
        return Deferred(reason=letter.reason(error))
    return each.deposited


def _sync_accounts(group: list[Letter]) -> None:
    accounts: dict[tuple[int, int], Letter] = {}
    for each in group:
        stat = os.fstat(each.account)
        accounts.setdefault((stat.st_dev, stat.st_ino), each)
    first = next(iter(accounts.values()))
    one_disk = len({device for device, _ in accounts}) == 1
    if len(accounts) > 1 and one_disk and disk.one_for_all(first.root):
        disk.syncfs(first.root)
        return
    for each in accounts.values():
        os.fsync(each.account)
