"""What companies write back, as the hub takes it."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, BinaryIO, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from postfach_http import Answer, Client, Failed
from postfach_http.call import lasting
from postfach_mailbox import (
    Acknowledged,
    Collected,
    Evidence,
    Fetched,
    Item,
    ReplyData,
    ReplyDocument,
)
from postfach_mailbox_muk import answers
from postfach_mailbox_muk.assumed import DOCUMENT, FILE_BYTES_MAX, REPLIES, REPLY, Code

SECONDS: Final = 20.0
AT_ONCE: Final = 16
LIST_MAX: Final = 3 * 1024 * 1024  # bytes: with less than a frame of 4 MiB for the hub
UUID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
Asking = Callable[[str], Answer]


class NotNow(Exception):
    """It cannot be told now; the text says why, without names or secrets."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Paper(_Model):
    filename: str = Field(min_length=1, max_length=255)
    contentType: str = Field(min_length=1, max_length=255)  # noqa: N815  # the gateway's own name
    size: int = Field(ge=0, le=FILE_BYTES_MAX)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Reply(_Model):
    replyId: str = Field(pattern=UUID)  # noqa: N815
    senderReference: str | None = Field(default=None, max_length=200)  # noqa: N815
    at: datetime
    subject: str = Field(min_length=1, max_length=1024)
    text: str | None = Field(default=None, max_length=64 * 1024)
    documents: tuple[_Paper, ...] = Field(default=(), max_length=100)


class Replies:
    """The channel back. Safe for threads. Everything here raises NotNow."""

    def __init__(self, client: Client) -> None:
        """Take who is asked."""
        self._client = client

    def collect(self) -> Collected:
        """Return replies that were not taken, oldest first; one that cannot be read stays."""
        answer = self._ask("GET", f"{REPLIES}?limit={AT_ONCE}", most=LIST_MAX)
        found = _listed(answer)
        return Collected(items=tuple(_item(each) for each in found))

    def fetch(self, item: str, document: int, into: BinaryIO) -> Fetched:
        """Write a reply's document."""
        path = DOCUMENT.format(reply=item, number=document)
        answer = self._ask("GET", path, most=FILE_BYTES_MAX)
        if answer.status != 200 or not answer.whole:
            raise NotNow(f"the gateway answered {answer.status} for a document of a reply")
        into.write(answer.body)
        return Fetched(size=len(answer.body), sha256=hashlib.sha256(answer.body).hexdigest())

    def acknowledge(self, item: str) -> Acknowledged:
        """Say that a reply is taken."""
        answer = self._ask("DELETE", REPLY.format(reply=item))
        gone = answers.code(answer) is Code.REPLY_UNKNOWN
        if answer.status != 204 and not gone:
            raise NotNow(f"the gateway answered {answer.status} where a reply is taken")
        return Acknowledged()

    def _ask(self, method: str, path: str, most: int = 64 * 1024) -> Answer:
        try:
            return self._client.ask(
                method,
                path,
                headers={"Accept": "application/json, */*"},
                left=lasting(SECONDS),
                most=most,
            )
        except Failed as failure:
            raise NotNow(str(failure)) from failure


def _listed(answer: Answer) -> list[_Reply]:
    try:
        found: Any = json.loads(answer.body) if answer.status == 200 and answer.whole else None
        listed = found["replies"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise NotNow(f"the gateway's list of replies cannot be read ({answer.status})") from None
    read: list[_Reply] = []
    wrong = 0
    for each in listed if isinstance(listed, list) else ():
        try:
            read.append(_Reply.model_validate(each))
        except ValidationError:
            wrong += 1
    if wrong and not read:
        raise NotNow(f"{wrong} replies cannot be read")
    return read


def _item(reply: _Reply) -> Item:
    facts = {
        "replyId": reply.replyId,
        "senderReference": reply.senderReference,
        "at": reply.at.isoformat(),
    }
    return Item(
        id=reply.replyId,
        kind="reply",
        at=reply.at,
        about=reply.senderReference,  # the hub's key
        evidence=(
            Evidence(
                name="reply.json",
                media_type="application/json",
                data=json.dumps(facts).encode(),
                in_receipt=True,
            ),
        ),
        reply=ReplyData(
            subject=reply.subject,
            text=reply.text,
            documents=tuple(
                ReplyDocument(
                    filename=each.filename,
                    content_type=each.contentType,
                    size=each.size,
                    sha256=each.sha256,
                )
                for each in reply.documents
            ),
        ),
    )
