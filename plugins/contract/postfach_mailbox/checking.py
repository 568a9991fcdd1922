"""What a check gets of a drop before the hub takes it over, and what it may say.

    Passed      nothing to object; the drop is taken once every check has passed it
    Objected    the drop is refused with a receipt: for good, so only for what is in the drop itself
    Undecided   cannot say now: the drop waits, and is asked about again

A check that does not answer counts as Undecided: no drop passes and none is refused for a fault of
the check. Texts hold no payload, no name and no secret; they stand in logs, not in receipts.
"""

import time
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from postfach_mailbox.notice import DeliveryDocument, NoticeData
from postfach_mailbox.outcomes import Frozen, Reason
from postfach_mailbox.version import FIRST_VERSION, VERSION_PATTERN


class CheckCapabilities(Frozen):
    """A check's own description.

    contract: version of the contract that the plugin was written for
    in_flight: calls at once that suit the check, as a hint; hub.toml decides
    """

    kind: Literal["check"] = "check"
    contract: str = Field(default=FIRST_VERSION, pattern=VERSION_PATTERN)
    in_flight: int | None = Field(default=None, ge=1, le=1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A drop to be looked at: it passed the hub's own checks and is not taken yet.

    notice: `mailbox.scheme` is None where the envelope names none
    documents: in the order of the notice, as they were handed in
    deadline: end of this call on CLOCK_BOOTTIME, in seconds; a later answer is not heard
    """

    notice: NoticeData
    documents: tuple[DeliveryDocument, ...]
    deadline: float

    def seconds_left(self) -> float:
        """Return how long this call may still take, for the time-outs of a client; 0 or more."""
        return max(0.0, self.deadline - time.clock_gettime(time.CLOCK_BOOTTIME))


class Passed(Frozen):
    """Nothing to object."""

    kind: Literal["passed"] = "passed"


class Objected(Frozen):
    """The drop must not be taken.

    reason: `mailbox_code` is what the check's own engine said, such as a signature's name
    document: id of the document that it is about; None: about the notice
    """

    kind: Literal["objected"] = "objected"
    reason: Reason
    document: str | None = Field(default=None, min_length=1, max_length=255)


class Undecided(Frozen):
    """The check cannot say now."""

    kind: Literal["undecided"] = "undecided"
    reason: Reason


Verdict = Passed | Objected | Undecided
"""What `check` returns."""
