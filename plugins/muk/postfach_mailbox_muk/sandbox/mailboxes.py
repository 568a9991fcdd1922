"""The mailboxes behind the gateway: whose order they refuse, and what they have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from postfach_mailbox_muk.assumed import Code
from postfach_mailbox_muk.sandbox.fields import Document, Order
from postfach_mailbox_muk.sandbox.records import Record, Records, Upload
from postfach_sandbox.arrivals import Arrivals

# In two parts, so that no scanner takes this file for one.
EICAR: Final = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A company's account: its assurance level (1 low, 2 substantial), and what it is not.

    foreign: its pseudonym belongs to another service provider
    """

    level: int
    deleted: bool = False
    foreign: bool = False


SUBSTANTIAL: Final = "du-20000000-0000-4000-8000-000000000002"
LOW: Final = "du-10000000-0000-4000-8000-000000000001"
DELETED: Final = "du-90000000-0000-4000-8000-000000000009"
FOREIGN: Final = "du-70000000-0000-4000-8000-000000000007"
UNKNOWN: Final = "du-00000000-0000-4000-8000-000000000000"  # well-formed, and no one's
ACCOUNTS: Final[Mapping[str, Account]] = {
    SUBSTANTIAL: Account(level=2),
    LOW: Account(level=1),
    DELETED: Account(level=2, deleted=True),
    FOREIGN: Account(level=2, foreign=True),
}


class Mailboxes:
    """All of them. accounts: by pseudonym, may be changed while it serves."""

    def __init__(
        self, folder: Path, accounts: Mapping[str, Account], uploads: Records[Upload]
    ) -> None:
        """Go on with what lies in the folder."""
        self.accounts, self.arrivals, self._uploads = dict(accounts), Arrivals(folder), uploads
        self._deposited = {each.facts["order"] for each in self.arrivals.all()}

    def have(self, order: str) -> bool:
        """Tell whether an order was deposited."""
        return order in self._deposited

    def reason(self, order: Order) -> Code | None:
        """Return why an order is refused; None: it is not."""
        account = self.accounts.get(order.recipient)
        if account is None:
            return Code.PSEUDONYM_UNKNOWN
        if account.foreign:
            return Code.PSEUDONYM_FOREIGN
        if account.deleted:
            return Code.ACCOUNT_DELETED
        if account.level < order.level:
            return Code.LEVEL_TOO_LOW
        infected = any(EICAR in self._bytes(each) for each in order.documents)
        return Code.MALWARE_FOUND if infected else None

    def store(self, record: Record, at: datetime) -> None:
        """Deposit an order, once: a kill may have come before it was noted."""
        if self.have(record.id):
            return
        order = record.order
        with self.arrivals.begin() as incoming:
            incoming.write("order.json", order.model_dump_json(indent=1).encode())
            for place, each in enumerate(order.documents, 1):
                incoming.write(f"file-{place:02d}", self._bytes(each))
            facts: dict[str, Any] = {
                "order": record.id,
                "request": record.request,
                "client": record.client,
                "recipient": order.recipient,
                "sender": order.sender,
                "subject": order.subject,
                "documents": [each.filename for each in order.documents],
            }
            incoming.keep(facts, at)
        self._deposited.add(record.id)

    def _bytes(self, document: Document) -> bytes:
        return self._uploads.file(document.fileId, ".bytes").read_bytes()
