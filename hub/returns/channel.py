"""One mailbox's return channel: asked at an interval, its items worked one after the other."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from hub.clock import Clock
from hub.config import Config
from hub.dispatch import Air, Line
from hub.journal import Journal, returning
from hub.journal.handouts import Handout
from hub.returns.deadly import DEADLY, RETURNED, Deadly
from hub.returns.storing import Cursor, Storing
from hub.returns.working import Hand, Work, brings_back, failed, fits
from hub.room import Room
from hub.telemetry import logger
from hub.vault import Vault
from postfach_mailbox import Acknowledged, Collected, Item
from postfach_mailbox.frames import (
    AnswerValue,
    Operation,
    Payload,
    TextPayload,
)

AGAIN = 0.01  # seconds between looks at what another thread does
AT_ONCE = 1.0  # seconds until the next look where there may be more
MOST = 1000  # looks in a row that brought something: a single run leaves the rest to the next
Then = Callable[[AnswerValue | None], None]


@dataclass(slots=True, kw_only=True)  # where it stands
class Channel:
    """A state machine: idle, or waiting for one call, or for one document. For one thread.

    interval: seconds between two looks
    """

    line: Line
    air: Air
    journal: Journal
    vault: Vault
    config: Config
    storing: Storing
    clock: Clock
    interval: float
    deadly: Deadly
    room: Room
    call: int | None = None
    asked: bool = False
    in_a_row: int = 0  # looks that brought something: there may be more
    stored: bool = False  # something, since the stage looked last
    files: list[Handout] = field(default_factory=list)  # receipts to be written
    _next_at: float = 0.0
    _then: Then | None = None
    _looking: bool = False
    _collect: bool = False
    _acks: deque[str] = field(default_factory=deque)
    _items: deque[Item] = field(default_factory=deque)
    _reached: str | None = None
    _moved: bool = False
    _failed: bool = False
    _hand: Hand = field(default_factory=Hand)

    @property
    def busy(self) -> bool:
        """Whether something is under way, the first look is still to come, or there may be more."""
        more = not self.asked or 0 < self.in_a_row < MOST
        return self._looking or (brings_back(self.line) and more)

    @property
    def next_at(self) -> float | None:
        """When it must go on by itself, on `clock.elapsed()`; None: an answer or a tick does it."""
        if self._looking:
            return None if self.call is not None else self.clock.elapsed() + AGAIN
        return self._next_at if brings_back(self.line) else None

    def answered(self, outcome: AnswerValue | None) -> None:
        """Take in how the call that is out ended; None: its child is gone."""
        self.call, then, self._then = None, self._then, None
        if then is not None:
            then(outcome)

    def go_on(self) -> None:
        """Do what can be done now. Raises StorageFailed, SealUnavailable."""
        self._hand.close()
        if self.call is not None:
            return
        if self._hand.work is not None:
            self._go_on_with(self._hand.work)
        elif self._acks:
            self._ask(Operation.ACKNOWLEDGE, TextPayload(text=self._acks[0]), self._acknowledged)
        elif self.room.short and (self._items or not self._looking):
            self.drop()  # what stays free is for what was taken already
        elif self._collect:
            with self.journal.read() as connection:
                cursor = returning.cursor(connection, self.line.name)
            self._ask(Operation.COLLECT, TextPayload(text=cursor), self._collected)
        elif self._items:
            self._begin(self._items.popleft())
        elif self._looking:
            self._end()
        elif brings_back(self.line) and self.clock.elapsed() >= self._next_at:
            with self.journal.read() as connection:
                waiting = returning.unacknowledged(connection, self.line.name)
            self._acks.extend(one for one in waiting if not self.deadly.leaves(one))
            self._looking = self._collect = True
            self._moved = self._failed = False

    def drop(self) -> None:
        """Give up what is under way: nothing of it is acknowledged, so it is offered again."""
        self._hand.leave()
        self._items.clear()
        self._acks.clear()
        self.call, self._then = None, None
        self._looking = self._collect = self._failed = False
        self.asked, self.in_a_row = True, 0
        self._next_at = self.clock.elapsed() + self.deadly.pause(self.interval)

    def _ask(
        self, operation: Operation, payload: Payload, then: Then, fds: tuple[int, ...] = ()
    ) -> bool:
        call = self.air.number()
        if not self.line.call(call, operation, payload, fds):
            if not self.line.callable:
                self.drop()
            return False  # no place is free: tried again
        self.air.beside.add(call)
        self.call, self._then = call, then
        return True

    def _collected(self, outcome: AnswerValue | None) -> None:
        self.asked, self._collect = True, False
        self.deadly.looked(outcome)
        if not isinstance(outcome, Collected):
            self._failed = failed(self.line, "collect")
            return
        self._items.extend(outcome.items)
        self._reached = outcome.cursor

    def _begin(self, item: Item) -> None:
        if self.storing.known(self.line.name, item):
            if not self.deadly.leaves(item.id):
                self._acks.append(item.id)
        elif self.deadly.leaves(item.id):
            self._keep(Work(item=item, segment=self.vault.segment()), trouble=DEADLY)
        elif fits(item, self.config):
            self._hand.work = Work(item=item, segment=self.vault.segment())
        else:
            self._failed = failed(self.line, "limit")

    def _go_on_with(self, work: Work) -> None:
        if work.fetch is not None:
            if work.fetch.done and not work.landed():
                self._failed = failed(self.line, "fetch")
                self._hand.leave()
        elif work.complete:
            name = self.deadly.name(work.item.id)
            self.deadly.caution.work(
                RETURNED, [work], lambda _: self._keep(work), name=lambda _: name
            )
            if self._hand.work is work:  # storing it failed
                self._failed = failed(self.line, "store")
                self._hand.leave()
        else:
            fetch = work.next_fetch(self.clock, self.line.call_timeout)
            if self._ask(
                Operation.FETCH, work.asked(), partial(self.deadly.fetched, work), (fetch.writing,)
            ):
                work.fetch = fetch.start()
            else:
                fetch.give_up()

    def _keep(self, work: Work, trouble: str | None = None) -> None:
        """Store an item, wholly fetched, or as a case without its documents."""
        work.segment.sync()
        last = not self._items and not self._failed
        cursor = Cursor(reached=self._reached) if last else None
        self.files += self.storing.store(
            self.line.name,
            work.item,
            work.key,
            work.extents,
            cursor=cursor,
            trouble=trouble,
        )
        self.stored = self._moved = True
        if trouble is None:
            self._acks.append(work.item.id)
        logger().info("returned item stored", mailbox=self.line.name, code=trouble)
        self._hand.leave(work)

    def _acknowledged(self, outcome: AnswerValue | None) -> None:
        item = self._acks.popleft()
        self.deadly.told(item, outcome)
        if isinstance(outcome, Acknowledged):
            self.storing.acknowledged(self.line.name, item)
        else:  # repeated at the next look
            self._failed = failed(self.line, "acknowledge")

    def _end(self) -> None:
        """Note how the look ended, and when the next is due."""
        self._looking = False
        more = self._moved and not self._failed
        self.in_a_row = self.in_a_row + 1 if more else 0
        self._next_at = self.clock.elapsed() + (
            AT_ONCE if more else self.deadly.pause(self.interval)
        )
        if self._failed:
            self.storing.failed(self.line.name)
        else:
            self.storing.advance(self.line.name, self._reached)
