"""A mailbox under test: asked as the hub asks it, in this process or in one of its own.

InProcess goes through the contract's own loading and calls, so that an exception, a wrong type and
a late call count as they do in production. `process.Child` is the real child process.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from postfach_mailbox import calls
from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.frames import AnswerValue, Call, Start, plain_config
from postfach_mailbox.hooks import Keep
from postfach_mailbox.loading import Loaded, load
from postfach_mailbox.notice import StatusUpdate
from postfach_mailbox.payloads import (
    FetchPayload,
    Operation,
    Payload,
    PreparePayload,
    ReconcilePayload,
    StatusPayload,
    TextPayload,
)
from postfach_mailbox.testkit.bench import Bench, Kit
from postfach_mailbox.testkit.letters import Letter

USUAL = 30.0  # seconds a call may take


class Carrier(Protocol):
    """What brings a call to the plugin, and its answer back."""

    @property
    def capabilities(self) -> Capabilities:
        """What the plugin told at its start."""
        ...

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What its class offers."""
        ...

    def carry(self, call: Call, fds: Sequence[int], keep: Keep) -> AnswerValue:
        """Return how the call ended."""
        ...


class InProcess:
    """The plugin, loaded into this process by the contract's own rules. Raises StartRefused."""

    def __init__(self, start: Start) -> None:
        self._loaded: Loaded = load(start)
        if not isinstance(self._loaded.capabilities, Capabilities):
            raise TypeError("the kit tests mailboxes")
        self.capabilities: Capabilities = self._loaded.capabilities
        self.operations = self._loaded.operations

    def carry(self, call: Call, fds: Sequence[int], keep: Keep) -> AnswerValue:
        """Carry the call out here and now."""
        return calls.perform(self._loaded, call, fds, keep)


class Asked:
    """A mailbox and its operations, each as one call of the hub."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self.capabilities, self.operations = carrier.capabilities, carrier.operations
        self.kept: list[str] = []

    def deposit(
        self,
        letter: Letter,
        *,
        seconds: float = USUAL,
        prepared: bytes | None = None,
        keep: Callable[[str], None] | None = None,
    ) -> AnswerValue:
        """Deposit a letter; one that must be prepared is, unless `prepared` is given.

        seconds: until the call's end; keep: instead of one that notes the reference in `kept`
        """
        if prepared is None and self.capabilities.prepares:
            prepared = self.prepared(letter)
        with letter.packed(prepared=prepared) as (payload, fd):
            call = _call(Operation.DEPOSIT, payload, seconds, fds=1)
            return self._carrier.carry(call, [fd], keep or self.kept.append)

    def prepare(self, letter: Letter) -> AnswerValue:
        """Have a notice prepared."""
        return self._ask(Operation.PREPARE, PreparePayload(key=letter.key, notice=letter.notice))

    def prepared(self, letter: Letter) -> bytes:
        """Return the prepared bytes; AssertionError where there are none."""
        answer = self.prepare(letter)
        assert answer.kind == "prepared", f"prepare: {answer!r}"
        return answer.data

    def reconcile(self, key: str, reference: str | None = None) -> AnswerValue:
        """Ask what became of a key."""
        return self._ask(Operation.RECONCILE, ReconcilePayload(key=key, reference=reference))

    def health(self) -> AnswerValue:
        """Ask how the mailbox is."""
        return self._ask(Operation.HEALTH, None)

    def account(self, address: str) -> AnswerValue:
        """Ask about an account."""
        return self._ask(Operation.ACCOUNT, TextPayload(text=address))

    def set_status(self, update: StatusUpdate) -> AnswerValue:
        """Show the state of an application."""
        return self._ask(Operation.SET_STATUS, StatusPayload(update=update))

    def collect(self, cursor: str | None = None) -> AnswerValue:
        """Fetch what came back."""
        return self._ask(Operation.COLLECT, TextPayload(text=cursor))

    def acknowledge(self, item: str) -> AnswerValue:
        """Say that an item is stored."""
        return self._ask(Operation.ACKNOWLEDGE, TextPayload(text=item))

    def fetch(self, item: str, document: int) -> tuple[AnswerValue, bytes]:
        """Fetch a reply's document; return the answer, and what was written."""
        reading, writing = os.pipe()
        found = bytearray()

        def drain() -> None:
            with open(reading, "rb") as pipe:  # noqa: PTH123  # a descriptor has no path
                found.extend(pipe.read())

        reader = threading.Thread(target=drain)
        reader.start()
        try:
            payload = FetchPayload(item=item, document=document)
            call = _call(Operation.FETCH, payload, USUAL, fds=1)
            answer = self._carrier.carry(call, [writing], self.kept.append)
        finally:
            os.close(writing)
            reader.join()
        return answer, bytes(found)

    def _ask(self, operation: Operation, payload: Payload | None) -> AnswerValue:
        return self._carrier.carry(_call(operation, payload, USUAL), [], self.kept.append)


def start_frame(kit: Kit, bench: Bench, in_flight: int = 16) -> Start:
    """Return the frame that starts the mailbox of a bench."""
    return Start(
        distribution=kit.distribution,
        version=kit.version,
        entry_point=kit.name,
        config=plain_config(dict(bench.config)),
        base=str(bench.folder),
        in_flight=in_flight,
    )


def at_once(*work: Callable[[], AnswerValue]) -> list[AnswerValue]:
    """Do all of it at the same time, each in a thread, and return the answers in order."""
    answers: dict[int, AnswerValue] = {}
    ready = threading.Barrier(len(work))

    def act(number: int) -> None:
        ready.wait()
        answers[number] = work[number]()

    threads = [threading.Thread(target=act, args=[number]) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[number] for number in range(len(work))]


def now() -> float:
    """Return the time on the clock that deadlines count on, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _call(operation: Operation, payload: Payload | None, seconds: float, fds: int = 0) -> Call:
    return Call(id=1, operation=operation, deadline=now() + seconds, payload=payload, fds=fds)
