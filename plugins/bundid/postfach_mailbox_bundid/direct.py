"""Straight to the service, over mutual TLS: it confirms at once, and cannot be asked later."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from postfach_http import Answer, Client, Failed, Tls
from postfach_http.outcomes import deferred, of_failure
from postfach_mailbox import Delivery, Health, Keep, Outcome, Reconciled, StatusUpdate
from postfach_mailbox.cipher import Damaged
from postfach_mailbox_bundid import answers, envelope
from postfach_mailbox_bundid.assumed import MESSAGES, REQUEST_ID, STATES
from postfach_mailbox_bundid.author import Author, Unfit
from postfach_mailbox_bundid.upload import Body, Spoilt

TRIES: Final = 5  # with one certificate after the other, where it is changed again and again
STATE_SECONDS: Final = 20.0  # for a state; the hub ends a call after 30, unless told otherwise
HEALTH_SECONDS: Final = 10.0


class Direct:
    """The service at its URL."""

    def __init__(self, url: str, tls: Tls) -> None:
        """Take where it is and who we are; opens nothing."""
        self._tls, self._client = tls, Client(url, tls)

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Put a message into a mailbox."""
        del keep  # the service names its id in the answer, when it is too late to keep it first
        prepared = delivery.prepared
        if prepared is None:
            return answers.held("NOT_PREPARED", "the hub gave no prepared bytes")

        def put(author: Author) -> Answer:
            body = Body.of(envelope.current(prepared, author.key), delivery.documents)
            return self._client.ask(
                "PUT",
                MESSAGES,
                headers=_headers(author, body.content_type, delivery.key),
                body=body.pieces(),
                length=body.length,
                left=delivery.seconds_left,
            )

        try:
            return self._outcome(put, answers.message)
        except (
            Damaged,
            Spoilt,
        ):  # of a document, while it was sent: the service has not the whole message
            return deferred("PAYLOAD_DAMAGED", "stored content is damaged")

    def set_status(self, update: StatusUpdate, content: str, keep: Keep) -> Outcome:
        """Show a state."""
        del keep  # as with a message

        def post(author: Author) -> Answer:
            data = envelope.sealed(content, author.key)
            return self._client.ask(
                "POST",
                STATES,
                headers=_headers(author, "application/json", update.key),
                body=data,
                length=len(data),
                left=_within(STATE_SECONDS),
            )

        return self._outcome(post, answers.state)

    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        """Say that no one can be asked."""
        del key, reference
        return answers.unknown("CANNOT_ASK", "the service answers no questions about a message")

    def health(self) -> Health:
        """Ask for a path that takes no questions: who is not let in is told so before that."""
        try:
            author = Author.of(self._tls.identity())
            left = _within(HEALTH_SECONDS)
            answer = self._client.ask("GET", MESSAGES, headers=_headers(author), left=left)
        except (Failed, Unfit) as error:
            return Health(status="down", text=str(error)[:500])
        return answers.health(answer)

    def _outcome(
        self, send: Callable[[Author], Answer], read: Callable[[Answer], Outcome]
    ) -> Outcome:
        try:
            answer = self._sent(send)
        except Failed as failure:
            return of_failure(failure)
        except Unfit as error:
            return answers.held("CERTIFICATE", str(error))
        return read(answer)

    def _sent(self, send: Callable[[Author], Answer]) -> Answer:
        """Send; where the certificate was changed under way, the new one has its try.

        Raises Failed, Unfit.
        """
        tries = 0
        while True:
            tries += 1
            loaded, author = self._tls.loaded(), Author.of(self._tls.identity())
            answer = send(author)
            if tries == TRIES or not answers.concerns_sender(answer):
                return answer
            if self._tls.loaded() is loaded and Author.of(self._tls.identity()) == author:
                return answer


def _headers(
    author: Author, content_type: str | None = None, key: str | None = None
) -> dict[str, str]:
    token = author.token(datetime.now(UTC))
    found = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    if content_type is not None:
        found["Content-Type"] = content_type
    if key is not None:
        found[REQUEST_ID] = key
    return found


def _within(seconds: float) -> Callable[[], float]:
    end = time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
    return lambda: max(0.0, end - time.clock_gettime(time.CLOCK_BOOTTIME))
