"""The hooks: what a plugin's module offers, and what its mailbox class implements.

A plugin's module has one marked function, `postfach_mailbox`, which returns the mailbox class. The
class has a nested model `Config` and the four required methods `__init__`, `capabilities`,
`deposit` and `health`; the others are for mailboxes that can do more. A method may leave out
arguments that it does not need; that, and new arguments with new versions, is how old plugins stay
valid. Every public method of the class must be one of these operations: a misspelt one is refused
at start instead of never being called. Name your own methods with a leading underscore.

Calls come in several threads at once, up to `in_flight`.
"""

from collections.abc import Callable
from typing import Protocol

import pluggy

from postfach_mailbox.capabilities import Capabilities
from postfach_mailbox.notice import (
    Acknowledged,
    Collected,
    Delivery,
    NoticeData,
    StatusUpdate,
)
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
    """What a plugin's module implements, marked with `hookimpl`."""

    @hookspec(firstresult=True)
    def postfach_mailbox(self) -> type:
        """Return the mailbox class."""


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
    def prepare(self, notice: NoticeData) -> bytes | Refused:
        """Make the bytes that must be the same at every attempt; no network; at most 1 MiB."""

    @hookspec(firstresult=True)
    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        """Say what became of an earlier attempt, or Absent: not there, and it will not come.

        Asked only when the last call's deadline is over.
        """

    @hookspec(firstresult=True)
    def set_status(self, update: StatusUpdate) -> Outcome:
        """Show the state of an application."""

    @hookspec(firstresult=True)
    def collect(self, cursor: str | None) -> Collected:
        """Fetch what came back: retrievals, replies, late failures, status events."""

    @hookspec(firstresult=True)
    def acknowledge(self, item: str) -> Acknowledged:
        """Tell the mailbox that the hub has stored this item durably."""

    @hookspec(firstresult=True)
    def withdraw(self, reference: str) -> Outcome:
        """End a provision for retrieval (41 (2a) VwVfG)."""
