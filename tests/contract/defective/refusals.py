"""Deposits that store nothing, and questions about accounts."""

from postfach_mailbox import (
    Account,
    Deferred,
    Delivery,
    Deposited,
    Held,
    Keep,
    Outcome,
    Reason,
    RefusalCode,
    Refused,
    Unknown,
)
from postfach_mailbox.testkit.fake import FakeMailbox
from tests.contract.defective.defect import Defect

WHY = Reason(code="DEFECT", text="a defect")


class WaitsForStrangers(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        unknown = isinstance(outcome, Refused) and outcome.reason.code == "RECIPIENT_UNKNOWN"
        return Deferred(reason=WHY) if unknown else outcome


class CallsItUnknown(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        if isinstance(outcome, Refused) and outcome.reason.code == "RECIPIENT_DELETED":
            code = RefusalCode.RECIPIENT_UNKNOWN.value
            return Refused(reason=outcome.reason.model_copy(update={"code": code}))
        return outcome


class InDoubtAfterUse(FakeMailbox):
    used = False

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        away = isinstance(outcome, Deferred) and outcome.reason.code == "UNREACHABLE"
        self.used = self.used or isinstance(outcome, Deposited)
        return Unknown(reason=WHY) if away and self.used else outcome


class InDoubtWhenAway(FakeMailbox):
    used = False

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        self.used = self.used or isinstance(outcome, Deposited)
        away = (
            not self.used and isinstance(outcome, Deferred) and outcome.reason.code == "UNREACHABLE"
        )
        return Unknown(reason=WHY) if away else outcome


class NeverComesBack(FakeMailbox):
    gone = False

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep) if not self.gone else Deferred(reason=WHY)
        self.gone = self.gone or (isinstance(outcome, Deferred) and outcome.not_before is None)
        return outcome


class NamesThePerson(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        if isinstance(outcome, Refused):
            text = f"no open account {delivery.notice.mailbox.id}"
            return Refused(reason=outcome.reason.model_copy(update={"text": text}))
        return outcome


class DeafToWishes(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        return Deferred(reason=outcome.reason) if isinstance(outcome, Deferred) else outcome


class BlamesTheRecipient(FakeMailbox):
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        outcome = super().deposit(delivery, keep)
        if isinstance(outcome, Held):
            return Refused(reason=Reason(code=RefusalCode.OTHER.value, text="turned down"))
        return outcome


class ForgetsClosedAccounts(FakeMailbox):
    def account(self, address: str) -> Account:
        found = super().account(address)
        return Account(status="unknown") if found.status == "deleted" else found


class Guesses(FakeMailbox):
    def account(self, address: str) -> Account:
        return Account(status="unknown") if self._desk.away() else super().account(address)


DEFECTS = (
    Defect("recipient-unknown", WaitsForStrangers),
    Defect("recipient-deleted", CallsItUnknown),
    Defect("away-defers", InDoubtWhenAway),
    Defect("away-after-use", InDoubtAfterUse),
    Defect("comes-back", NeverComesBack),
    Defect("reasons-clean", NamesThePerson),
    Defect("retry-after", DeafToWishes),
    Defect("credentials", BlamesTheRecipient),
    Defect("account", ForgetsClosedAccounts),
    Defect("account-away", Guesses),
)
