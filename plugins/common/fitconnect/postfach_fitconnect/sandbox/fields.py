"""What JSON a client sends must be: closed models, one reading, nothing guessed."""

import re
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from postfach_fitconnect.assumed import ATTACHMENTS_MAX, METADATA_SCHEMA
from postfach_sandbox import answering

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TYPE: Final = r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$"
_READ = TypeVar("_READ", bound="_Strict")


class NotJson(ValueError):
    """The bytes are no JSON object in UTF-8, or a name stands twice in an object."""


class NotFit(ValueError):
    """A field is missing, too many, or not what it must be; the text names it."""


def _uuid(text: str) -> str:
    if _UUID.fullmatch(text) is None:
        raise ValueError("a UUID is wanted")
    return str(UUID(text))


def _filename(text: str) -> str:
    if text in (".", "..") or re.search(r"[/\\\x00-\x1f\x7f-\x9f]", text):
        raise ValueError("a plain file name is wanted")
    return text


def _once(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("one stands twice")
    return values


def _metadata_schema(text: str) -> str:
    if text != METADATA_SCHEMA:
        raise ValueError("another schema than the one that is known")
    return text


Uuid = Annotated[str, AfterValidator(_uuid)]
MediaType = Annotated[str, Field(pattern=_TYPE)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class PublicService(_Strict):
    """The public service that a submission belongs to."""

    identifier: Annotated[str, Field(pattern=r"^urn:[!-~]{1,250}$")]
    name: Annotated[str, Field(min_length=1, max_length=255)]


class Order(_Strict):
    """What creates a submission."""

    destinationId: Uuid  # noqa: N815  # the API's own name
    announcedAttachments: Annotated[  # noqa: N815
        list[Uuid], Field(max_length=ATTACHMENTS_MAX), AfterValidator(_once)
    ]
    publicService: PublicService  # noqa: N815
    caseId: Uuid | None = None  # noqa: N815


class Submit(_Strict):
    """What submits."""

    encryptedMetadata: Annotated[str, Field(min_length=1)]  # noqa: N815
    encryptedData: Annotated[str, Field(min_length=1)]  # noqa: N815


class Hash(_Strict):
    """A hash of clear bytes."""

    type: Literal["sha512"]
    content: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class SubmissionSchema(_Strict):
    """What the data follow."""

    schemaUri: Annotated[str, Field(pattern=r"^[!-~]{1,500}$")]  # noqa: N815
    mimeType: Literal["application/json", "application/xml"]  # noqa: N815


class Data(_Strict):
    """The data."""

    submissionSchema: SubmissionSchema  # noqa: N815
    hash: Hash


class Attachment(_Strict):
    """An attachment."""

    attachmentId: Uuid  # noqa: N815
    purpose: Literal["attachment", "form", "report"]
    filename: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_filename)]
    mimeType: MediaType  # noqa: N815
    hash: Hash


class ContentStructure(_Strict):
    """What there is."""

    data: Data
    attachments: Annotated[list[Attachment], Field(max_length=ATTACHMENTS_MAX)]


class ReplyKey(_Strict):
    """The public key that replies are to be encrypted for."""

    kty: Literal["RSA"]
    n: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{512,2800}$")]
    e: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{2,8}$")]
    kid: Annotated[str, Field(min_length=1, max_length=255)]
    alg: Literal["RSA-OAEP-256"]
    key_ops: list[Literal["wrapKey"]]


class FitConnectChannel(_Strict):
    """Replies through the service itself."""

    encryptionPublicKey: ReplyKey  # noqa: N815
    processStandards: list[str]  # noqa: N815


class ReplyChannel(_Strict):
    """How the sender wants to be replied to."""

    fitConnect: FitConnectChannel  # noqa: N815


class Metadata(_Strict):
    """What a submission says of itself."""

    schema_: Annotated[str, Field(alias="$schema"), AfterValidator(_metadata_schema)]
    contentStructure: ContentStructure  # noqa: N815
    publicServiceType: PublicService  # noqa: N815
    replyChannel: ReplyChannel | None = None  # noqa: N815


def read(model: type[_READ], data: bytes) -> _READ:
    """Read bytes as a model. Raises NotJson, NotFit."""
    json_object(data)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        unknown = first["type"] == "extra_forbidden"  # its name was chosen by who sent it
        known = first["loc"][:-1] if unknown else first["loc"]
        place = ".".join(str(each) for each in known) or "the object"
        raise NotFit(f"{place}: {first['msg']}") from None


def json_object(data: bytes) -> dict[str, Any]:
    """Return the object that the bytes are. Raises NotJson."""
    try:
        return answering.json_object(data)
    except ValueError as error:
        raise NotJson(str(error)) from None
