"""What lies behind a mailbox that a test plays: what it holds, what it can truly answer."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from hub.dispatch.lines import MARGIN
from postfach_mailbox import (
    Absent,
    Deferred,
    Health,
    Held,
    Pending,
    Prepared,
    Reason,
    Refused,
    Repeat,
    Unknown,
)
from postfach_mailbox.frames import (
    AnswerValue,
    DepositPayload,
    Failed,
    Inline,
    Operation,
    ReconcilePayload,
)
from tests.unit.dispatching import CALL, DEPOSITED, WHY, Call
from tests.unit.notices import TurnedClock

REFUSED = Refused(reason=Reason(code="RECIPIENT_DELETED", text="closed"))
PENDING = Pending(reference="theirs", check_after=timedelta(seconds=5))
NOTHING: tuple[AnswerValue, ...] = (Deferred(reason=WHY), Unknown(reason=WHY), Held(reason=WHY))
LOST = Unknown(reason=WHY)
TAKEOVER = CALL + MARGIN + 1


@dataclass(slots=True, kw_only=True)  # holds what it was sent
class FarSide:
    """A mailbox that says nothing that is not so; answers are chosen by the test.

    air: deposits whose caller is gone, by key, with the end of their call; they may still arrive
    first: the first answer to a key, which an IDEMPOTENT mailbox repeats
    """

    clock: TurnedClock
    repeat: Repeat
    stored: Counter[str] = field(default_factory=Counter)
    pending: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    air: list[tuple[str, float]] = field(default_factory=list)
    prepared: dict[str, set[bytes | None]] = field(default_factory=dict)
    made: int = 0

    def got(self, call: Call) -> None:
        """Look at a call as it leaves: what the hub promised of it must be so."""
        match call.payload:
            case DepositPayload(key=key, prepared=prepared):
                data = prepared.data if isinstance(prepared, Inline) else None
                self.prepared.setdefault(key, set()).add(data)
                if self.repeat is not Repeat.IDEMPOTENT:
                    assert not self.in_the_air(key), "sent while another send may arrive"
            case ReconcilePayload(key=key):
                assert not self.in_the_air(key), "asked while a send may arrive"

    def in_the_air(self, key: str) -> bool:
        return any(one == key and end > self.clock.elapsed() for one, end in self.air)

    def lose(self, call: Call) -> None:
        """Take it that the caller of a deposit is gone; its send may still arrive."""
        if isinstance(call.payload, DepositPayload):
            self.air.append((call.payload.key, self.clock.elapsed() + CALL))

    def arrive(self, index: int) -> None:
        """Let a send arrive whose caller is gone."""
        key, end = self.air.pop(index % len(self.air))
        if end > self.clock.elapsed():
            self._store(key)

    def _store(self, key: str) -> None:
        known = self.stored[key] or key in self.refused
        if not (known and self.repeat is Repeat.IDEMPOTENT):
            self.stored[key] += 1

    def answers(self, call: Call) -> list[tuple[str, AnswerValue]]:
        """Return what it could answer to a call: what it does for that, and what it says."""
        match call.operation, call.payload:
            case Operation.HEALTH, _:
                return [("", Health(status="up")), ("", Health(status="down"))]
            case Operation.PREPARE, _:
                self.made += 1
                failed = Failed(reason=Reason(code="EXCEPTION", text="played"))
                data = f"bytes {self.made}".encode()
                return [("", Prepared(data=data)), ("", failed), ("", REFUSED)]
            case Operation.DEPOSIT, DepositPayload(key=key):
                return [*self._to_deposit(key), *(("", one) for one in NOTHING)]
            case Operation.RECONCILE, ReconcilePayload(key=key):
                return [*self._to_question(key), *(("", one) for one in NOTHING)]
        raise AssertionError(call)

    def _to_deposit(self, key: str) -> list[tuple[str, AnswerValue]]:
        if self.repeat is Repeat.IDEMPOTENT:
            if self.stored[key]:
                return [("", DEPOSITED)]
            if key in self.refused:
                return [("", REFUSED)]
            if key in self.pending:
                return [("", PENDING), ("store", DEPOSITED)]
        return [
            ("store", DEPOSITED),
            ("store", LOST),
            ("hold", PENDING),
            ("hold", LOST),
            ("refuse", REFUSED),
        ]

    def _to_question(self, key: str) -> list[tuple[str, AnswerValue]]:
        if self.stored[key]:
            return [("", DEPOSITED), ("", PENDING)]
        if key in self.pending:
            return [("store", DEPOSITED), ("", PENDING), ("refuse", REFUSED)]
        return [("", REFUSED)] if key in self.refused else [("", Absent())]

    def act(self, call: Call, what: str) -> None:
        """Do what goes with an answer."""
        if not isinstance(call.payload, DepositPayload | ReconcilePayload) or not what:
            return
        key = call.payload.key
        self.pending.discard(key)
        if what == "store":
            self._store(key)
        elif what == "hold":
            self.pending.add(key)
        else:
            self.refused.add(key)
