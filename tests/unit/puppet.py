"""A plugin's process that says what a test wants."""

from collections import deque
from typing import Any

from hub.host import Answer, Died, Event, Fault, Started
from postfach_mailbox import CheckCapabilities
from postfach_mailbox.frames import Operation

TOLD = Started(capabilities=CheckCapabilities(), operations=frozenset())


class Puppet:
    """Stands where a Host stands: takes calls, and says what a test wants."""

    def __init__(self) -> None:
        self.up, self.in_flight = False, 4
        self.calls: dict[int, Operation] = {}
        self.payloads: dict[int, Any] = {}
        self.said: deque[Event] = deque()
        self.starts = 0

    @property
    def free(self) -> int:
        return self.in_flight - len(self.calls) if self.up else 0

    def start(self) -> None:
        self.starts += 1
        self.up = True
        self.said.append(TOLD)

    def stop(self, grace: float) -> None:
        self.up = False

    def fileno(self) -> int | None:
        return 0 if self.up else None

    def next_deadline(self) -> float | None:
        return None

    def call(
        self, call: int, operation: Operation, payload: Any = None, *_: Any, **__: Any
    ) -> bool:
        self.calls[call], self.payloads[call] = operation, payload
        return True

    def events(self) -> list[Event]:
        said = list(self.said)
        self.said.clear()
        return said

    def answer_all(self, outcome: Any) -> None:
        for call in list(self.calls):
            self.answer(call, outcome)

    def answer(self, call: int, outcome: Any) -> None:
        self.said.append(Answer(call=call, operation=self.calls.pop(call), outcome=outcome))

    def die(self, fault: Fault = Fault.ENDED) -> None:
        self.up = False
        self.said.append(Died(fault=fault, reason="killed", calls=tuple(self.calls)))
        self.calls.clear()
