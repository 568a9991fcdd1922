"""A notice as an order of the gateway, and what the hub keeps of it.

The order's id is made of the hub's key, so it is the same at every attempt: the gateway takes an id
once, and a second order can never become a second message.
"""

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from postfach_mailbox import Delivery, DeliveryDocument, RefusalCode
from postfach_mailbox_muk.assumed import (
    FILE_ID,
    FILENAME_MAX,
    LEVELS,
    ORDER_BYTES_MAX,
    ORDER_ID,
    REFERENCE_MAX,
    SENDER_MAX,
    SERVICE_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
)
from postfach_mailbox_muk.settings import Config

_IDS: Final = uuid.UUID("5b0f6c52-6f0e-5d3a-9a5e-3d7c1c0a6b11")  # of order ids made from keys
_ID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_REFERENCE: Final = re.compile(rf"({_ID})/([0-9]{{1,12}})(/taken)?")
_UNFIT: Final = re.compile(r"[/\\\x00-\x1f\x7f-\x9f]")


class NotAccepted(Exception):
    """The gateway would never take this; its text names a field, never what stands in it."""

    def __init__(self, code: RefusalCode, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What the hub keeps of an order.

    since: seconds since 1970 when its call began; taken: the gateway said that it has it
    """

    order: str
    since: int
    taken: bool = False

    @property
    def text(self) -> str:
        """`<order>/<since>`, and `/taken`: the order's id comes first, for people."""
        return f"{self.order}/{self.since}{'/taken' * self.taken}"

    @classmethod
    def read(cls, text: str) -> "Reference":
        """Take what `text` gave. Raises ValueError."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise ValueError("not a reference of an order")
        return cls(order=found[1], since=int(found[2]), taken=found[3] is not None)


def order_id(key: str) -> str:
    """Return the order's id of a notice."""
    return str(uuid.uuid5(_IDS, key))


def documents(delivery: Delivery) -> tuple[DeliveryDocument, ...]:
    """Return what is uploaded: every document, then the hub's seal. Raises NotAccepted."""
    for number, each in enumerate(delivery.documents, 1):
        name = each.facts.filename
        if not 0 < len(name) <= FILENAME_MAX or _UNFIT.search(name) or name in (".", ".."):
            what = f"Document[{number}]/@filename: not a name that the gateway takes"
            raise NotAccepted(RefusalCode.CONTENT_INVALID, what)
        if each.facts.size < 1:
            what = f"Document[{number}]: empty, which the gateway does not take"
            raise NotAccepted(RefusalCode.CONTENT_INVALID, what)
    return (*delivery.documents, delivery.sealed_notice)


def written(delivery: Delivery, files: Sequence[str], config: Config) -> bytes:
    """Return the order as it is sent. Raises NotAccepted.

    files: ids of what was uploaded, in the order of `documents`
    """
    notice = delivery.notice
    sender = config.sender or notice.author.name or notice.author.identifier
    fields: dict[str, Any] = {
        ORDER_ID: order_id(delivery.key),
        "senderReference": delivery.key,
        "recipient": notice.mailbox.id,
        "level": LEVELS[notice.assurance_level],
        "sender": _text("Author", sender, SENDER_MAX),
        "subject": _text("Subject", notice.subject, SUBJECT_MAX),
        "text": _text("Text", notice.text or config.text, TEXT_MAX),
        "service": _text("Service", notice.service, SERVICE_MAX),
        "caseReference": notice.case_reference
        and _text("CaseReference", notice.case_reference, REFERENCE_MAX),
        "mayReply": config.replies,
        "documents": [
            _document(each, file) for each, file in zip(documents(delivery), files, strict=True)
        ],
    }
    present = {name: value for name, value in fields.items() if value is not None}
    data = json.dumps(present, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > ORDER_BYTES_MAX:
        raise NotAccepted(RefusalCode.TOO_LARGE, "the order is too long as it is written")
    return data


def _document(document: DeliveryDocument, file: str) -> dict[str, str | int]:
    facts = document.facts
    return {
        FILE_ID: file,
        "filename": facts.filename,
        "contentType": facts.content_type,
        "size": facts.size,
        "sha256": facts.sha256,
    }


def _text(name: str, value: str, most: int) -> str:
    if not 0 < len(value) <= most:
        what = f"{name}: 1 to {most} characters are taken"
        raise NotAccepted(RefusalCode.CONTENT_INVALID, what)
    return value
