"""Takes a reply's document from a mailbox's child: out of a pipe, encrypted into the vault.

A thread of its own reads, so that a child that writes slowly, or never, holds up no one else. It
takes no more than the announced size, and nothing after the call's end.
"""

import os
import select
import threading
from collections.abc import Iterator
from typing import Self

from hub.clock import Clock
from hub.errors import HubError
from hub.segment import Extent, Segment, TooLong
from postfach_mailbox import Fetched, ReplyDocument

PIECE = 256 * 1024  # bytes


class NotWhole(Exception):
    """A document did not come as it was announced; the text names no content."""


class Fetch:
    """One document on its way. `extent` is there when it has ended well."""

    def __init__(
        self,
        segment: Segment,
        facts: ReplyDocument,
        *,
        key: bytes,
        context: bytes,
        clock: Clock,
        until: float,
    ) -> None:
        """Make the pipe; `start` begins to read. until: on `clock.elapsed()`."""
        self._segment, self._facts = segment, facts
        self._key, self._context = key, context
        self._clock, self._until = clock, until
        self._reading, self.writing = os.pipe()
        self._extent: Extent | None = None
        self._thread = threading.Thread(target=self._take, name="fetch", daemon=True)

    def start(self) -> Self:
        """Begin to read; the child has the write end by now, ours is closed."""
        os.close(self.writing)
        self._thread.start()
        return self

    def give_up(self) -> None:
        """Close the pipe of a fetch whose call did not reach the child."""
        os.close(self.writing)
        os.close(self._reading)

    @property
    def done(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    def whole(self, answer: Fetched | None) -> Extent:
        """Return where the document lies.

        Raises NotWhole unless announcement, answer and what came are the same.
        """
        found, facts = self._extent, self._facts
        if answer is None:
            raise NotWhole("the mailbox did not say that it is whole")
        if found is None:
            raise NotWhole("it broke off, was too long, or came too late")
        if not found.size == facts.size == answer.size:
            raise NotWhole("its size is not the announced one")
        if found.sha256 != answer.sha256 or facts.sha256 not in (None, found.sha256):
            raise NotWhole("its digest is not the announced one")
        return found

    def _take(self) -> None:
        try:
            self._extent = self._segment.add(
                self._key, self._context, self._pieces(), self._facts.size
            )
        except (NotWhole, TooLong, HubError, OSError):
            self._extent = None  # `whole` says so
        finally:
            os.close(self._reading)  # a child that writes on gets a broken pipe

    def _pieces(self) -> Iterator[bytes]:
        while True:
            left = self._until - self._clock.elapsed()
            if left <= 0 or not select.select([self._reading], [], [], left)[0]:
                raise NotWhole("the call's end is over")
            piece = os.read(self._reading, PIECE)
            if not piece:
                return
            yield piece
