"""What a mailbox's child process can tell the hub."""

import os
from dataclasses import dataclass
from enum import StrEnum

from postfach_mailbox.frames import AnswerValue, Described, Operation

SHOWN = 500  # characters of what a plugin says


def plain(foreign: str) -> str:
    """Return words of a plugin as they may stand on a terminal: one line, not too long."""
    return "".join(each if each.isprintable() else "?" for each in foreign[:SHOWN])


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The mailbox is there and can be called."""

    capabilities: Described
    operations: frozenset[Operation]


class StartFault(StrEnum):
    """Why a plugin did not start, where its process did not end by itself (else its Fault)."""

    NOT_FOUND = "NOT_FOUND"  # hub.toml names none that can be had
    CONFIG = "CONFIG"  # what hub.toml says of it is not what it takes
    REFUSED = "REFUSED"  # its code fails, is not what the contract wants, or cannot be confined
    NO_PROCESS = "NO_PROCESS"  # the machine gives no process


class Fault(StrEnum):
    """Why a child is gone."""

    ENDED = "ENDED"  # by itself, or killed by someone else
    PROTOCOL = "PROTOCOL"  # what it sent has no place in the protocol
    DEADLINE = "DEADLINE"  # calls passed their end
    SILENT = "SILENT"  # no word in time after its start
    PROCESSES = "PROCESSES"  # it started more than it may
    MEMORY = "MEMORY"  # it and what it started took more than they may


# Seconds before a child that is gone is started again. One that dies again, took more than it may
# or speaks no protocol is no accident: another start soon would only take time from the others.
RESTARTS = (0.5, 15.0, 15.0, 15.0, 60.0)
RESTARTS_OF_WILD = (15.0, 60.0)


def restart_after(deaths: int, fault: Fault | None) -> float:
    """Return how many seconds to wait after so many deaths before this one."""
    wild = fault in (Fault.PROCESSES, Fault.MEMORY, Fault.PROTOCOL)
    waits = RESTARTS_OF_WILD if wild else RESTARTS
    return waits[min(deaths, len(waits) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed:
    """The mailbox cannot be used: what is wrong, and what to do; the fault for logs."""

    reason: str
    fix: str
    fault: StartFault | Fault

    @property
    def configured(self) -> bool:
        """Whether hub.toml is to be mended."""
        return self.fault in (StartFault.NOT_FOUND, StartFault.CONFIG)


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

    reason: for a person, in the hub's own words; fault: the same for logs and journal
    calls: may have had an effect: unknown
    unsent: did not reach it: surely without effect
    """

    fault: Fault
    reason: str
    calls: tuple[int, ...]
    unsent: tuple[int, ...] = ()


Event = Started | StartFailed | Kept | Answer | Died


class Refusal:
    """A StartFailed that no process told; it waits on a descriptor as all events do."""

    def __init__(self, event: StartFailed) -> None:
        self._event = event
        self.fd = os.eventfd(1, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def take(self) -> StartFailed:
        """Return the event, and close the descriptor."""
        os.close(self.fd)
        return self._event
