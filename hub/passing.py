"""Events at which an observer's process dies: told alone, and passed over at the third time.

    died at a batch -> its events come one by one -> died at one alone, three times -> passed over

Only a death counts, and only with that one event in hand: an observer that answers late, or with an
error, is told the same again, for ever. What is counted is of one observer, and held against no
other. `hub doctor` names what was passed over.

Crash safety: what is known is in the journal before the event is told again, so that the next start
goes on counting where this one ended.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hub.errors import HubError
from hub.host import Fault
from hub.journal import Journal, Transaction, tries
from hub.journal.recovery import CRASHES
from hub.telemetry import logger

DEADLY, ALONE = "observe", "observe-alone"  # stages, as they are counted
_Key = tuple[str, str, int]  # stage, observer, id of an event


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A call that is out.

    first, last: ids of its events; up_to: of the last entry that was looked at for it
    """

    observer: str
    call: int
    first: int
    last: int
    up_to: int


@dataclass(slots=True, kw_only=True)  # what is known
class Passing:
    """What the observers' processes died at, for one worker."""

    journal: Journal
    _counts: dict[_Key, int] = field(default_factory=dict)

    def learn(self) -> None:
        """Learn what other workers, and those before, have seen. Raises StorageFailed."""
        with self.journal.read() as connection:
            known = tries.known(connection)
        self._counts = {}
        for (stage, what), count in known.items():
            observer, _, event = what.rpartition(":")
            if stage in {DEADLY, ALONE} and event.isdecimal():
                self._counts[stage, observer, int(event)] = count

    def over(self, observer: str, event: int) -> bool:
        """Whether an event is passed over."""
        return self._counts.get((DEADLY, observer, event), 0) >= CRASHES

    def alone(self, observer: str, event: int) -> bool:
        """Whether an event is told by itself: the process died with it, or a later one, in hand."""
        return any(name == observer and event <= last for _, name, last in self._counts)

    def died(self, telling: Telling, fault: Fault) -> None:
        """Note that an observer's process is gone, with these events in hand.

        One that the hub ended for its silence has not died. What cannot be written is counted when
        it happens again.
        """
        if fault is Fault.DEADLINE:
            return
        stage = DEADLY if telling.first == telling.last else ALONE
        key = (stage, telling.observer, telling.last)
        try:
            with self.journal.write() as tx:
                tries.count(tx, stage, [_name(key)])
        except HubError as error:
            logger().error("death not counted", plugin=telling.observer, exc_info=error)
            self._counts.setdefault((ALONE, telling.observer, telling.last), 1)
            return
        self._counts[key] = self._counts.get(key, 0) + 1
        if stage == DEADLY and self._counts[key] == CRASHES:
            logger().error("event passed over", plugin=telling.observer, row=telling.last)

    def forget(self, tx: Transaction, observer: str, up_to: int) -> list[_Key]:
        """Forget, in a commit, what was counted of events told by now; return what that was.

        What was passed over stays, for `hub doctor`.
        """
        told = [
            key
            for key, count in self._counts.items()
            if key[1] == observer and key[2] <= up_to and (key[0] == ALONE or count < CRASHES)
        ]
        for stage in {DEADLY, ALONE}:
            tries.over(tx, stage, [_name(key) for key in told if key[0] == stage])
        return told

    def forgot(self, told: Iterable[_Key]) -> None:
        """Take up that a commit which forgot these is made."""
        for key in told:
            self._counts.pop(key, None)


def _name(key: _Key) -> str:
    _, observer, event = key
    return f"{observer}:{event}"
