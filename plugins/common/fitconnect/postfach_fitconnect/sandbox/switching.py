"""The switches of this sandbox: those of all sandboxes, for one step too, and its own.

A switch holds for an address: a destination's id, a step (see Step), both as `DESTINATION/STEP`, or
`*`. The most exact one counts. Its own are

    accept-late N        the destination accepts N seconds after the submit
    by-hand              it neither accepts nor rejects until someone says so
    reject               it rejects, with a problem; `reject-malware` and others with that one
    set-signature, ...   its token is wrong in one way (see Spoil)
    events-cut           the connection breaks in the middle of an event log
    no-delete            a submission cannot be withdrawn: 405

The first four are looked at when something is submitted, and hold for that submission for good.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from postfach_fitconnect.sandbox.refusing import SLUGS
from postfach_sandbox.faults import ALL, GOOD, Switch, Switches

ACCEPT_LATE: Final = "accept-late"
BY_HAND: Final = "by-hand"
REJECT: Final = "reject"
EVENTS_CUT: Final = "events-cut"
NO_DELETE: Final = "no-delete"


class Step(StrEnum):
    """What a request is for, as far as a switch is concerned."""

    TOKEN = "token"  # noqa: S105  # a step's name
    JWKS = "jwks"
    DESTINATION = "destination"
    KEY = "key"
    CREATE = "create"
    ATTACHMENT = "attachment"
    SUBMIT = "submit"
    EVENTS = "events"
    DELETE = "delete"
    CASE = "case"
    REPLIES = "replies"
    REPLY = "reply"
    REPLY_ATTACHMENT = "reply-attachment"
    ACKNOWLEDGE = "acknowledge"


class Spoil(StrEnum):
    """How the token that accepts or rejects is wrong."""

    SIGNATURE = "set-signature"  # by another key than it names
    ALGORITHM = "set-algorithm"  # RS512
    KEY = "set-key"  # by a key that no one knows
    ISSUER = "set-issuer"  # of another destination
    BY = "set-by"  # of the service, which may not say so
    SUBJECT = "set-subject"  # about another submission
    CASE = "set-case"  # of another case
    TYPE = "set-type"  # an event that there is not
    TWO = "set-two"  # accept and reject at once
    TIME = "set-time"  # of tomorrow
    TAGS = "set-tags"  # about other bytes


REJECTS: Final = (REJECT, *(f"{REJECT}-{slug}" for slug in SLUGS))
_AT: Final[Mapping[str, Step]] = MappingProxyType(
    {
        **dict.fromkeys((ACCEPT_LATE, BY_HAND, *REJECTS, *Spoil), Step.SUBMIT),
        EVENTS_CUT: Step.EVENTS,
        NO_DELETE: Step.DELETE,
    }
)


class Levers(Switches):
    """Switches by destination and step; a sandbox' own one is only used up where it acts."""

    def __init__(self) -> None:
        """Begin with everything good."""
        super().__init__(more=_AT)

    def take(self, account: str) -> Switch:
        """Return what holds for `DESTINATION/STEP`, for one request."""
        destination, _, step = account.rpartition("/")
        for each in (account, step, destination, ALL):
            found = self.at(each)
            set_here = each == ALL or found is not self.at(ALL)
            if set_here and _AT.get(found.do, step) == step:
                return super().take(each)
        return GOOD
