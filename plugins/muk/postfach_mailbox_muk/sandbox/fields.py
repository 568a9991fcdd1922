"""What JSON a sender gives must be: closed models, one reading, nothing guessed."""

import re
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from postfach_mailbox_muk.assumed import (
    FILE_BYTES_MAX,
    FILENAME_MAX,
    FILES_BYTES_MAX,
    FILES_MAX,
    PSEUDONYM,
    REFERENCE_MAX,
    SENDER_MAX,
    SENDER_REFERENCE_MAX,
    SERVICE_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
    Code,
)
from postfach_mailbox_muk.sandbox.refusing import Refusal
from postfach_sandbox.answering import json_object

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _uuid(text: str) -> str:
    if _UUID.fullmatch(text) is None:
        raise ValueError("a UUID is wanted")
    return str(UUID(text))


def filename(text: str) -> str:
    """Return a plain file name. Raises ValueError."""
    unfit = re.search(r"[/\\\x00-\x1f\x7f-\x9f]", text)
    if not 0 < len(text) <= FILENAME_MAX or text in (".", "..") or unfit:
        raise ValueError("a plain file name is wanted")
    return text


Uuid = Annotated[str, AfterValidator(_uuid)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Document(_Strict):
    """A document of an order."""

    fileId: Uuid  # noqa: N815  # the gateway's own name, as all here
    filename: Annotated[str, AfterValidator(filename)]
    contentType: str = Field(min_length=1, max_length=255)  # noqa: N815
    size: int = Field(ge=1, le=FILE_BYTES_MAX)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Order(_Strict):
    """What is to be deposited for whom."""

    orderId: Uuid  # noqa: N815
    senderReference: str = Field(min_length=1, max_length=SENDER_REFERENCE_MAX)  # noqa: N815
    recipient: str = Field(pattern=f"^{PSEUDONYM}$")
    level: Annotated[int, Field(ge=1, le=2)]
    sender: str = Field(min_length=1, max_length=SENDER_MAX)
    subject: str = Field(min_length=1, max_length=SUBJECT_MAX)
    text: str = Field(min_length=1, max_length=TEXT_MAX)
    service: str = Field(min_length=1, max_length=SERVICE_MAX)
    caseReference: str = Field(default="", max_length=REFERENCE_MAX)  # noqa: N815
    mayReply: bool  # noqa: N815
    documents: Annotated[list[Document], Field(min_length=1, max_length=FILES_MAX)]

    @classmethod
    def read(cls, data: bytes) -> "Order":
        """Read a request's body. Raises Refusal."""
        try:
            fields = json_object(data)
        except ValueError as error:
            raise Refusal(Code.REQUEST_INVALID, str(error)) from error
        if any(value is None for value in fields.values()):
            raise Refusal(Code.REQUEST_INVALID, "a field is null: left out where there is none")
        try:
            order = cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Refusal(Code.REQUEST_INVALID, f"{place}: {first['msg']}") from error
        if sum(each.size for each in order.documents) > FILES_BYTES_MAX:
            raise Refusal(Code.TOO_LARGE, "documents: too large together")
        for name in ("fileId", "filename"):
            values = [getattr(each, name) for each in order.documents]
            if len(set(values)) != len(values):
                raise Refusal(Code.REQUEST_INVALID, f"documents: a {name} stands twice")
        return order
