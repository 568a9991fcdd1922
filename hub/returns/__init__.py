"""Stage 5: what comes back through mailboxes, and on to the procedures.

    collect -> fetch its documents -> one commit -> acknowledge          for each item, one by one
                                          |
                                          +-> out/ of the notice's procedure, by `handing`

An item is acknowledged only after its commit, and stored once: a mailbox that offers it again is
told again. Whatever a mailbox does harms its own channel alone: one call of it is out at a time,
what it announces is bounded, and what it sends is bounded by that.

    channel     one mailbox's channel, step by step
    working     the item under work
    deadly      items at which a process dies
    fetching    a document, out of a pipe into the vault
    storing     the commit
    judging     whether a person must look at it first
    amendments  receipts: it was fetched; what became of a letter
    handing     files in `out/`
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hub.dispatch import Air
from hub.errors import HubError
from hub.journal.handouts import Handout
from hub.returns.channel import Channel
from hub.returns.deadly import Deadly
from hub.returns.handing import Handing
from hub.returns.storing import Storing
from hub.seal import SealUnavailable
from hub.telemetry import logger

__all__ = ["Channel", "Deadly", "Handing", "Returns", "Storing"]


@dataclass(slots=True, kw_only=True)  # `stopping` turns once
class Returns:
    """The stage, for one worker. For one thread."""

    channels: Mapping[str, Channel]
    handing: Handing
    air: Air
    stopping: bool = False
    _to_write: bool = field(default=True)

    @property
    def busy(self) -> bool:
        """Whether a channel is being worked off, or was not asked since the start."""
        return self._to_write or any(one.busy for one in self.channels.values())

    def step(self) -> list[str]:
        """Go on where something came in or is due; return the names of Replies written."""
        while self.air.back:
            call, outcome = self.air.back.popleft()
            for channel in self.channels.values():
                if channel.call == call:
                    self._guarded(channel, lambda one: one.answered(outcome))  # noqa: B023
        for channel in self.channels.values():
            if not self.stopping:
                self._guarded(channel, lambda one: one.go_on())
            self._to_write, channel.stored = self._to_write or channel.stored, False
        if not self._to_write:
            return []
        self._to_write = False  # also where it fails: `tend` has it tried again
        written = self.handing.write()
        self._to_write = self.handing.more
        return written

    def receipts(self) -> list[Handout]:
        """Hand over the receipts that are to be written."""
        files = [file for one in self.channels.values() for file in one.files]
        for channel in self.channels.values():
            channel.files.clear()
        return files

    def tend(self) -> None:
        """Have what could not be written tried again."""
        self._to_write = True

    def stop(self) -> None:
        """Give up what is under way; it is offered again."""
        self.stopping = True
        for channel in self.channels.values():
            channel.drop()

    def _guarded(self, channel: Channel, act: Callable[[Channel], None]) -> None:
        try:
            act(channel)
        except (HubError, SealUnavailable) as error:
            logger().error("return channel stops", mailbox=channel.line.name, exc_info=error)
            channel.drop()
