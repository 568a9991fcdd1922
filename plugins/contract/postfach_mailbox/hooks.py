"""The hooks: what a plugin's module offers, and what its class implements.

The module of a mailbox plugin has one marked function, `postfach_mailbox`, which returns the
mailbox class; a check's has `postfach_check`, an observer's `postfach_observer`. Each class has a
nested model `Config` and its required methods: `__init__`, `capabilities`, `health`, and `deposit`,
`check` or `observe`; the others of a mailbox are for those that can do more. A method may leave out
arguments that it does not need; that, and new arguments with new versions, is how old plugins stay
valid. Every public method of the class must be one of these operations: a misspelt one is refused
at start instead of never being called. Name your own methods with a leading underscore.

Calls come in several threads at once, up to `in_flight`; to an observer one at a time.
"""

from collections.abc import Callable
from typing import BinaryIO, Protocol

import pluggy

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.checking import CheckCapabilities, Submission, Verdict
from postfach_mailbox.notice import (
    Acknowledged,
    Collected,
    Delivery,
    Fetched,
    NoticeData,
    StatusUpdate,
)
from postfach_mailbox.observing import NoticeEvent, Observed, ObserverCapabilities
from postfach_mailbox.outcomes import Account, Health, Outcome, Reconciled, Refused

PROJECT = "postfach"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Keep = Callable[[str], None]
"""Stores the mailbox's own id (at most 4 KiB) and returns after the hub has committed it.

Raises KeepFailed when that is not possible any more; nothing may be sent then.
"""


class KeepFailed(Exception):
    """The hub did not commit the reference before the call's end."""


class PluginHooks(Protocol):
    """What a mailbox plugin's module implements, marked with `hookimpl`."""

    @hookspec(firstresult=True)
    def postfach_mailbox(self) -> type:
        """Return the mailbox class."""


class CheckPluginHooks(Protocol):
    """What the module of a check plugin implements, marked with `hookimpl`."""

    @hookspec(firstresult=True)
    def postfach_check(self) -> type:
        """Return the check's class."""


class ObserverPluginHooks(Protocol):
    """What the module of an observer plugin implements, marked with `hookimpl`."""

    @hookspec(firstresult=True)
    def postfach_observer(self) -> type:
        """Return the observer's class."""


class MailboxHooks(Protocol):
    """What the mailbox class implements; no mark is needed.

    Arguments may be added, never renamed or removed.
    """

    @hookspec(firstresult=True)
    def capabilities(self) -> Capabilities:
        """Return the mailbox's own description; no network. Asked once, at start."""

    @hookspec(firstresult=True)
    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Put a notice into the mailbox, and say how that ended.

        Return Deferred only when the notice is surely not stored, Unknown when it may be. Call
        `keep` before the first upload where the mailbox gives an id for it. Send nothing after
        `delivery.deadline`.
        """

    @hookspec(firstresult=True)
    def health(self) -> Health:
        """Say whether the mailbox can be used; over the network, where there is one."""

    @hookspec(firstresult=True)
    def account(self, address: str) -> Account:
        """Say whether there is an account with this mailbox id that takes notices."""

    @hookspec(firstresult=True)
    def prepare(self, notice: NoticeData, key: str) -> bytes | Refused:
        """Make the bytes that must be the same at every attempt; no network; at most 1 MiB.

        key: as that of `deposit`. Since 1.2
        """

    @hookspec(firstresult=True)
    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        """Say what became of an earlier attempt, or Absent: not there, and it will not come.

        Asked only when the last call's deadline is over.
        """

    @hookspec(firstresult=True)
    def set_status(self, update: StatusUpdate, keep: Keep) -> Outcome:
        """Show the state of an application; `keep` as in `deposit`. `keep` since 1.1."""

    @hookspec(firstresult=True)
    def collect(self, cursor: str | None) -> Collected:
        """Fetch what came back: retrievals, replies, late failures, status events."""

    @hookspec(firstresult=True)
    def acknowledge(self, item: str) -> Acknowledged:
        """Tell the mailbox that the hub has stored this item durably."""

    @hookspec(firstresult=True)
    def fetch(self, item: str, document: int, into: BinaryIO) -> Fetched:
        """Write the bytes of a reply's document, by its number from 0, into `into`. Since 1.1.

        Asked before `acknowledge`, perhaps more than once. `into` takes no more than the announced
        size: it breaks (BrokenPipeError) at what is longer. Raise when not all could be written.
        """

    @hookspec(firstresult=True)
    def withdraw(self, reference: str) -> Outcome:
        """End a provision for retrieval (41 (2a) VwVfG)."""


class CheckHooks(Protocol):
    """What a check's class implements, as a mailbox's class does."""

    @hookspec(firstresult=True)
    def capabilities(self) -> CheckCapabilities:
        """Return the check's own description; no network. Asked once, at start."""

    @hookspec(firstresult=True)
    def check(self, submission: Submission) -> Verdict:
        """Look at a drop before it is taken, and say whether anything is against it.

        May be asked about the same drop more than once. An exception, a wrong type and a passed
        deadline count as Undecided.
        """

    @hookspec(firstresult=True)
    def health(self) -> Health:
        """Say whether the check can be used; over the network, where there is one."""


class ObserverHooks(Protocol):
    """What an observer's class implements, as a mailbox's class does."""

    @hookspec(firstresult=True)
    def capabilities(self) -> ObserverCapabilities:
        """Return the observer's own description; no network. Asked once, at start."""

    @hookspec(firstresult=True)
    def observe(self, events: tuple[NoticeEvent, ...]) -> Observed:
        """Take note of events, oldest first, one call at a time; all of them, or raise."""

    @hookspec(firstresult=True)
    def health(self) -> Health:
        """Say whether the observer can be used."""
