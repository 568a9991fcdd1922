"""The outcomes that receipts report, with the events of ETSI EN 319 522 they are provable as."""

from enum import StrEnum
from typing import Final

_EVENT: Final = "http://uri.etsi.org/19522/Event/"


class Outcome(StrEnum):
    """What a receipt says became of a notice, a drop, or a status."""

    ACCEPTED = "ACCEPTED"  # taken over; an answer follows
    REJECTED = "REJECTED"  # the drop was never taken
    DEPOSITED = "DEPOSITED"  # the mailbox confirmed it
    FAILED = "FAILED"  # surely not deposited: deliver by post
    UNRESOLVED = "UNRESOLVED"  # the deadline came in doubt: a person decides
    SETTLED = "SETTLED"  # a person decided
    POSTED = "POSTED"  # handed to the postal service
    POSTED_ON = "POSTED_ON"  # the postal service sent it on
    UNDELIVERABLE = "UNDELIVERABLE"  # the postal service could not
    RETRIEVED = "RETRIEVED"  # the recipient fetched it for the first time
    NOT_RETRIEVED = "NOT_RETRIEVED"  # not fetched in time: the provision has ended
    STATUS_SET = "STATUS_SET"
    STATUS_REFUSED = "STATUS_REFUSED"
    STATUS_UNRESOLVED = "STATUS_UNRESOLVED"

    @property
    def suffix(self) -> str:
        """The part of the receipt's file name that says its kind."""
        return _SUFFIX.get(self, self.value.lower().replace("_", "-"))

    @property
    def event(self) -> str | None:
        """The event's URI by ETSI EN 319 522-2; None for the status of an application.

        SETTLED: where it was settled as deposited; settled as failed is the failure's event.
        """
        name = _EVENTS.get(self)
        return None if name is None else _EVENT + name

    @property
    def final(self) -> bool:
        """Whether it ends a notice, or a status update, once and for all."""
        return self in _FINAL


_SUFFIX: Final = {
    Outcome.POSTED_ON: "post-result",
    Outcome.UNDELIVERABLE: "post-result",
    Outcome.STATUS_SET: "status",
    Outcome.STATUS_REFUSED: "status",
    Outcome.STATUS_UNRESOLVED: "status",
}
_EVENTS: Final = {
    Outcome.ACCEPTED: "SubmissionAcceptance",
    Outcome.REJECTED: "SubmissionRejection",
    Outcome.DEPOSITED: "ContentConsignment",
    Outcome.FAILED: "ContentConsignmentFailure",
    Outcome.UNRESOLVED: "ContentConsignmentFailure",
    Outcome.SETTLED: "ContentConsignment",
    Outcome.POSTED: "RelayToNonERDS",
    Outcome.POSTED_ON: "RelayToNonERDS",
    Outcome.UNDELIVERABLE: "RelayToNonERDSFailure",
    Outcome.RETRIEVED: "ContentHandover",
    Outcome.NOT_RETRIEVED: "ContentConsignmentFailure",
}
_FINAL: Final = frozenset(
    {
        Outcome.DEPOSITED,
        Outcome.FAILED,
        Outcome.UNRESOLVED,
        Outcome.STATUS_SET,
        Outcome.STATUS_REFUSED,
        Outcome.STATUS_UNRESOLVED,
    }
)
