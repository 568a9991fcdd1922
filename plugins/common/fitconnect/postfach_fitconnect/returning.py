"""Replies as the hub takes them: the reply's own data are its first document."""

import hashlib
import json
from typing import BinaryIO, Final

from pydantic import ValidationError

from postfach_fitconnect.asking import Left
from postfach_fitconnect.assumed import REPLIES_AT_ONCE
from postfach_fitconnect.ending import Ended, NotNow
from postfach_fitconnect.metadata import Announced
from postfach_fitconnect.parcel import Reference
from postfach_fitconnect.replies import Replies, Reply, ReplyRefused
from postfach_http import Failed
from postfach_mailbox import Collected, Evidence, Fetched, Item, ReplyData, ReplyDocument
from postfach_mailbox.outcomes import EVIDENCE_MAX

SUBJECT: Final = "Antwort über FIT-Connect"  # where a reply has none
_ENDINGS: Final = {"application/json": "json", "application/xml": "xml", "text/xml": "xml"}


class Returning:
    """Turns replies into items. Safe for threads; raises as Replies."""

    def __init__(self, replies: Replies) -> None:
        """Take where replies come from."""
        self._replies = replies
        self._stuck: frozenset[str] = frozenset()

    @property
    def stuck(self) -> int:
        """How many replies could not be opened when they were last looked at."""
        return len(self._stuck)

    def collect(self, left: Left) -> Collected:
        """Return replies that wait, so many as there is time for; those that cannot be opened stay.

        A document's size and hash are known only when it was opened, so each is fetched here too.
        One that is hard to get, or cannot be opened, hinders no other.
        """
        items: list[Item] = []
        stuck: set[str] = set()
        hindered: Exception | None = None
        enough = left() / 2
        waiting = self._replies.waiting(left)
        for reply in sorted(waiting, key=lambda each: each in self._stuck):
            if len(items) >= REPLIES_AT_ONCE or (items and left() < enough):
                break
            try:
                items.append(self._item(reply, left))
            except ReplyRefused:
                stuck.add(reply)
            except NotNow as error:
                hindered = error
            except (Ended, Failed) as error:
                hindered = error
                break
        if hindered is not None and not items:
            raise hindered
        self._stuck = frozenset(stuck | (self._stuck & set(waiting)) - {each.id for each in items})
        return Collected(items=tuple(items))

    def fetch(self, item: str, document: int, into: BinaryIO, left: Left) -> Fetched:
        """Write a document. Raises ReplyRefused; LookupError: there is no such document."""
        reply = self._replies.open(item, left)
        if document == 0:
            data = reply.data
        elif 0 < document <= len(reply.metadata.attachments):
            data = self._replies.document(item, reply.metadata.attachments[document - 1], left)
        else:
            raise LookupError("the reply has no such document")
        into.write(data)
        return Fetched(size=len(data), sha256=hashlib.sha256(data).hexdigest())

    def _item(self, reply: str, left: Left) -> Item:
        found = self._replies.open(reply, left)
        about = self._replies.about(found.case, left)
        try:
            documents = [
                _facts(each, self._replies.document(reply, each, left))
                for each in found.metadata.attachments
            ]
            return _item(found, about, (_own(found), *documents))
        except ValidationError as error:  # a name, text or time that the contract does not take
            raise ReplyRefused(f"reply: {error.error_count()} values that are not fit") from None


def _item(reply: Reply, about: Reference | None, documents: tuple[ReplyDocument, ...]) -> Item:
    return Item(
        id=reply.id,
        kind="reply",
        at=reply.at,
        about=about.text if about is not None else None,
        evidence=_evidence(reply),
        reply=ReplyData(subject=reply.metadata.subject or SUBJECT, documents=documents),
    )


def _own(reply: Reply) -> ReplyDocument:
    """Return the facts of the reply's own data."""
    ending = _ENDINGS.get(reply.metadata.data_type, "bin")
    data = Announced(
        id="", filename=f"data.{ending}", media_type=reply.metadata.data_type, sha512=""
    )
    return _facts(data, reply.data)


def _facts(document: Announced, data: bytes) -> ReplyDocument:
    return ReplyDocument(
        filename=document.filename,
        content_type=document.media_type,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _evidence(reply: Reply) -> tuple[Evidence, ...]:
    ids = {"replyId": reply.id, "caseId": reply.case, "createdAt": reply.at.isoformat()}
    facts = Evidence(
        name="reply.json",
        media_type="application/json",
        data=json.dumps(ids).encode(),
        in_receipt=True,
    )
    if len(reply.raw_metadata) > EVIDENCE_MAX:
        return (facts,)
    metadata = Evidence(
        name="metadata.json", media_type="application/json", data=reply.raw_metadata
    )
    return (facts, metadata)
