"""What a content must be: fields of a message and of a state, with their lengths.

Fields and lengths are those that were seen of the real service; one that is not among them is
refused. A length counts characters, that of `content` also bytes.
"""

import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Annotated, Final, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from postfach_mailbox_bundid.assumed import (
    FILE_BYTES_MAX,
    FILENAME_MAX,
    FILES_BYTES_MAX,
    FILES_MAX,
    HTML_TAGS,
    STATES_IN_ORDER,
    TEXT_BYTES_MAX,
    Code,
)
from postfach_mailbox_bundid.sandbox.reading import json_object
from postfach_mailbox_bundid.sandbox.refusing import Refusal

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ACTIVE: Final = re.compile(r"&(?!(amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")


def _uuid(text: str) -> str:
    if _UUID.fullmatch(text) is None:
        raise ValueError("a UUID is wanted")
    return str(UUID(text))


def _moment(text: str) -> str:
    if _MOMENT.fullmatch(text) is None:
        raise ValueError("ISO 8601 with milliseconds and Z is wanted")
    datetime.fromisoformat(text)  # ValueError for the 30th of February
    return text


def _filename(text: str) -> str:
    if text in (".", "..") or re.search(r"[/\\\x00-\x1f\x7f-\x9f]", text):
        raise ValueError("a plain file name is wanted")
    return text


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)

    def handle_data(self, data: str) -> None:
        if "<" in data:
            raise ValueError("HTML: < is written &lt;")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            linked = (tag, name) == ("a", "href") and (value or "").startswith("https://")
            if not linked:
                raise ValueError("HTML: an attribute that is not allowed")
        if tag not in HTML_TAGS:
            raise ValueError("HTML: a tag that is not allowed")


def _html(text: str) -> str:
    if _ACTIVE.search(text):
        raise ValueError("HTML: & is written &amp;")
    if re.search(r"<[!?]", text):
        raise ValueError("HTML: a comment or a declaration")
    parser = _Html()
    parser.feed(text)
    parser.close()
    return text


Uuid = Annotated[str, AfterValidator(_uuid)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


_Read = TypeVar("_Read", bound=_Strict)


class Attachment(_Strict):
    """An announced file."""

    filename: Annotated[
        str, Field(min_length=1, max_length=FILENAME_MAX), AfterValidator(_filename)
    ]
    sha512sum: str = Field(pattern=r"^[0-9a-f]{128}$")
    contentLength: int = Field(ge=1)  # noqa: N815  # the service's own name


class Message(_Strict):
    """A message to a mailbox."""

    mailboxUuid: Uuid  # noqa: N815
    stork_qaa_level: Annotated[int, Field(ge=1, le=4)]
    sender: str = Field(min_length=1, max_length=255)
    title: str = Field(min_length=1, max_length=1024)
    content: Annotated[str, Field(min_length=1), AfterValidator(_html)]
    service: str = Field(min_length=1, max_length=255)
    senderUrl: str = Field(default="", max_length=255)  # noqa: N815
    reference: str = Field(default="", max_length=255)
    retrievalConfirmationAddress: str = Field(default="", max_length=320)  # noqa: N815
    replyAddress: str = Field(default="", max_length=320)  # noqa: N815
    applicationId: Uuid | None = None  # noqa: N815
    attachments: list[Attachment] = Field(default_factory=list)

    @classmethod
    def read(cls, content: bytes) -> "Message":
        """Read the content of an envelope. Raises Refusal."""
        message = _read(cls, content)
        if len(message.content.encode()) > TEXT_BYTES_MAX:
            raise Refusal(Code.TOO_LARGE, f"content: more than {TEXT_BYTES_MAX} bytes")
        sizes = [each.contentLength for each in message.attachments]
        if len(sizes) > FILES_MAX or max(sizes, default=0) > FILE_BYTES_MAX:
            raise Refusal(Code.TOO_LARGE, "attachments: too many, or one is too large")
        if sum(sizes) > FILES_BYTES_MAX:
            raise Refusal(Code.TOO_LARGE, "attachments: too large together")
        names = [each.filename for each in message.attachments]
        if len(set(names)) != len(names):
            raise Refusal(Code.SCHEMA_INVALID, "attachments: a file name stands twice")
        return message


class _German100(_Strict):
    de: str = Field(min_length=1, max_length=100)


class _German50(_Strict):
    de: str = Field(min_length=1, max_length=50)


class State(_Strict):
    """The state of an application."""

    applicationId: Uuid  # noqa: N815
    status: Literal[
        "INITIATED", "SUBMITTED", "RECEIVED", "PROCESSING", "ACTION_REQUIRED", "COMPLETED"
    ]
    publicServiceName: _German100  # noqa: N815
    senderName: str = Field(min_length=1, max_length=100)  # noqa: N815
    statusDetails: _German50 | None = None  # noqa: N815
    additionalInformation: _German100 | None = None  # noqa: N815
    reference: str = Field(default="", max_length=50)
    createdDate: Annotated[str, AfterValidator(_moment)]  # noqa: N815

    @classmethod
    def read(cls, content: bytes) -> "State":
        """Read the content of an envelope. Raises Refusal."""
        return _read(cls, content)

    def follows(self, before: str) -> bool:
        """Tell whether an application in the state `before` may get this one."""
        if (before, self.status) == ("ACTION_REQUIRED", "PROCESSING"):
            return True
        return STATES_IN_ORDER.index(self.status) >= STATES_IN_ORDER.index(before)


def _read(kind: type[_Read], content: bytes) -> _Read:
    fields = json_object(content, "content", Code.SCHEMA_INVALID)
    empty = [name for name, value in fields.items() if value is None and name != "applicationId"]
    if empty:
        raise Refusal(Code.SCHEMA_INVALID, f"{empty[0]}: left out where there is none, not null")
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refusal(Code.SCHEMA_INVALID, f"{place}: {first['msg']}") from error
