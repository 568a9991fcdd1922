"""Collect, fetch and acknowledge of the contract, from messages.

What cannot be read, is too large, or is not signed as it must be, is set aside with its reason and
counted by `health`; it stops none of the others. What names no notice goes to the hub all the same:
a person sees to it there.
"""

import hashlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import BinaryIO, Final

from postfach_mail.address import Pattern
from postfach_mail.folder import Folder
from postfach_mail.imap import Imap
from postfach_mail.message import Mail, Part, Unreadable, read
from postfach_mail.settings import MailConfig
from postfach_mail.source import Box, Source, Waiting
from postfach_mailbox import (
    Acknowledged,
    Collected,
    Evidence,
    Fetched,
    Health,
    Item,
    ReplyData,
    ReplyDocument,
)
from postfach_mailbox.notice import REPLY_TEXT_MAX

MOST_ITEMS: Final = 16  # of one answer
MOST_TEXT: Final = 2_000_000  # bytes of all texts of one answer: it must fit into a frame
LOOKED_AT: Final = 200  # messages for one answer, the ones that are set aside as well
EARLY: Final = timedelta(minutes=5)  # that a sender's clock may be ahead of ours
LONG_TEXT: Final = "text.txt"


class Channel:
    """The return channel of one mailbox. For several threads."""

    def __init__(
        self, config: MailConfig, *, retrieval: Pattern | None, reply: Pattern | None
    ) -> None:
        """Take the settings; opens nothing.

        retrieval, reply: the addresses that retrievals are told to, and replies come to
        """
        self._config = config
        self._patterns = {"retrieval": retrieval, "reply": reply}
        self._source: Source = (
            Imap(config=config) if config.folder is None else Folder(path=config.folder)
        )
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()  # one reader at a time; the hub asks one thing at a time

    def collect(self) -> Collected:
        """Return what waits, the oldest first. Raises Away."""
        found: list[Item] = []
        room = MOST_TEXT
        with self._lock, self._source.open() as box:
            for looked, (message, mail) in enumerate(self._readable(box)):
                item = self._item(message, mail)
                if any(each.id == item.id for each in found):  # delivered twice: later
                    continue
                room -= len((item.reply.text or "").encode()) if item.reply else 0
                if found and room < 0:
                    break
                self._known[item.id] = message.name
                found.append(item)
                if len(found) == MOST_ITEMS or looked == LOOKED_AT:
                    break
        return Collected(items=tuple(found))

    def fetch(self, item: str, document: int, into: BinaryIO) -> Fetched:
        """Write a document of a reply. Raises Away, LookupError."""
        with self._lock, self._source.open() as box:
            _, mail = self._find(box, item)
        part = _parts(mail)[document]
        into.write(part.data)
        return Fetched(size=len(part.data), sha256=hashlib.sha256(part.data).hexdigest())

    def acknowledge(self, item: str) -> Acknowledged:
        """Mark a message as taken; one that waits no more is no error. Raises Away."""
        with self._lock, self._source.open() as box:
            try:
                message, _ = self._find(box, item)
            except LookupError:
                return Acknowledged()
            box.take(message)
            self._known.pop(item, None)
        return Acknowledged()

    def health(self) -> Health:
        """Say whether messages can be had, and how many were set aside. Raises Away."""
        with self._lock, self._source.open() as box:
            count = box.refused()
        if count:
            return Health(status="degraded", text=f"{count} e-mails were set aside: no person saw")
        return Health(status="up")

    def _readable(self, box: Box) -> Iterator[tuple[Waiting, Mail]]:
        """Give the messages that can be taken, and set the others aside."""
        for message in box.waiting():
            try:
                mail = self._read(box, message)
            except Unreadable as error:
                box.set_aside(message, str(error))
            except LookupError:  # another reader took it
                continue
            else:
                yield message, mail

    def _read(self, box: Box, message: Waiting) -> Mail:
        if message.size > self._config.max_size:
            raise Unreadable(f"it is longer than {self._config.max_size} bytes")
        data = box.read(message)
        if not data:
            raise Unreadable("it is empty, or no plain file")
        if len(data) > self._config.max_size:
            raise Unreadable(f"it is longer than {self._config.max_size} bytes")
        mail = read(data)
        trust = self._config.trust
        if trust is not None and not trust.holds(mail.results):
            raise Unreadable(f"{trust.checked_by} did not find it signed by {trust.signed_by}")
        return mail

    def _find(self, box: Box, item: str) -> tuple[Waiting, Mail]:
        """Return a message that waits, by its item; LookupError where there is none.

        It is read again: a name may be that of another message by now.
        """
        waiting = list(box.waiting())
        known = self._known.get(item)
        for message in sorted(waiting, key=lambda each: each.name != known):
            try:
                mail = self._read(box, message)
            except (Unreadable, LookupError):
                continue
            if self._item(message, mail).id == item:
                return message, mail
        raise LookupError("there is no such message")

    def _item(self, message: Waiting, mail: Mail) -> Item:
        told = {
            kind: key
            for kind, pattern in self._patterns.items()
            if pattern is not None and (key := pattern.key(mail.recipients)) is not None
        }
        retrieved = set(told) == {"retrieval"}
        about = next(iter(told.values())) if len(told) == 1 else None
        return Item(
            id=f"mail-{mail.identity}",
            kind="retrieval" if retrieved else "reply",
            at=_at(mail, message.at),
            about=about,
            evidence=(
                Evidence(
                    name="e-mail.json",
                    media_type="application/json",
                    data=mail.proof,
                    in_receipt=True,
                ),
            ),
            reply=None if retrieved else _reply(mail),
        )


def _at(mail: Mail, came: datetime) -> datetime:
    """Return when it was written, unless that would be later than it came."""
    return came if mail.at is None or mail.at > came + EARLY else mail.at


def _reply(mail: Mail) -> ReplyData:
    long = len(mail.text or "") > REPLY_TEXT_MAX
    return ReplyData(
        subject=mail.subject,
        text=None if long else mail.text,
        sender=mail.sender,
        documents=tuple(
            ReplyDocument(
                filename=each.filename,
                content_type=each.content_type,
                size=len(each.data),
                sha256=hashlib.sha256(each.data).hexdigest(),
            )
            for each in _parts(mail)
        ),
    )


def _parts(mail: Mail) -> tuple[Part, ...]:
    """Return the documents, and a text that is too long for a reply's own as one."""
    if mail.text is None or len(mail.text) <= REPLY_TEXT_MAX:
        return mail.documents
    text = Part(filename=LONG_TEXT, content_type="text/plain", data=mail.text.encode())
    return (*mail.documents, text)
