"""Through FIT-Connect to its bridge: a submission each, which the bridge accepts or rejects.

What is sent is the same signed envelope as to the service itself; token and certificate, which no
handshake carries here, stand in it. Only the bridge's signed accept is a deposit.

A reject that would meet every notice alike (our certificate, our token, the bridge's schema) fails
no notice: it was not stored, so it is `Held` by the call that learns it, or `Absent` where it is
learnt by asking. For a while nothing more is sent then, and `health` says why.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from postfach_fitconnect import Attachment, Bridge, Data, Parcel, Service
from postfach_http import NotTrusted, Tls
from postfach_http.call import lasting
from postfach_mailbox import (
    Absent,
    Delivery,
    Health,
    Held,
    Keep,
    Outcome,
    Reconciled,
    Refused,
    StatusUpdate,
)
from postfach_mailbox_bundid import answers, envelope
from postfach_mailbox_bundid.assumed import (
    BRIDGE_MESSAGE,
    BRIDGE_SCHEMA,
    BRIDGE_STATE,
    OUR_REJECTS,
)
from postfach_mailbox_bundid.author import Author, Unfit

STATE_SECONDS: Final = 20.0  # for a state; the hub ends a call after 30, unless told otherwise
PAUSE: Final = 300.0  # seconds after which it is tried again, whether something was mended or not


class Bridged:
    """The bridge, as one destination of FIT-Connect. Safe for threads."""

    def __init__(self, settings: Bridge, tls: Tls, service: Service | None = None) -> None:
        """Take where it is and who we are; opens nothing. `service`: another one, for tests."""
        self._tls, self._destination = tls, settings.destination
        self._service = service or Service(settings)
        self._faults = _Faults()

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Submit a message."""
        prepared = delivery.prepared
        if prepared is None:
            return answers.held("NOT_PREPARED", "the hub gave no prepared bytes")

        def parcel(author: Author) -> Parcel:
            return self._parcel(
                envelope.current(prepared, author.key),
                author,
                service=BRIDGE_MESSAGE,
                attachments=tuple(Attachment.of(each) for each in delivery.documents),
                request_id=delivery.key,
            )

        return self._submit(parcel, keep, delivery.seconds_left)

    def set_status(self, update: StatusUpdate, content: str, keep: Keep) -> Outcome:
        """Submit a state."""

        def parcel(author: Author) -> Parcel:
            sealed = envelope.sealed(content, author.key)
            return self._parcel(sealed, author, service=BRIDGE_STATE, request_id=update.key)

        return self._submit(parcel, keep, lasting(STATE_SECONDS))

    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        """Say what became of a submission."""
        del key  # FIT-Connect knows its own ids only
        found = self._service.reconcile(reference)
        if isinstance(found, Refused) and self._faults.of(found, self._stamp()) is not None:
            return Absent()  # rejected: it is not there and cannot be any more
        return found

    def health(self) -> Health:
        """Say whether messages would be taken."""
        fault = self._faults.current(self._stamp())
        if fault is not None:
            return Health(status="down", text=fault.reason.text)
        try:
            Author.of(self._tls.identity())
        except (NotTrusted, Unfit) as error:
            return Health(status="down", text=str(error)[:500])
        return self._service.health(self._destination)

    def _submit(
        self, parcel: Callable[[Author], Parcel], keep: Keep, left: Callable[[], float]
    ) -> Outcome:
        try:
            author = Author.of(self._tls.identity())
        except NotTrusted as error:
            return answers.held("TLS", str(error))
        except Unfit as error:
            return answers.held("CERTIFICATE", str(error))
        fault = self._faults.current(author.certificate)
        if fault is not None:
            return fault
        outcome = self._service.deposit(parcel(author), keep, left)
        if isinstance(outcome, Refused):
            return self._faults.of(outcome, author.certificate) or outcome
        return outcome

    def _parcel(
        self,
        sealed: bytes,
        author: Author,
        *,
        service: str,
        request_id: str,
        attachments: tuple[Attachment, ...] = (),
    ) -> Parcel:
        token = author.token(datetime.now(UTC))
        return Parcel(
            destination=self._destination,
            service=service,
            data=Data(
                content=envelope.with_author(sealed, token, author.certificate),
                schema=BRIDGE_SCHEMA,
            ),
            attachments=attachments,
            ours=True,
            request_id=request_id,
        )

    def _stamp(self) -> str:
        """Return our certificate, empty where there is none: another one is another try."""
        try:
            return Author.of(self._tls.identity()).certificate
        except (NotTrusted, Unfit):
            return ""


class _Faults:
    """The last reject that was our own fault: for whose certificate, and since when."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[Held, str, float] | None = None

    def of(self, refused: Refused, certificate: str) -> Held | None:
        """Return what a reject means that is our own fault, and remember it; None: it is not."""
        said = refused.reason.mailbox_code or ""
        text = OUR_REJECTS.get(said)
        if text is None:
            return None
        held = Held(reason=refused.reason.model_copy(update={"code": "REJECTED", "text": text}))
        with self._lock:
            self._last = (held, certificate, time.monotonic())
        return held

    def current(self, certificate: str) -> Held | None:
        """Return what still counts."""
        with self._lock:
            if self._last is None:
                return None
            held, of, since = self._last
            if certificate != of or time.monotonic() - since >= PAUSE:
                self._last = None
                return None
            return held
