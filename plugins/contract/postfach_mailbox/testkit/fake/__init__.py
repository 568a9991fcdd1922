"""A mailbox that can fail in every way a real one does, kept in one SQLite file.

It can be down, slow, busy or strict, close an account, lose its answer after storing, confirm later
and bring something back. It takes the same key twice unless it is told to be idempotent: a hub or
a test that relies on the mailbox to sort that out shows it here. Plugin and far side share the file
alone, so they may live in different processes.

    [mailboxes.trial.config]
    path = "var/fake"           # a folder that is there
    repeat = "IDEMPOTENT"       # QUERYABLE; else NEITHER
    confirms = "later"          # else at-once
    prepares = true             # also: status, returns

In tests, `FakeFarSide(folder)` plays its far side.
"""

import hashlib
from datetime import datetime
from typing import BinaryIO, Literal

from postfach_mailbox.capabilities import Capabilities, Repeat
from postfach_mailbox.hooks import Keep, hookimpl
from postfach_mailbox.notice import (
    Acknowledged,
    Collected,
    Delivery,
    Fetched,
    Item,
    NoticeData,
    ReplyData,
    ReplyDocument,
    StatusUpdate,
)
from postfach_mailbox.outcomes import (
    Absent,
    Account,
    Evidence,
    Health,
    Outcome,
    Reconciled,
    Refused,
)
from postfach_mailbox.settings import HubPath, Settings
from postfach_mailbox.testkit.fake.desk import Desk, digest, signed
from postfach_mailbox.testkit.fake.far_side import FakeFarSide, bench
from postfach_mailbox.testkit.fake.store import Store, Stored

__all__ = ["FakeFarSide", "FakeMailbox", "bench", "postfach_mailbox"]
LARGEST = 10**8  # bytes of a document
STATE_SECONDS = 20.0  # that a state may take
ENCLOSED = b"what the recipient enclosed"


class FakeMailbox:
    """A mailbox without a network: what would be a request is a look into the shared file."""

    class Config(Settings):
        """Its table in hub.toml."""

        path: HubPath
        """A folder that is there; the mailbox is a file in it."""
        repeat: Literal["IDEMPOTENT", "QUERYABLE", "NEITHER"] = "NEITHER"
        confirms: Literal["at-once", "later"] = "at-once"
        prepares: bool = False
        status: bool = False
        returns: bool = False

    def __init__(self, config: Config) -> None:
        """Take the settings; touches no file."""
        self._config, self._store = config, Store(config.path)
        self._desk = Desk(self._store, confirms=config.confirms, prepares=config.prepares)

    def capabilities(self) -> Capabilities:
        """Return what the settings say that it can do."""
        return Capabilities(
            scheme="fake",
            address_pattern="[a-z]{1,20}",
            legal_bases=frozenset({"OZG9", "NONE"}),
            assurance_level="high",
            max_file=LARGEST,
            max_total=LARGEST,
            max_count=20,
            repeat=Repeat(self._config.repeat),
            confirms=self._config.confirms,
            prepares=self._config.prepares,
            status=self._config.status,
            return_channel=self._config.returns,
        )

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Store the notice; whether the answer arrives is the far side's mood."""
        if (away := self._desk.away()) is not None:
            return away
        earlier = self._store.found(delivery.key)
        once = self._config.repeat == "IDEMPOTENT"
        if earlier is not None and once:
            return self._desk.confirmed(earlier)
        if (refused := self._desk.refused(delivery)) is not None:
            return refused
        reference = hashlib.sha256(delivery.key.encode()).hexdigest()[:16]
        keep(reference)
        digests = []
        for document in delivery.documents:
            with document.open() as stream:
                digests.append(digest(stream))
        stored = self._store.put(delivery.key, reference, digests, once=once)
        return self._desk.answered(stored, delivery.seconds_left())

    def prepare(self, notice: NoticeData) -> bytes | Refused:
        """Return what stands for a signature over the notice."""
        return signed(notice)

    def reconcile(self, key: str) -> Reconciled:
        """Say what the file holds under the key."""
        if (away := self._desk.away()) is not None:
            return away
        shown = [at for _, of, at in self._store.told("shown") if of == key]
        if shown:
            return self._desk.confirmed(Stored.of_now(key[:16], "confirmed"))
        stored = self._store.found(key)
        return Absent() if stored is None else self._desk.confirmed(stored)

    def health(self) -> Health:
        """Say whether a request would be taken."""
        away = self._desk.away()
        return Health(status="up") if away is None else Health(status="down", text="away")

    def account(self, address: str) -> Account:
        """Say what the file says; OSError while it is down."""
        if self._desk.away() is not None:
            raise ConnectionError("the mailbox is away")
        return Account(status=self._store.account(address))

    def set_status(self, update: StatusUpdate) -> Outcome:
        """Note the state."""
        if (away := self._desk.away()) is not None:
            return away
        self._store.add("status", update.status)
        self._store.add("shown", update.key)
        return self._desk.answered(Stored.of_now(update.key[:16], "confirmed"), STATE_SECONDS)

    def collect(self) -> Collected:
        """Return what came back and is not acknowledged."""
        if self._desk.away() is not None:
            raise ConnectionError("the mailbox is away")
        answer = Evidence(name="reply.txt", media_type="text/plain", data=b"a reply")
        document = ReplyDocument(
            filename="proof.txt",
            content_type="text/plain",
            size=len(ENCLOSED),
            sha256=hashlib.sha256(ENCLOSED).hexdigest(),
        )
        reply = ReplyData(subject="Re: notice", text="a reply", documents=(document,))
        items = [
            Item(
                id=str(number),
                kind="reply",
                at=datetime.fromisoformat(at),
                about=key,
                evidence=(answer,),
                reply=reply,
            )
            for number, key, at in self._store.told("reply")
        ]
        return Collected(items=tuple(items))

    def fetch(self, document: int, into: BinaryIO) -> Fetched:
        """Write the one document that every reply has."""
        if self._desk.away() is not None or document != 0:
            raise ConnectionError("the document cannot be had")
        into.write(ENCLOSED)
        return Fetched(size=len(ENCLOSED), sha256=hashlib.sha256(ENCLOSED).hexdigest())

    def acknowledge(self, item: str) -> Acknowledged:
        """Forget an item."""
        self._store.forget(item)
        return Acknowledged()


@hookimpl
def postfach_mailbox() -> type:
    """Return the mailbox class."""
    return FakeMailbox
