"""Calls that are out: what each is about, and how it ended."""

from dataclasses import dataclass

from hub.issuing import Facts
from hub.journal.attempts import Lease
from hub.model import State
from hub.transition import PREPARE, RECONCILE, Policy
from postfach_mailbox import (
    Absent,
    Deferred,
    Held,
    Outcome,
    Prepared,
    Reason,
    Refused,
    Unknown,
)
from postfach_mailbox.frames import Failed

NOT_SENT = Held(reason=Reason(code="NOT_SENT", text="the call did not reach the mailbox's process"))
UNREADABLE = Held(reason=Reason(code="PAYLOAD", text="what is stored of it does not open"))
LOST = Unknown(reason=Reason(code="CHILD_DIED", text="the mailbox's process ended during the call"))
STOPPED = Unknown(reason=Reason(code="HUB_STOPPED", text="the hub was stopped during the call"))
UNPREPARED = "PREPARE_FAILED"

Ending = Outcome | Absent
Answered = Ending | Prepared | Failed
"""What a call of the dispatch stage may end in; the last two only where bytes were to be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A call that is out: what it is about, and what its receipts will say.

    state, failures: of its notice before the call; crashes: this call counted, if it is a suspect's
    follows: of a post job, the notice that failed: its receipts are that one's
    """

    mailbox: str
    lease: Lease
    state: State
    failures: int
    tenant: str
    procedure: str
    delivery_key: str
    facts: Facts
    policy: Policy
    suspect: bool = False
    crashes: int = 0
    follows: int | None = None

    @property
    def about(self) -> int:
        """Whose receipts tell of it."""
        return self.lease.notice_id if self.follows is None else self.follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a flight ended."""

    flight: Flight
    outcome: Answered

    @property
    def unreadable(self) -> bool:
        """Whether nothing left, since what is stored of it does not open: its own fault alone."""
        return self.outcome is UNREADABLE

    @property
    def crashed(self) -> bool:
        """Whether the mailbox's process died during it; no answer of a plugin is this object."""
        return self.outcome is LOST

    @property
    def only_asked(self) -> bool:
        """Whether the mailbox answered a question about a notice that its process died of."""
        return (
            self.flight.suspect
            and self.flight.lease.operation == RECONCILE
            and not (self.crashed or self.unreadable)
        )

    @property
    def ending(self) -> Ending:
        """How the attempt ended for its notice.

        Bytes that could not be made leave it as it was: nothing was sent, and it is tried again.
        """
        outcome = self.outcome
        if isinstance(outcome, Prepared):
            raise TypeError("bytes that were made are no end: see hub.dispatch.preparing")
        if isinstance(outcome, Failed):
            reason = outcome.reason
        elif self.flight.lease.operation == PREPARE and not isinstance(outcome, Refused | Held):
            reason = getattr(outcome, "reason", None) or Reason(code=UNPREPARED, text="no bytes")
        else:
            return outcome
        return Deferred(reason=Reason(code=UNPREPARED, text=reason.text, mailbox_code=reason.code))
