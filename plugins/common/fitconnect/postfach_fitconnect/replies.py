"""Replies of a case: listed, opened with our key, fetched document by document, acknowledged.

What cannot be opened is neither offered nor acknowledged: it stays where it is, and `health` says
that there is such a thing.
"""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from postfach_fitconnect.api import Api, Unreadable, path, read, text
from postfach_fitconnect.asking import Left
from postfach_fitconnect.assumed import (
    ACKNOWLEDGED,
    CASE,
    DATA_BYTES_MAX,
    JOSE,
    REPLIES,
    REPLY,
    REPLY_ACKNOWLEDGE,
    REPLY_ATTACHMENT,
    Problem,
)
from postfach_fitconnect.ending import NotNow, problem
from postfach_fitconnect.jwe import NotOpened, opened
from postfach_fitconnect.metadata import Announced, Metadata, MetadataRefused, sha512
from postfach_fitconnect.metadata import read as read_metadata
from postfach_fitconnect.parcel import UUID, Reference
from postfach_fitconnect.replykey import ReplyKey
from postfach_http import Answer

_LIST_BYTES_MAX: Final = 1024 * 1024
_JWE_ROOM: Final = 8192  # bytes of a JWE beside its cipher text
_LISTED: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that was opened, without the bytes of its documents.

    raw_metadata: as it was decrypted; data: so too
    """

    id: str
    case: str
    at: datetime
    metadata: Metadata
    raw_metadata: bytes
    data: bytes


class ReplyRefused(Exception):
    """A reply is not what it has to be: not for our key, altered, or without what it announces."""


class Replies:
    """Fetches replies. Safe for threads.

    Methods raise NotNow: the service cannot be asked now; Ended and Failed as `Api.ask`.
    """

    def __init__(self, api: Api, key: ReplyKey, *, max_file: int, at_once: int) -> None:
        """Take our key, the size of the largest document, and how many are decrypted at once."""
        self._api, self._key, self._max_file = api, key, max_file
        self._room = threading.BoundedSemaphore(at_once)

    def waiting(self, left: Left) -> list[str]:
        """Return ids of replies that were not acknowledged, oldest first."""
        where = f"{REPLIES}?limit={_LISTED}"
        found = _object(self._api.ask("GET", where, left=left, most=_LIST_BYTES_MAX))
        listed = found.get("replies")
        if not isinstance(listed, list):
            raise NotNow("the list of replies is none")
        return [each for each in (_id(one, "replyId") for one in listed) if each]

    def open(self, reply: str, left: Left) -> Reply:
        """Return a reply. Raises ReplyRefused."""
        most = _LIST_BYTES_MAX + _encrypted(DATA_BYTES_MAX)
        found = _object(self._api.ask("GET", path(REPLY, reply=reply), left=left, most=most))
        case = _id(found, "caseId")
        if _id(found, "replyId") != reply or not case:
            raise ReplyRefused("reply: the answer is of another one, or names no case")
        try:
            at = datetime.fromisoformat(text(found, "createdAt"))
            secrets = [text(found, each, most) for each in ("encryptedMetadata", "encryptedData")]
        except (Unreadable, ValueError) as error:
            raise ReplyRefused("reply: time, metadata or data are missing") from error
        if at.tzinfo is None:
            raise ReplyRefused("reply: its time has no zone")
        raw_metadata, data, metadata = self._opened(*secrets)
        if not _same(found.get("attachments", []), metadata.attachments):
            raise ReplyRefused("reply: other documents than its metadata announce")
        return Reply(
            id=reply,
            case=case,
            at=at,
            metadata=metadata,
            raw_metadata=raw_metadata,
            data=data,
        )

    def about(self, case: str, left: Left) -> Reference | None:
        """Return the submission of a case; None: it has none, or several."""
        answer = self._api.ask("GET", path(CASE, case=case), left=left, most=_LIST_BYTES_MAX)
        if problem(answer) is Problem.CASE_UNKNOWN:
            return None
        found = _object(answer)
        listed = found.get("submissions")
        ids = [_id(each, "submissionId") for each in listed] if isinstance(listed, list) else []
        destination = _id(found, "destinationId")
        if len(ids) != 1 or not ids[0] or not destination or _id(found, "caseId") != case:
            return None  # the hub makes it a case for a person
        return Reference(submission=ids[0], destination=destination, case=case)

    def document(self, reply: str, document: Announced, left: Left) -> bytes:
        """Return a document's bytes, checked. Raises ReplyRefused.

        Costs four times its size while it runs, so only so many do at once.
        """
        if not self._room.acquire(timeout=max(0.0, left())):
            raise NotNow("other documents are being decrypted; see `large_at_once` in hub.toml")
        try:
            return self._document(reply, document, left)
        finally:
            self._room.release()

    def _document(self, reply: str, document: Announced, left: Left) -> bytes:
        where = path(REPLY_ATTACHMENT, reply=reply, attachment=document.id)
        most = _encrypted(self._max_file)
        answer = self._api.ask("GET", where, left=left, accept=JOSE, most=most)
        if answer.status != 200:
            raise _not_now(answer)
        if not answer.whole:
            raise ReplyRefused("a document is larger than `max_file` in hub.toml")
        key, kid = self._key.key()
        try:
            clear = opened(answer.body.strip(), key, kid, document.media_type)
        except NotOpened as error:
            raise ReplyRefused(f"a document: {error}") from error
        if sha512(clear) != document.sha512:
            raise ReplyRefused("a document is not what its metadata announce")
        return clear

    def acknowledge(self, reply: str, left: Left) -> None:
        """Tell the service that a reply is stored: it is not offered again."""
        answer = self._api.ask("PUT", path(REPLY_ACKNOWLEDGE, reply=reply), left=left)
        if answer.status == 404 and problem(answer) is not Problem.REPLY_UNKNOWN:
            raise _not_now(answer)
        if answer.status not in ACKNOWLEDGED:
            raise _not_now(answer)

    def _opened(self, metadata: str, data: str) -> tuple[bytes, bytes, Metadata]:
        key, kid = self._key.key()
        try:
            raw = opened(metadata.encode(), key, kid)
            found = read_metadata(raw)
            clear = opened(data.encode(), key, kid, found.data_type)
        except (NotOpened, MetadataRefused) as error:
            raise ReplyRefused(f"reply: {error}") from error
        if sha512(clear) != found.data_sha512:
            raise ReplyRefused("reply: the data are not what the metadata announce")
        return raw, clear, found


def _encrypted(size: int) -> int:
    return size * 4 // 3 + _JWE_ROOM


def _id(found: object, name: str) -> str:
    value = found.get(name) if isinstance(found, dict) else None
    lower = value.lower() if isinstance(value, str) else ""
    return lower if UUID.fullmatch(lower) else ""


def _same(listed: object, announced: tuple[Announced, ...]) -> bool:
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        return False
    return sorted(each.lower() for each in listed) == sorted(each.id for each in announced)


def _object(answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        raise _not_now(answer)
    try:
        return read(answer)
    except Unreadable as error:
        raise NotNow(str(error)) from error


def _not_now(answer: Answer) -> NotNow:
    return NotNow(f"the service answered {answer.status}")
