"""Requests to the gateway: upload the documents, order, ask what became of it.

Only the order deposits anything: whatever fails before it, a lost answer too, is surely not
deposited. What was uploaded and never ordered is the gateway's to delete.
"""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Final
from urllib.parse import quote

from postfach_http import Answer, Client, Failed, Lost, Tls
from postfach_http.call import lasting
from postfach_http.outcomes import deferred, http_date, of_answer, of_failure, unknown
from postfach_mailbox import (
    Absent,
    Delivery,
    DeliveryDocument,
    Health,
    Keep,
    KeepFailed,
    Outcome,
    Pending,
    Reconciled,
)
from postfach_mailbox.cipher import CHUNK, Damaged
from postfach_mailbox.outcomes import Reason, Refused
from postfach_mailbox_muk import answers, order
from postfach_mailbox_muk.assumed import (
    FILE_ID,
    FILE_NAME,
    ORDER,
    ORDERS,
    REPLIES,
    REQUEST_ID,
    UPLOAD,
    Code,
)
from postfach_mailbox_muk.order import NotAccepted, Reference
from postfach_mailbox_muk.settings import Config

ASK_SECONDS: Final = 20.0
HEALTH_SECONDS: Final = 10.0
JSON: Final = "application/json"
Left = Callable[[], float]


class Spoilt(Exception):
    """A document gave other than its announced number of bytes."""


class _Ended(Exception):
    """The call ends with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.kind)
        self.outcome = outcome


class Gateway:
    """The gateway at its URL. Safe for threads; opens nothing until it is asked."""

    def __init__(self, config: Config) -> None:
        """Take the settings; no network, and no file is read."""
        tls = Tls(config.ca_file, config.certificate_file, config.password_file)
        self._config, self.client = config, Client(config.url, tls)

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Upload the documents and order their deposit."""
        reference = Reference(order=order.order_id(delivery.key), since=int(time.time()))
        try:
            papers = order.documents(delivery)
            keep(reference.text)
            files = [self._upload(each, delivery.key, delivery.seconds_left) for each in papers]
            data = order.written(delivery, files, self._config)
        except NotAccepted as error:
            return Refused(reason=Reason(code=error.code.value, text=error.text))
        except KeepFailed:
            return deferred("NOT_KEPT", "the hub did not keep the order's id; nothing was ordered")
        except (Damaged, Spoilt):
            return deferred("PAYLOAD_DAMAGED", "stored content is damaged")
        except _Ended as ended:
            return ended.outcome
        try:
            answer = self._send(ORDERS, data, JSON, delivery.key, delivery.seconds_left)
        except Failed as failure:
            return of_failure(failure)
        return answers.ordered(answer, reference)

    def reconcile(self, reference: str | None) -> Reconciled:
        """Say what became of an order; to be asked only when its call's end is over.

        One that the gateway does not know was lost there, if it was taken; else it may still be
        under way, for a while.
        """
        if reference is None:
            return Absent()
        try:
            known = Reference.read(reference)
        except ValueError:
            return unknown("REFERENCE_UNREADABLE", "the reference is none of this mailbox")
        try:
            answer = self._ask(ORDER.format(order=known.order))
        except Failed as failure:
            return of_failure(failure)
        if answer.status == 200:
            return answers.stands(answer, known)
        if answers.code(answer) is Code.ORDER_UNKNOWN:
            return _unheard_of(answer, known, self._config.quiet)
        text = "the gateway did not say what became of the order"
        return of_answer(answer) or unknown(f"HTTP_{answer.status}", text)

    def health(self) -> Health:
        """Say whether the gateway answers, and lets us in."""
        try:
            answer = self.client.question(
                "GET", f"{REPLIES}?limit=1", headers={"Accept": JSON}, seconds=HEALTH_SECONDS
            )
        except Failed as failure:
            return Health(status="down", text=str(failure)[:500])
        if answer.status != 200:
            said = answers.OURS.get(answers.code(answer) or Code.BROKEN, f"HTTP {answer.status}")
            return Health(status="down", text=said)
        return Health(status="up")

    def _upload(self, document: DeliveryDocument, key: str, left: Left) -> str:
        facts = document.facts
        headers = {
            "Content-Type": facts.content_type,
            FILE_NAME: quote(facts.filename, safe=""),
            REQUEST_ID: key,
            "Accept": JSON,
        }
        try:
            with closing(_pieces(document)) as pieces:
                answer = self.client.ask(
                    "POST", UPLOAD, headers=headers, body=pieces, length=facts.size, left=left
                )
        except Lost:
            text = "an answer was lost before anything was ordered"
            raise _Ended(deferred("ANSWER_LOST", text)) from None
        except Failed as failure:
            raise _Ended(of_failure(failure)) from failure
        found = answers.field(answer, FILE_ID)
        if answer.status != 201 or found is None or not answer.sent:
            raise _Ended(answers.uploaded(answer))
        return found

    def _send(self, path: str, data: bytes, media_type: str, key: str, left: Left) -> Answer:
        headers = {"Content-Type": media_type, "Accept": JSON, REQUEST_ID: key}
        return self.client.ask(
            "POST", path, headers=headers, body=data, length=len(data), left=left
        )

    def _ask(self, path: str) -> Answer:
        return self.client.ask("GET", path, headers={"Accept": JSON}, left=lasting(ASK_SECONDS))


def _unheard_of(answer: Answer, known: Reference, quiet: int) -> Reconciled:
    if known.taken:
        return Pending(reference=known.text)  # it said that it has it: only a person can tell
    date = http_date(answer)
    now = date.timestamp() if date is not None else time.time()
    if known.since + quiet <= min(now, time.time()):
        return Absent()
    return unknown("NOT_SETTLED", "not ordered so far; a request may still be under way")


def _pieces(document: DeliveryDocument) -> Generator[bytes]:
    left = document.facts.size
    with document.open() as stream:
        while data := stream.read(CHUNK):
            left -= len(data)
            if left < 0:
                break
            yield data
    if left:
        raise Spoilt("a document is not as long as announced")
