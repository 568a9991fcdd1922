"""The gateway: what is taken at once, and what becomes of it later."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from postfach_mailbox_muk.assumed import MEDIA_TYPES, Code, State
from postfach_mailbox_muk.sandbox.fields import Document, Order
from postfach_mailbox_muk.sandbox.mailboxes import ACCOUNTS, Account, Mailboxes
from postfach_mailbox_muk.sandbox.records import Record, Records, Reply, Upload
from postfach_mailbox_muk.sandbox.refusing import Refusal
from postfach_sandbox.faults import Fault, Switch, Switches

LATE, BY_HAND, FORGET = "deposit-late", "by-hand", "forget"
REASONS: Final = (
    Code.PSEUDONYM_UNKNOWN,
    Code.PSEUDONYM_FOREIGN,
    Code.ACCOUNT_DELETED,
    Code.LEVEL_TOO_LOW,
    Code.MALWARE_FOUND,
)
REFUSES: Final = {f"refuse-{each.lower().replace('_', '-')}": each for each in REASONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A document of a reply."""

    filename: str
    content_type: str
    data: bytes


class Service:
    """The gateway. Safe for threads; what is public may be changed while it serves.

    senders: common names that are let in
    after: seconds until an order is decided on; None: when someone says so
    """

    def __init__(
        self,
        folder: Path,
        *,
        accounts: Mapping[str, Account] = ACCOUNTS,
        senders: frozenset[str],
        after: float | None = 0.0,
    ) -> None:
        """Keep all in `folder`, and go on with what lies there."""
        self.senders, self.after = senders, after
        self.switches = Switches((LATE, BY_HAND, FORGET, *REFUSES))
        self.uploads = Records(folder / "uploads", Upload)
        self.orders = Records(folder / "orders", Record)
        self.replies = Records(folder / "replies", Reply)
        self.mailboxes = Mailboxes(folder / "arrived", accounts, self.uploads)
        self._lock = threading.RLock()

    def keep_upload(self, client: str, name: str, content_type: str, path: Path) -> Upload:
        """Take over an uploaded file. Raises Refusal."""
        data = path.read_bytes()
        if content_type not in MEDIA_TYPES:
            raise Refusal(Code.TYPE_REFUSED, f"Content-Type: one of {', '.join(MEDIA_TYPES)}")
        if not data:
            raise Refusal(Code.REQUEST_INVALID, "the document is empty")
        upload = Upload(
            id=str(uuid4()),
            client=client,
            filename=name,
            content_type=content_type,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        path.replace(self.uploads.file(upload.id, ".bytes"))
        return self.uploads.put(upload)

    def take(self, client: str, order: Order, request: str | None, switch: Switch) -> Record:
        """Take an order. Raises Refusal: it is known, or not what it must be."""
        with self._lock:
            if self.orders.get(order.orderId) is not None or self.mailboxes.have(order.orderId):
                raise Refusal(Code.ORDER_KNOWN, "orderId: there is such an order")
            for number, each in enumerate(order.documents):
                self._check(client, each, f"documents.{number}")
            now = self._now(order.recipient)
            record = Record(
                id=order.orderId,
                client=client,
                order=order,
                request=request,
                created=now,
                at=now,
                due=self._due(switch, now),
                reason=REFUSES.get(switch.do)
                or (Code.ACCOUNT_DELETED if switch.do == Fault.CLOSED else None),
            )
            self.orders.put(record)
            if switch.do == FORGET:
                self.orders.forget(record.id)
            return record

    def find(self, client: str, id_: str) -> Record:
        """Return an order, after what is due was done. Raises Refusal."""
        with self._lock:
            record = self.orders.get(id_)
            if record is None or record.client != client:
                raise Refusal(Code.ORDER_UNKNOWN, "there is no such order")
            due = record.due is not None and self._now(record.order.recipient) >= record.due
            if record.state in (State.TAKEN, State.WORKING) and due:
                return self._decide(record)
            return record

    def deposit(self, id_: str) -> Record:
        """Decide on an order now. Raises KeyError."""
        with self._lock:
            record = self.orders.get(id_)
            if record is None:
                raise KeyError(id_)
            return record if record.state is State.DEPOSITED else self._decide(record)

    def refuse(self, id_: str, reason: str) -> Record:
        """Refuse an order now. Raises KeyError; ValueError: it is decided on."""
        with self._lock:
            record = self.orders.get(id_)
            if record is None:
                raise KeyError(id_)
            if record.state in (State.DEPOSITED, State.REFUSED):
                raise ValueError(f"order: is {record.state}")
            return self._end(record, State.REFUSED, reason)

    def reply(
        self, id_: str, subject: str, text: str | None = None, documents: Sequence[Handed] = ()
    ) -> Reply:
        """Let a company reply to an order. Raises KeyError; ValueError: it may not."""
        record = self.orders.get(id_)
        if record is None:
            raise KeyError(id_)
        if not record.order.mayReply:
            raise ValueError("order: wants no replies")
        reply = Reply(
            id=str(uuid4()),
            client=record.client,
            order=record.id,
            reference=record.order.senderReference,
            at=self._now(record.order.recipient),
            subject=subject,
            text=text,
            documents=tuple(_listed(each) for each in documents),
        )
        for number, each in enumerate(documents):
            self.replies.file(reply.id, f"-{number}").write_bytes(each.data)
        return self.replies.put(reply)

    def _check(self, client: str, document: Document, place: str) -> None:
        found = self.uploads.get(document.fileId)
        if found is None or found.client != client:
            raise Refusal(Code.FILE_UNKNOWN, f"{place}.fileId: was not uploaded")
        announced = (document.filename, document.contentType, document.size, document.sha256)
        if announced != (found.filename, found.content_type, found.size, found.sha256):
            raise Refusal(Code.FILE_MISMATCH, f"{place}: another document was uploaded")

    def _decide(self, record: Record) -> Record:
        reason = record.reason or self.mailboxes.reason(record.order)
        if reason is not None:
            return self._end(record, State.REFUSED, reason)
        self.mailboxes.store(record, self.switches.now(record.order.recipient))
        return self._end(record, State.DEPOSITED, None)

    def _end(self, record: Record, state: State, reason: str | None) -> Record:
        now = self._now(record.order.recipient)
        update = {"state": state, "reason": reason, "at": now, "due": None}
        return self.orders.put(record.model_copy(update=update))

    def _due(self, switch: Switch, now: float) -> float | None:
        if switch.do == BY_HAND:
            return None
        if switch.do == LATE:
            return now + switch.value
        return None if self.after is None else now + self.after

    def _now(self, recipient: str) -> float:
        return self.switches.now(recipient).timestamp()


def settle(service: Service) -> None:
    """Do what is due of all orders."""
    for each in service.orders.all():
        service.find(each.client, each.id)


def _listed(document: Handed) -> dict[str, Any]:
    return {
        "filename": document.filename,
        "contentType": document.content_type,
        "size": len(document.data),
        "sha256": hashlib.sha256(document.data).hexdigest(),
    }
