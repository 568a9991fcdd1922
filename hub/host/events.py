"""What a mailbox's child process can tell the hub."""

from dataclasses import dataclass

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.frames import AnswerValue, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The mailbox is there and can be called."""

    capabilities: Capabilities
    operations: frozenset[Operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed:
    """The mailbox cannot be used: what is wrong, and what to do."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A call waits until the hub has committed `reference` and acknowledges it."""

    call: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A call has ended; `outcome` is one of those that its operation allows."""

    call: int
    operation: Operation
    outcome: AnswerValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """The child is gone.

    calls: may have had an effect: unknown
    unsent: did not reach it: surely without effect
    """

    reason: str
    calls: tuple[int, ...]
    unsent: tuple[int, ...] = ()


Event = Started | StartFailed | Kept | Answer | Died
