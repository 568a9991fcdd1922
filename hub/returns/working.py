"""The item under work: its key, and its documents as they come."""

from dataclasses import dataclass, field

from hub.clock import Clock
from hub.config import Config
from hub.dispatch import Line
from hub.returns.fetching import Fetch, NotWhole
from hub.returns.storing import context
from hub.segment import Extent, Segment
from hub.telemetry import logger
from hub.vault import new_key
from postfach_mailbox import Fetched, Item, ReplyDocument
from postfach_mailbox.frames import AnswerValue, FetchPayload


@dataclass(slots=True, kw_only=True, eq=False)  # grows as its documents come
class Work:
    """An item, the segment that takes its documents, and the one that is being fetched."""

    item: Item
    segment: Segment
    key: bytes = field(default_factory=new_key)
    extents: list[Extent] = field(default_factory=list)
    fetch: Fetch | None = None
    _fetched: Fetched | None = None

    @property
    def complete(self) -> bool:
        """Whether all documents have come."""
        return len(self.extents) == len(documents(self.item))

    def next_fetch(self, clock: Clock, seconds: float) -> Fetch:
        """Make the pipe for the next document; its reading ends after so many seconds."""
        number = len(self.extents)
        self._fetched = None
        return Fetch(
            self.segment,
            documents(self.item)[number],
            key=self.key,
            context=context(number),
            clock=clock,
            until=clock.elapsed() + seconds,
        )

    def asked(self) -> FetchPayload:
        """Return what asks for the next document."""
        return FetchPayload(item=self.item.id, document=len(self.extents))

    def answered(self, outcome: AnswerValue | None) -> None:
        """Note what the mailbox says of the document that was fetched."""
        self._fetched = outcome if isinstance(outcome, Fetched) else None

    def landed(self) -> bool:
        """Take in a document that has come; False: it is not whole."""
        fetch, self.fetch = self.fetch, None
        if fetch is None:
            return False
        try:
            self.extents.append(fetch.whole(self._fetched))
        except NotWhole:
            return False
        return True

    def closed(self) -> bool:
        """Close the segment, if no thread writes to it any more; whether it is closed."""
        if self.fetch is not None and not self.fetch.done:
            return False
        self.segment.close()
        return True


@dataclass(slots=True, kw_only=True)  # what is in it
class Hand:
    """The item under work, and those left whose documents may still come."""

    work: Work | None = None
    _left: list[Work] = field(default_factory=list)

    def leave(self, work: Work | None = None) -> None:
        """Leave an item, or the one under work; a document that still comes ends by itself."""
        work = work or self.work
        if work is not None:
            self._left.append(work)
        self.work = None

    def close(self) -> None:
        """Close the segments of those that nothing comes of any more."""
        self._left = [one for one in self._left if not one.closed()]


def documents(item: Item) -> tuple[ReplyDocument, ...]:
    """Return the documents of an item."""
    return item.reply.documents if item.reply else ()


def fits(item: Item, config: Config) -> bool:
    """Whether an item's documents, as announced, are within the hub's limits."""
    sizes = [one.size for one in documents(item)]
    return max(sizes, default=0) <= config.limits.document and sum(sizes) <= config.limits.drop


def brings_back(line: Line) -> bool:
    """Whether a mailbox can be asked now what came back."""
    told = line.capabilities
    promised = told is not None and (told.return_channel or told.retrieval_events)
    return promised and line.callable


def failed(line: Line, what: str) -> bool:
    """Log that the channel failed; return True."""
    logger().warning("return channel failed", mailbox=line.name, code=what)
    return True
