"""What an observer is told of what happens to notices: ids and states, nothing that was handed in.

Events come in the order of the hub's log, each at least once: what was not confirmed by `Observed`
comes again, also after a restart, so an observer that must count once remembers the last `id`.
"""

from typing import Literal

from pydantic import Field

from postfach_mailbox.outcomes import Frozen, Utc
from postfach_mailbox.version import FIRST_VERSION, VERSION_PATTERN

EVENTS_MAX = 100  # events of one call


class ObserverCapabilities(Frozen):
    """An observer's own description.

    contract: version of the contract that the plugin was written for
    """

    kind: Literal["observer"] = "observer"
    contract: str = Field(default=FIRST_VERSION, pattern=VERSION_PATTERN)


class NoticeEvent(Frozen):
    """One entry of the hub's evidence log, without names, addresses, subjects and digests.

    id: place in the log; grows, with gaps; never used twice
    event: what happened, such as `notice.taken` or `receipt.issued`; new ones may come with new
        versions of the hub, so an observer passes over what it does not know
    at: when, by the hub's clock
    state: the notice's state by then, where the entry tells it
    outcome: of a receipt, such as `deposited`; of an attempt, such as `DEFERRED`
    code: the reason's code, where there is one
    """

    id: int = Field(ge=1)
    event: str
    at: Utc
    tenant: str
    procedure: str | None = None
    message_id: str | None = None
    mailbox: str | None = None
    state: str | None = None
    outcome: str | None = None
    code: str | None = None


class Observed(Frozen):
    """All events of this call are dealt with, and need not come again."""

    kind: Literal["observed"] = "observed"
