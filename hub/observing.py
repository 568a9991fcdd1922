"""Stage 7: observers are told what happens to notices, from the evidence log.

    entries after the observer's cursor -> its process -> confirmed: the cursor moves

Ids, states and codes of notices of its tenants; no payload, no address, no digest. Batches of up
to 100, one call at a time for each observer. One that fails is told the same again later; it holds
up nothing and nobody else.

Crash safety: each entry is told at least once; again where the confirmation was lost. A new
observer begins with what happens from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.attendant import Attendant
from hub.errors import HubError
from hub.host import Answer, Fault
from hub.journal import Journal, observers
from hub.journal.observers import Told
from hub.passing import Passing, Telling
from hub.telemetry import logger
from postfach_mailbox import NoticeEvent, Observed
from postfach_mailbox.frames import ObservePayload, Operation
from postfach_mailbox.observing import EVENTS_MAX

SKIPPED = 1000  # entries that concern no tenant of an observer, until its cursor is written


@dataclass(slots=True, kw_only=True)  # follows the log
class _Reader:
    """How far an observer is.

    cursor: confirmed and written; seen: what concerned it up to there is confirmed
    telling: the call that is out
    """

    cursor: int
    seen: int
    telling: Telling | None = None


@dataclass(slots=True, kw_only=True)  # follows the log
class Observing:
    """The stage, for one worker. For one thread."""

    journal: Journal
    worker: str
    attendants: Mapping[str, Attendant]
    _passing: Passing = field(init=False)
    _readers: dict[str, _Reader] = field(default_factory=dict)
    _end: int = 0
    _commits: int = -1

    def __post_init__(self) -> None:
        """Begin with what the journal knows of their processes' deaths: `own` learns it."""
        self._passing = Passing(journal=self.journal)

    def step(self) -> bool:
        """Tell each observer what comes next; whether there is more to look at at once."""
        self._look()
        for name, reader in self._readers.items():
            if self._waits(reader) and self.attendants[name].places:
                self._tell(self.attendants[name], reader)
        return any(
            self._waits(reader) and self.attendants[name].places > 0
            for name, reader in self._readers.items()
        )

    def poll(self) -> None:
        """Take in what the observers said."""
        for name, attendant in self.attendants.items():
            for call, answer in attendant.poll():
                confirmed = isinstance(answer, Answer) and isinstance(answer.outcome, Observed)
                attendant.answered(useful=confirmed)
                reader = self._readers.get(name)
                telling = reader.telling if reader else None
                if reader is None or telling is None or telling.call != call:
                    continue
                reader.telling = None
                if confirmed:
                    reader.seen = telling.up_to
                    self._move(name, reader)
                elif isinstance(answer, Fault):
                    self._passing.died(telling, answer)

    def tend(self) -> None:
        """Look after the observers' processes, and take over those that no worker tells."""
        if not self.attendants:
            return
        self._commits = -1  # other workers write too
        if others := self.attendants.keys() - self._readers.keys():
            with self.journal.read() as connection:
                strays = observers.strays(connection, others, self.worker)
            if strays:
                self.own()
        for attendant in self.attendants.values():
            attendant.tend()

    def own(self) -> None:
        """Begin to tell the observers that no other worker tells."""
        if not self.attendants:
            return
        with self.journal.write() as tx:
            found = observers.own(tx, self.attendants, self.worker)
        self._passing.learn()
        for name, cursor in found.items():
            self._readers.setdefault(name, _Reader(cursor=cursor, seen=cursor))

    @property
    def busy(self) -> bool:
        """Whether an observer that answers has not been told all yet, be it for its rate."""
        self._look()
        return any(
            reader.telling is not None or (self._waits(reader) and self.attendants[name].room > 0)
            for name, reader in self._readers.items()
        )

    def stop(self) -> None:
        """End the observers' processes; what they did not confirm comes again."""
        for attendant in self.attendants.values():
            attendant.host.stop(0.0)

    def _waits(self, reader: _Reader) -> bool:
        return reader.telling is None and reader.seen < self._end

    def _look(self) -> None:
        if self._readers and self._commits != self.journal.commits:
            self._commits = self.journal.commits
            with self.journal.read() as connection:
                self._end = observers.end(connection)

    def _tell(self, attendant: Attendant, reader: _Reader) -> None:
        with self.journal.read() as connection:
            found, last = observers.after(connection, reader.seen, EVENTS_MAX)
        name = attendant.name
        events = [
            _event(one, one.tenant)
            for one in found
            if one.tenant and attendant.serves(one.tenant) and not self._passing.over(name, one.id)
        ]
        if not events:
            reader.seen = last
            if reader.seen - reader.cursor >= SKIPPED:
                self._move(name, reader)
            return
        if self._passing.alone(name, events[0].id):
            events, last = events[:1], events[0].id
        call = attendant.call(Operation.OBSERVE, ObservePayload(events=tuple(events)))
        if call is not None:
            reader.telling = Telling(
                observer=name, call=call, first=events[0].id, last=events[-1].id, up_to=last
            )

    def _move(self, name: str, reader: _Reader) -> None:
        """Write how far an observer is; where that fails, the next time does it."""
        try:
            with self.journal.write() as tx:
                observers.move(tx, name, self.worker, reader.seen)
                told = self._passing.forget(tx, name, reader.seen)
        except HubError as error:
            logger().error("cursor not written", plugin=name, exc_info=error)
        else:
            reader.cursor = reader.seen
            self._passing.forgot(told)


def _event(one: Told, tenant: str) -> NoticeEvent:
    return NoticeEvent(
        id=one.id,
        event=one.kind,
        at=one.at,
        tenant=tenant,
        procedure=one.procedure,
        message_id=one.message_id,
        mailbox=one.mailbox,
        state=one.state,
        outcome=one.outcome,
        code=one.code,
    )
