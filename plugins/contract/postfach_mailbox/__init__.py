"""The contract between the hub and a mailbox.

A mailbox plugin is a distribution of its own, `postfach-mailbox-<name>`, with an entry point in the
group `postfach.mailboxes` that names a module. It imports this package and nothing of the hub. A
whole mailbox:

    from postfach_mailbox import (
        Capabilities, Delivery, Deferred, Deposited, Evidence, Health, Outcome, Reason, Repeat,
        Settings, hookimpl,
    )

    class PortalMailbox:
        class Config(Settings):
            url: str

        def __init__(self, config: Config) -> None:
            self.client = Client(config.url)

        def capabilities(self) -> Capabilities:
            return Capabilities(
                scheme="portal", address_pattern="[0-9]{10}", legal_bases={"OZG9"},
                assurance_level="high", max_file=10**8, max_total=10**9, max_count=20,
                repeat=Repeat.NEITHER,
            )

        def deposit(self, delivery: Delivery) -> Outcome:
            try:
                connection = self.client.connect(timeout=delivery.seconds_left())
            except OSError:  # nothing was sent: surely not stored
                return Deferred(reason=Reason(code="UNREACHABLE", text="portal: no connection"))
            answer = connection.upload(delivery)  # raises: the hub notes that it may be stored
            return Deposited(
                reference=answer.id, provided_at=answer.time, source="mailbox",
                evidence=(Evidence(name="answer.json", media_type="application/json",
                                   data=answer.body),),
            )

        def health(self) -> Health:
            return Health(status="up" if self.client.ping() else "down")

    @hookimpl
    def postfach_mailbox() -> type:
        return PortalMailbox

The hub runs it in a process of its own, gives it only its own settings, and calls it in several
threads. `hooks` says what each operation means, `outcomes` what to answer and when.
"""

from postfach_mailbox.capabilities import Capabilities, Repeat
from postfach_mailbox.checking import (
    CheckCapabilities,
    Objected,
    Passed,
    Submission,
    Undecided,
    Verdict,
)
from postfach_mailbox.hooks import (
    CheckHooks,
    CheckPluginHooks,
    Keep,
    KeepFailed,
    MailboxHooks,
    ObserverHooks,
    ObserverPluginHooks,
    PluginHooks,
    hookimpl,
)
from postfach_mailbox.notice import (
    Acknowledged,
    AddressData,
    AuthorData,
    CodeData,
    Collected,
    Delivery,
    DeliveryDocument,
    DocumentData,
    Fetched,
    Item,
    NoticeData,
    ReplyData,
    ReplyDocument,
    StatusUpdate,
)
from postfach_mailbox.observing import NoticeEvent, Observed, ObserverCapabilities
from postfach_mailbox.outcomes import (
    Absent,
    Account,
    Deferred,
    Deposited,
    Evidence,
    Health,
    Held,
    Outcome,
    Pending,
    Prepared,
    Reason,
    Reconciled,
    RefusalCode,
    Refused,
    Unknown,
)
from postfach_mailbox.settings import HubPath, Settings
from postfach_mailbox.version import CONTRACT_VERSION

__all__ = [
    "CONTRACT_VERSION",
    "Absent",
    "Account",
    "Acknowledged",
    "AddressData",
    "AuthorData",
    "Capabilities",
    "CheckCapabilities",
    "CheckHooks",
    "CheckPluginHooks",
    "CodeData",
    "Collected",
    "Deferred",
    "Delivery",
    "DeliveryDocument",
    "Deposited",
    "DocumentData",
    "Evidence",
    "Fetched",
    "Health",
    "Held",
    "HubPath",
    "Item",
    "Keep",
    "KeepFailed",
    "MailboxHooks",
    "NoticeData",
    "NoticeEvent",
    "Objected",
    "Observed",
    "ObserverCapabilities",
    "ObserverHooks",
    "ObserverPluginHooks",
    "Outcome",
    "Passed",
    "Pending",
    "PluginHooks",
    "Prepared",
    "Reason",
    "Reconciled",
    "RefusalCode",
    "Refused",
    "Repeat",
    "ReplyData",
    "ReplyDocument",
    "Settings",
    "StatusUpdate",
    "Submission",
    "Undecided",
    "Unknown",
    "Verdict",
    "hookimpl",
]
