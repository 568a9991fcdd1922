"""Lost answers, repeated keys, deadlines."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from postfach_mailbox import (
    Absent,
    Deferred,
    Delivery,
    Deposited,
    Keep,
    KeepFailed,
    Outcome,
    Reason,
    Reconciled,
    Unknown,
)
from postfach_mailbox.testkit.fake import FakeMailbox
from postfach_mailbox.testkit.fake.store import Store, Stored
from tests.contract.defective.defect import Defect

WHY = Reason(code="DEFECT", text="a defect")
ASKED = {"repeat": "QUERYABLE"}


class CallsItTransient(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        lost = isinstance(outcome, Unknown) and outcome.reason.code == "ANSWER_LOST"
        return Deferred(reason=WHY) if lost else outcome


class Remembers(FakeMailbox):
    """Knows which keys it left in doubt."""

    def __init__(self, config: FakeMailbox.Config) -> None:
        super().__init__(config)
        self.lost: set[str] = set()

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        if isinstance(outcome, Unknown):
            self.lost.add(delivery.key)
        return outcome


class StoresAgain(Remembers):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        if delivery.key in self.lost:
            self._store.put(delivery.key, "again", [], once=False)
        return super().deposit(delivery, keep)


class MissesWhatWasLost(Remembers):
    def reconcile(self, key: str) -> Reconciled:
        return Absent() if key in self.lost else super().reconcile(key)


class NeverSure(FakeMailbox):
    def reconcile(self, key: str) -> Reconciled:
        found = super().reconcile(key)
        return Unknown(reason=WHY) if isinstance(found, Absent) else found


class TakesSilenceForAbsence(FakeMailbox):
    def reconcile(self, key: str) -> Reconciled:
        return Absent() if self._desk.away() else super().reconcile(key)


class AnswersAnew(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        if isinstance(outcome, Deposited):
            return outcome.model_copy(update={"provided_at": datetime.now(UTC)})
        return outcome


class CarelessStore(Store):
    def put(self, key: str, reference: str, digests: Sequence[str], *, once: bool) -> Stored:
        threading.Event().wait(0.1)  # between the look that was taken before, and this
        return super().put(key, reference, digests, once=False)


class LooksThenStores(FakeMailbox):
    def __init__(self, config: FakeMailbox.Config) -> None:
        super().__init__(config)
        self._store = CarelessStore(config.path)


class KeysInMemory(FakeMailbox):
    def __init__(self, config: FakeMailbox.Config) -> None:
        super().__init__(config)
        self.known: set[str] = set()
        self.lock = threading.Lock()

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        with self.lock:
            stored = self._store.found(delivery.key) is not None
            if stored and delivery.key not in self.known:
                self._store.put(delivery.key, "unheard of", [], once=False)
            self.known.add(delivery.key)
        return super().deposit(delivery, keep)


class AccountFirst(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        return self._desk.refused(delivery) or super().deposit(delivery, keep)


class Impatient(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        slow = self._store.mood("slow")
        # The time of the test of threads is none of its own, so that one rule alone is broken.
        alone = threading.current_thread() is threading.main_thread()
        return Unknown(reason=WHY) if slow > 0.1 and alone else outcome


class NeverInAHurry(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        if isinstance(outcome, Unknown) and outcome.reason.code == "TIMEOUT":
            threading.Event().wait(self._store.mood("slow"))
        return outcome


class KeepsFilesOpen(FakeMailbox):
    def __init__(self, config: FakeMailbox.Config) -> None:
        super().__init__(config)
        self.files: list[object] = []

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        self.files.append((self._config.path / "log").open("a"))
        return super().deposit(delivery, keep)


class SendsAnyway(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        def try_to_keep(reference: str) -> None:
            try:
                keep(reference)
            except KeepFailed:
                return

        return super().deposit(delivery, try_to_keep)


DEFECTS = (
    Defect("lost-answer", CallsItTransient),
    Defect("lost-answer-resent", StoresAgain),
    Defect("lost-answer-asked", MissesWhatWasLost, ASKED),
    Defect("absent", NeverSure, ASKED),
    Defect("absent-away", TakesSilenceForAbsence, ASKED),
    Defect("same-key", AnswersAnew),
    Defect("same-key-at-once", LooksThenStores),
    Defect("same-key-restarted", KeysInMemory),
    Defect("same-key-closed", AccountFirst),
    Defect("slow-answer", Impatient),
    Defect("deadline", NeverInAHurry),
    Defect("descriptors", KeepsFilesOpen),
    Defect("keeps-first", SendsAnyway),
)
