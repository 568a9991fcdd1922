"""Starts, capabilities, health, and deposits that should succeed."""

import hashlib
import os
import secrets
import subprocess
import threading
from datetime import timedelta

from postfach_mailbox import (
    Capabilities,
    Delivery,
    Deposited,
    Evidence,
    Health,
    Keep,
    Outcome,
)
from postfach_mailbox.testkit.fake import FakeMailbox
from tests.contract.defective.defect import Defect, drop, relabel


class AsksAtStart(FakeMailbox):
    def __init__(self, config: FakeMailbox.Config) -> None:
        super().__init__(config)
        if self._desk.away():
            raise ConnectionError("away")


class ChangesItsMind(FakeMailbox):
    def capabilities(self) -> Capabilities:
        return super().capabilities().model_copy(update={"subject_max": secrets.randbelow(10**6)})


class NarrowPattern(FakeMailbox):
    def capabilities(self) -> Capabilities:
        return super().capabilities().model_copy(update={"address_pattern": "[a-m]{1,20}"})


class NeverQuiteUp(FakeMailbox):
    def health(self) -> Health:
        found = super().health()
        return Health(status="degraded") if found.status == "up" else found


class NeverDown(FakeMailbox):
    def health(self) -> Health:
        return Health(status="up") if self._store.mood("down") else super().health()


class LeavesProcesses(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        subprocess.Popen(["/bin/sleep", "60"]).returncode = 0  # its own warning is not the point
        return super().deposit(delivery, keep)


class StoresNothing(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        drop(self._store, delivery.key)
        return outcome


class NeedsAShell(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        return super().deposit(delivery, keep) if os.environ["PYTEST_CURRENT_TEST"] else None  # type: ignore[return-value]  # never so: it raises


class OldTime(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        if isinstance(outcome, Deposited):
            earlier = outcome.provided_at - timedelta(days=365)
            return outcome.model_copy(update={"provided_at": earlier})
        return outcome


class ChattyEvidence(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        if isinstance(outcome, Deposited):
            said = Evidence(
                name="answer.txt",
                media_type="text/plain",
                data=delivery.notice.subject.encode(),
                in_receipt=True,
            )
            return outcome.model_copy(update={"evidence": (said,)})
        return outcome


class CutsDocuments(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        cut = []
        for document in delivery.documents:
            with document.open() as stream:
                cut.append(hashlib.sha256(stream.read(65536)).hexdigest())
        relabel(self._store, delivery.key, cut)
        return outcome


class TakesAlikeForTheSame(FakeMailbox):
    first: Outcome | None = None

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        alone = threading.current_thread() is threading.main_thread()
        if self.first is None or not alone:
            outcome = super().deposit(delivery, keep)
            self.first = outcome if isinstance(outcome, Deposited) else None
            return outcome
        return self.first


class OneAtATime(FakeMailbox):
    lock = threading.Lock()

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        with self.lock:
            return super().deposit(delivery, keep)


# They count what was deposited.
COUNTED = (
    "away-after-use",
    "comes-back",
    "deposits-in-child",
    "documents-whole",
    "keys-apart",
    "lost-answer",
    "lost-answer-resent",
    "same-key",
    "same-key-at-once",
    "same-key-closed",
    "same-key-restarted",
    "slow-answer",
    "threads",
)
DEFECTS = (
    Defect("starts-offline", AsksAtStart),
    Defect("capabilities-steady", ChangesItsMind),
    Defect("address-pattern", NarrowPattern),
    Defect("health-up", NeverQuiteUp, also=("health-down",)),
    Defect("health-down", NeverDown),
    Defect("ends-with-hub", LeavesProcesses),
    Defect("deposits", StoresNothing, also=COUNTED),
    Defect("deposits-in-child", NeedsAShell),
    Defect("deposit-facts", OldTime),
    Defect("evidence-clean", ChattyEvidence),
    Defect("documents-whole", CutsDocuments),
    Defect("keys-apart", TakesAlikeForTheSame, also=("away-after-use", "comes-back", "deadline")),
    Defect("threads", OneAtATime),
)
