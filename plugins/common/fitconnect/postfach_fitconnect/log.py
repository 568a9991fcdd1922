"""The event log of a submission: fetched, and each of its tokens verified."""

import time
from dataclasses import dataclass

from postfach_fitconnect.api import Api, Unreadable, path, read
from postfach_fitconnect.asking import Left
from postfach_fitconnect.assumed import EVENTS, EVENTS_BYTES_MAX, EVENTS_MAX, EventType, Problem
from postfach_fitconnect.destinations import Destinations
from postfach_fitconnect.ending import Ended, asked, problem
from postfach_fitconnect.parcel import Reference
from postfach_fitconnect.sets import (
    Event,
    Expected,
    SetRefused,
    Signer,
    Tags,
    Why,
    signer,
    verified,
)
from postfach_http.outcomes import unknown

_SIGNERS_MAX = 8  # keys that a log may make us ask for


class Gone(Exception):
    """The service says that there is no such submission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A token that proves nothing, as it came."""

    why: Why
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is proven of a submission, and what is not; both in the order of the log."""

    events: tuple[Event, ...]
    refused: tuple[Refused, ...]

    def of(self, *types: EventType) -> tuple[Event, ...]:
        """Return the proven events of these types."""
        return tuple(each for each in self.events if each.type in types)


class Logs:
    """Reads logs. Safe for threads."""

    def __init__(self, api: Api, destinations: Destinations, issuer: str) -> None:
        """Take what is shared with other calls; `issuer`: the delivery service's URL in tokens."""
        self._api, self._destinations, self._issuer = api, destinations, issuer

    def read(self, reference: Reference, left: Left, tags: Tags | None = None) -> Log:
        """Return the log as it is now.

        Raises Gone; Ended: it cannot be read, or keys to verify with cannot be had; Failed.
        """
        expected = Expected(
            service=self._issuer,
            destination=reference.destination,
            submission=reference.submission,
            case=reference.case,
            tags=tags,
        )
        tokens = self._tokens(reference, left)
        keys = {
            each: key
            for each in _signers(tokens, expected)
            if (key := self._destinations.verifying(each, reference.destination, left)) is not None
        }
        events: list[Event] = []
        refused: list[Refused] = []
        for token in tokens:
            try:
                events.append(verified(token, keys, expected, time.time()))
            except SetRefused as error:
                refused.append(Refused(why=error.why, token=token))
        return Log(events=tuple(events), refused=tuple(refused))

    def _tokens(self, reference: Reference, left: Left) -> list[str]:
        where = path(EVENTS, submission=reference.submission)
        answer = self._api.ask("GET", where, left=left, most=EVENTS_BYTES_MAX)
        if problem(answer) is Problem.SUBMISSION_UNKNOWN:
            raise Gone
        if answer.status != 200:
            raise Ended(asked(answer))
        try:
            listed = read(answer).get("eventLog")
        except Unreadable as error:
            raise Ended(unknown("EVENTS_UNREADABLE", str(error))) from error
        if not isinstance(listed, list) or len(listed) > EVENTS_MAX:
            raise Ended(unknown("EVENTS_UNREADABLE", "the event log is none, or is too long"))
        return [each if isinstance(each, str) else "" for each in listed]


def _signers(tokens: list[str], expected: Expected) -> list[Signer]:
    found: dict[Signer, None] = {}
    for token in tokens:
        try:
            found[signer(token, expected)] = None
        except SetRefused:
            continue  # and it will be refused again
    return list(found)[:_SIGNERS_MAX]
