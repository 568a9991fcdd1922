"""What a message and a state say, as JSON that the service reads.

The field `content` of a message is shown as HTML, so the notice's text, which is plain, is escaped:
nothing in it can become a tag or a character reference. All other fields are shown as they are.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from postfach_mail.address import PLACE, Pattern
from postfach_mailbox import AuthorData, DocumentData, NoticeData, RefusalCode, StatusUpdate
from postfach_mailbox_bundid.assumed import (
    FILE_BYTES_MAX,
    FILENAME_MAX,
    FILES_BYTES_MAX,
    FILES_MAX,
    TEXT_BYTES_MAX,
)
from postfach_mailbox_bundid.envelope import compact

SENDER_MAX: Final = 255
TITLE_MAX: Final = 1024
SERVICE_MAX: Final = 255
REFERENCE_MAX: Final = 255
# STORK levels as BundID has them: 1 password, 3 ELSTER certificate, 4 online ID card.
LEVELS: Final[Mapping[str, int]] = MappingProxyType({"low": 1, "substantial": 3, "high": 4})
STATE_SENDER_MAX: Final = 100
STATE_NAME_MAX: Final = 100
STATE_DETAILS_MAX: Final = 50
STATE_ADDITIONAL_MAX: Final = 100
STATE_REFERENCE_MAX: Final = 50
_BREAK: Final = re.compile(r"\r\n|\r|\n")
# Neither of JSON's nor of multipart's own signs: such a name would mean two things.
_UNFIT: Final = re.compile(r'["\\/\x00-\x1f\x7f-\x9f]')


class NotAccepted(Exception):
    """The service would never take this; its text names a field, never what stands in it."""

    def __init__(self, code: RefusalCode, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What the settings add to each message.

    sender: instead of the author's name
    text: for a notice that has none
    """

    sender: str | None
    text: str
    sender_url: str | None = None
    retrieval_address: str | None = None
    reply_address: str | None = None


def message(notice: NoticeData, wording: Wording, key: str) -> str:
    """Return the content of a message. Raises NotAccepted.

    key: the hub's for this notice; it stands in addresses that have a place for it
    Raises ValueError where a document's SHA-512 is not known: then there is nothing to sign.
    """
    fields: dict[str, Any] = {
        "mailboxUuid": notice.mailbox.id.lower(),
        "stork_qaa_level": LEVELS[notice.assurance_level],
        "sender": _text("Author", _sender(notice.author, wording), SENDER_MAX),
        "title": _text("Subject", notice.subject, TITLE_MAX),
        "content": _shown(notice.text or wording.text),
        "service": _text("Service", notice.service, SERVICE_MAX),
        "senderUrl": wording.sender_url,
        "reference": notice.case_reference
        and _text("CaseReference", notice.case_reference, REFERENCE_MAX),
        "retrievalConfirmationAddress": _address(wording.retrieval_address, key),
        "replyAddress": _address(wording.reply_address, key),
        "applicationId": notice.application_id and notice.application_id.lower(),
        "attachments": _attachments(notice.documents),
    }
    return compact({name: value for name, value in fields.items() if value is not None})


def state(update: StatusUpdate, wording: Wording) -> str:
    """Return the content of a state. Raises NotAccepted.

    A sender's name that is too long is cut: it is there for a person to see.
    """
    name = update.service_name or update.service
    fields: dict[str, Any] = {
        "applicationId": update.application_id.lower(),
        "status": update.status,
        "publicServiceName": _german("ServiceName", name, STATE_NAME_MAX),
        "senderName": _sender(update.author, wording)[:STATE_SENDER_MAX],
        "statusDetails": _german("Details", update.details, STATE_DETAILS_MAX),
        "additionalInformation": _german(
            "AdditionalInformation", update.additional, STATE_ADDITIONAL_MAX
        ),
        "reference": update.reference and _text("Reference", update.reference, STATE_REFERENCE_MAX),
        "createdDate": moment(update.created_at),
    }
    return compact({name: value for name, value in fields.items() if value is not None})


def moment(at: datetime) -> str:
    """Return a time as the service writes it: ISO 8601 with milliseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _address(text: str | None, key: str) -> str | None:
    return Pattern(text).of(key) if text is not None and PLACE in text else text


def _sender(author: AuthorData, wording: Wording) -> str:
    return wording.sender or author.name or author.identifier


def _shown(text: str) -> str:
    """Return plain text as HTML: paragraphs at empty lines, breaks at the others."""
    paragraphs: list[list[str]] = [[]]
    for line in _BREAK.split(text):
        if line.strip():
            paragraphs[-1].append(html.escape(line))
        elif paragraphs[-1]:
            paragraphs.append([])
    shown = "".join(f"<p>{'<br>'.join(lines)}</p>" for lines in paragraphs if lines)
    if not shown:
        raise NotAccepted(RefusalCode.CONTENT_INVALID, "Text: nothing in it can be seen")
    if len(shown.encode()) > TEXT_BYTES_MAX:
        what = f"Text: over {TEXT_BYTES_MAX} bytes as HTML"
        raise NotAccepted(RefusalCode.TOO_LARGE, what)
    return shown


def _text(name: str, value: str, most: int) -> str:
    if not 0 < len(value) <= most:
        what = f"{name}: 1 to {most} characters are taken"
        raise NotAccepted(RefusalCode.CONTENT_INVALID, what)
    return value


def _german(name: str, value: str | None, most: int) -> dict[str, str] | None:
    return {"de": _text(name, value, most)} if value else None


def _attachments(documents: tuple[DocumentData, ...]) -> list[dict[str, str | int]]:
    sizes = [each.size for each in documents]
    if len(sizes) > FILES_MAX or sum(sizes) > FILES_BYTES_MAX or max(sizes) > FILE_BYTES_MAX:
        what = "Document: more, or larger ones, than the service takes"
        raise NotAccepted(RefusalCode.TOO_LARGE, what)
    return [_attachment(number, each) for number, each in enumerate(documents, 1)]


def _attachment(number: int, document: DocumentData) -> dict[str, str | int]:
    name = document.filename
    if not 0 < len(name) <= FILENAME_MAX or _UNFIT.search(name) or name in (".", ".."):
        what = f"Document[{number}]/@filename: not a name that the service takes"
        raise NotAccepted(RefusalCode.CONTENT_INVALID, what)
    if document.size < 1:
        what = f"Document[{number}]: empty, which the service does not take"
        raise NotAccepted(RefusalCode.CONTENT_INVALID, what)
    if document.sha512 is None:
        raise ValueError("SHA-512 of a document is not known: taken over by a hub before 1.0")
    return {"filename": name, "sha512sum": document.sha512, "contentLength": document.size}
