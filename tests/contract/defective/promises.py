"""What only some mailboxes promise."""

import io
import secrets
from datetime import timedelta
from typing import BinaryIO

from postfach_mailbox import (
    Absent,
    Collected,
    Deferred,
    Delivery,
    Deposited,
    Fetched,
    Keep,
    NoticeData,
    Outcome,
    Pending,
    Reason,
    Reconciled,
    RefusalCode,
    Refused,
    StatusUpdate,
    Unknown,
)
from postfach_mailbox.testkit.fake import FakeMailbox
from postfach_mailbox.testkit.fake.store import Stored
from tests.contract.defective.defect import Defect

LATER: dict[str, str | bool] = {"confirms": "later"}
PREPARES: dict[str, str | bool] = {"prepares": True}
SHOWS: dict[str, str | bool] = {"status": True}
RETURNS: dict[str, str | bool] = {"returns": True}


class PreparesOnline(FakeMailbox):
    def prepare(self, notice: NoticeData) -> bytes | Refused:
        if self._desk.away():
            raise ConnectionError("away")
        return super().prepare(notice)


class PreparesForItself(FakeMailbox):
    def __init__(self, config: FakeMailbox.Config) -> None:
        super().__init__(config)
        self.mark = secrets.token_bytes(8)

    def prepare(self, notice: NoticeData) -> bytes | Refused:
        prepared = super().prepare(notice)
        return self.mark + prepared if isinstance(prepared, bytes) else prepared

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        if delivery.prepared is None or not delivery.prepared.startswith(self.mark):
            code = RefusalCode.CONTENT_INVALID.value
            return Refused(reason=Reason(code=code, text="not prepared here"))
        object.__setattr__(delivery, "prepared", delivery.prepared.removeprefix(self.mark))
        return super().deposit(delivery, keep)


class ConfirmsTooSoon(FakeMailbox):
    def reconcile(self, key: str) -> Reconciled:
        found = super().reconcile(key)
        if isinstance(found, Pending):
            return self._desk.confirmed(Stored.of_now(found.reference, "confirmed"))
        return found


class NeverConfirms(FakeMailbox):
    def reconcile(self, key: str) -> Reconciled:
        found = super().reconcile(key)
        return Pending(reference="1") if isinstance(found, Deposited) else found


class ConfirmsOldTime(FakeMailbox):
    def reconcile(self, key: str) -> Reconciled:
        found = super().reconcile(key)
        if isinstance(found, Deposited):
            earlier = found.provided_at - timedelta(days=365)
            return found.model_copy(update={"provided_at": earlier})
        return found


class ConfirmsChatty(FakeMailbox):
    _subject = ""

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        self._subject = delivery.notice.subject
        return super().deposit(delivery, keep)

    def reconcile(self, key: str) -> Reconciled:
        found = super().reconcile(key)
        if isinstance(found, Deposited):
            return found.model_copy(update={"warnings": (self._subject,)})
        return found


class NeverTurnsDown(FakeMailbox):
    def reconcile(self, key: str) -> Reconciled:
        found = super().reconcile(key)
        return Pending(reference="1") if isinstance(found, Refused) else found


class TellsNoOne(FakeMailbox):
    def set_status(self, update: StatusUpdate) -> Outcome:
        outcome = super().set_status(update)
        for number, _, _ in self._store.told("status"):
            self._store.forget(str(number))
        return outcome


class SaysNotShown(FakeMailbox):
    def set_status(self, update: StatusUpdate) -> Outcome:
        outcome = super().set_status(update)
        if isinstance(outcome, Unknown):
            return Deferred(reason=outcome.reason)
        return outcome


class KnowsNoStates(FakeMailbox):
    def reconcile(self, key: str) -> Reconciled:
        stored = self._store.found(key)
        return Absent() if stored is None else super().reconcile(key)


class RaisesWhenAway(FakeMailbox):
    def set_status(self, update: StatusUpdate) -> Outcome:
        if self._desk.away():
            raise ConnectionError("away")
        return super().set_status(update)


class NamesNoNotice(FakeMailbox):
    def collect(self) -> Collected:
        items = [each.model_copy(update={"about": None}) for each in super().collect().items]
        return Collected(items=tuple(items))


class ForgetsAtOnce(FakeMailbox):
    def collect(self) -> Collected:
        found = super().collect()
        for each in found.items:
            self._store.forget(each.id)
        return found


class NothingCameBack(FakeMailbox):
    def collect(self) -> Collected:
        return Collected() if self._desk.away() else super().collect()


class FetchesHalf(FakeMailbox):
    def fetch(self, document: int, into: BinaryIO) -> Fetched:
        whole = io.BytesIO()
        answer = super().fetch(document, whole)
        into.write(whole.getvalue()[: answer.size // 2])
        return answer


# They deposit while the mailbox is away, so they prepare then too.
DEPOSITS_OFFLINE = (
    "away-after-use",
    "away-defers",
    "comes-back",
    "credentials",
    "reasons-clean",
    "retry-after",
)
DEFECTS = (
    Defect("prepare-offline", PreparesOnline, PREPARES, also=DEPOSITS_OFFLINE),
    Defect("prepared-later", PreparesForItself, PREPARES),
    Defect("pending", ConfirmsTooSoon, LATER),
    Defect("pending-confirmed", NeverConfirms, LATER, also=("confirmed-clean", "confirmed-facts")),
    Defect("confirmed-facts", ConfirmsOldTime, LATER),
    Defect("confirmed-clean", ConfirmsChatty, LATER),
    Defect("pending-refused", NeverTurnsDown, LATER),
    Defect("status", TellsNoOne, SHOWS, also=("status-lost",)),
    Defect("status-away", RaisesWhenAway, SHOWS),
    Defect("status-lost", SaysNotShown, SHOWS),
    Defect("status-lost-asked", KnowsNoStates, {**SHOWS, "repeat": "QUERYABLE"}),
    Defect("collect-names", NamesNoNotice, RETURNS),
    Defect("fetch-whole", FetchesHalf, RETURNS),
    Defect("collect-until-acknowledged", ForgetsAtOnce, RETURNS),
    Defect("collect-away", NothingCameBack, RETURNS),
)
