"""How the fake answers a request, by what is in its file."""

import hashlib
import threading
from datetime import timedelta
from typing import BinaryIO

from postfach_mailbox.cipher import CHUNK
from postfach_mailbox.notice import Delivery, NoticeData
from postfach_mailbox.outcomes import (
    Deferred,
    Deposited,
    Evidence,
    Held,
    Outcome,
    Pending,
    Reason,
    RefusalCode,
    Refused,
    Unknown,
)
from postfach_mailbox.testkit.fake.store import Store, Stored


class Desk:
    """Where requests to the fake are answered."""

    def __init__(self, store: Store, *, confirms: str, prepares: bool) -> None:
        self._store, self._confirms, self._prepares = store, confirms, prepares

    def away(self) -> Deferred | Held | None:
        """Return how a request ends that is not taken at all; None: it is."""
        if self._store.mood("down"):
            return Deferred(reason=Reason(code="UNREACHABLE", text="the mailbox is away"))
        if self._store.mood("locked"):
            return Held(reason=Reason(code="HTTP_401", text="the credentials are not accepted"))
        if patience := self._store.mood("busy"):
            reason = Reason(code="HTTP_429", text="the mailbox is busy")
            return Deferred(reason=reason, not_before=timedelta(seconds=patience))
        return None

    def refused(self, delivery: Delivery) -> Outcome | None:
        """Return why a notice is never taken; None: it is."""
        account = self._store.account(delivery.notice.mailbox.id)
        if account == "unknown":
            return _refusal(RefusalCode.RECIPIENT_UNKNOWN, "there is no such account")
        if account == "deleted":
            return _refusal(RefusalCode.RECIPIENT_DELETED, "the account is closed")
        if self._prepares and delivery.prepared != signed(delivery.notice):
            return _refusal(RefusalCode.CONTENT_INVALID, "these bytes were not prepared for it")
        return None

    def answered(self, stored: Stored, left: float) -> Outcome:
        """Answer late, or not at all; after `left` seconds, nobody waits any more."""
        slow = self._store.mood("slow")
        threading.Event().wait(min(slow, left))
        if slow > left:
            return _unknown("TIMEOUT", "no answer before the call's end")
        if self._store.take("lose"):
            return _unknown("ANSWER_LOST", "the connection broke before the answer")
        return self.confirmed(stored)

    def confirmed(self, stored: Stored) -> Outcome:
        """Return the answer to what is stored, by its state."""
        if self._confirms == "later" and stored.state == "taken":
            return Pending(reference=stored.reference, check_after=timedelta(0))
        if stored.state == "refused":
            return _refusal(RefusalCode.OTHER, "the mailbox turned it down")
        answer = Evidence(
            name="answer.json",
            media_type="application/json",
            data=f'{{"id": "{stored.reference}"}}'.encode(),
            in_receipt=True,
        )
        return Deposited(
            reference=stored.reference,
            provided_at=stored.at,
            source="mailbox",
            evidence=(answer,),
        )


def signed(notice: NoticeData) -> bytes:
    """Return what stands for a signature over a notice."""
    return b"signed: " + hashlib.sha256(notice.model_dump_json().encode()).hexdigest().encode()


def digest(stream: BinaryIO) -> str:
    """Return the SHA-256 of what is left of a stream, read in pieces."""
    made = hashlib.sha256()
    while data := stream.read(CHUNK):
        made.update(data)
    return made.hexdigest()


def _refusal(code: RefusalCode, text: str) -> Refused:
    return Refused(reason=Reason(code=code.value, text=text))


def _unknown(code: str, text: str) -> Unknown:
    return Unknown(reason=Reason(code=code, text=text))
