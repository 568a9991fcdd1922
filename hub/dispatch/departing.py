"""From a leased notice to the call that leaves: deposit, set_status, reconcile or prepare."""

from dataclasses import dataclass

from hub import telling
from hub.dispatch.flights import Flight
from hub.parcel import Parcel
from hub.transition import DEPOSIT, PREPARE, SET_STATUS
from postfach_mailbox.frames import (
    Operation,
    Payload,
    PreparePayload,
    ReconcilePayload,
    StatusPayload,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """An attempt that is written as started: its call may leave now.

    parcel: for all but reconcile; attempt: which deposit of the notice it is, 1 for the first
    reference: for reconcile, the mailbox's own id where it told one
    """

    flight: Flight
    parcel: Parcel | None = None
    attempt: int = 1
    reference: str | None = None

    def call(self) -> tuple[Operation, Payload, list[str]]:
        """Return operation, payload and the segments whose descriptors the payload counts in."""
        operation = self.flight.lease.operation
        if self.parcel is not None and operation == DEPOSIT:
            payload, segments = telling.payload(self.parcel, self.attempt)
            return Operation.DEPOSIT, payload, segments
        if self.parcel is not None and operation == PREPARE:
            made = PreparePayload(key=self.parcel.delivery_key, notice=telling.told(self.parcel))
            return Operation.PREPARE, made, []
        if self.parcel is not None and operation == SET_STATUS:
            return Operation.SET_STATUS, StatusPayload(update=telling.status_data(self.parcel)), []
        asked = ReconcilePayload(key=self.flight.delivery_key, reference=self.reference)
        return Operation.RECONCILE, asked, []
