"""A return channel that does what it must not: acts that begin with `back-`."""

import hashlib
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

from postfach_mailbox import (
    Acknowledged,
    Collected,
    Evidence,
    Fetched,
    Item,
    ReplyData,
    ReplyDocument,
)

SIZE = 100_000
DATA = bytes(SIZE)
DIGEST = hashlib.sha256(DATA).hexdigest()


def item(number: int = 1, size: int = SIZE) -> Item:
    return Item(
        id=f"item-{number}",
        kind="reply",
        at=datetime(2026, 3, 1, tzinfo=UTC),
        about="of no notice",
        evidence=(Evidence(name="mail", media_type="text/plain", data=b"mail"),),
        reply=ReplyData(
            subject="Antwort",
            documents=(ReplyDocument(filename="a", content_type="text/plain", size=size),),
        ),
    )


def forever() -> None:
    threading.Event().wait()


def unheard() -> None:
    raise ValueError("Canary-R: not now")


def too_many() -> Collected:
    items = tuple(item(number) for number in range(5000))
    return Collected.model_construct(items=items, cursor=None)


def gigantic() -> Collected:
    return Collected(items=(item(size=10**12),))


def endless(into: BinaryIO) -> None:
    while True:
        into.write(DATA)


def silent(into: BinaryIO) -> None:
    forever()


def short(into: BinaryIO) -> None:
    into.write(DATA[:-1])


def other(into: BinaryIO) -> None:
    into.write(b"x" * SIZE)


COLLECTS: dict[str, Callable[[], Collected | None]] = {
    "back-hang": forever,
    "back-raise": unheard,
    "back-flood": too_many,
    "back-gigantic": gigantic,
}
FETCHES: dict[str, Callable[[BinaryIO], None]] = {
    "back-endless": endless,
    "back-silent": silent,
    "back-short": short,
    "back-other": other,
}
ACKNOWLEDGES: dict[str, Callable[[], None]] = {"back-deaf": unheard}
DEADLY = "back-deadly"  # its process ends at one item while it is fetched, at one acknowledged
PAGES = "back-pages"  # a good one: it offers what comes after the cursor, and nothing else
BACK = (*COLLECTS, *FETCHES, *ACKNOWLEDGES, DEADLY, PAGES)


class Returning:
    def __init__(self, act: str) -> None:
        self._act = act

    def collect(self, cursor: str | None) -> Collected:
        if self._act == PAGES:
            items = tuple(item(number) for number in range(int(cursor or 0) + 1, 6))
            return Collected(items=items, cursor="5")
        if self._act == DEADLY:
            return Collected(items=tuple(item(number) for number in (1, 2, 3)))
        found = COLLECTS[self._act]() if self._act in COLLECTS else None
        return found if found is not None else Collected(items=(item(),))

    def fetch(self, item: str, document: int, into: BinaryIO) -> Fetched:
        if (self._act, item) == (DEADLY, "item-1"):
            os._exit(9)
        FETCHES.get(self._act, lambda into: into.write(DATA))(into)
        return Fetched(size=SIZE, sha256=DIGEST)

    def acknowledge(self, item: str) -> Acknowledged:
        if (self._act, item) == (DEADLY, "item-2"):
            os._exit(9)
        ACKNOWLEDGES.get(self._act, lambda: None)()
        return Acknowledged()
