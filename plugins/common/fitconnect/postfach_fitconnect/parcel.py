"""What is sent as one submission."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Literal
from uuid import uuid4

from postfach_mailbox import DeliveryDocument

Purpose = Literal["attachment", "form", "report"]


def _new_id() -> str:
    return str(uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The submission's own data: what the destination's program reads.

    content: sent exactly as it is; at most assumed.DATA_BYTES_MAX
    schema: URI of the schema that it follows, one that the destination lists
    """

    content: bytes
    schema: str
    media_type: Literal["application/json", "application/xml"] = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A document beside the data.

    size: bytes, exactly what `open` gives
    sha512: lower-case hex, checked while it is sent; None: not known before
    open: a new stream over the bytes, at each call
    id: chosen by the sender, new for each submission
    """

    filename: str
    media_type: str
    size: int
    open: Callable[[], BinaryIO]
    sha512: str | None = None
    purpose: Purpose = "attachment"
    id: str = field(default_factory=_new_id)

    @classmethod
    def of(cls, document: DeliveryDocument, purpose: Purpose = "attachment") -> "Attachment":
        """Take a document of a notice."""
        facts = document.facts
        return cls(
            filename=facts.filename,
            media_type=facts.content_type,
            size=facts.size,
            open=document.open,
            sha512=facts.sha512,
            purpose=purpose,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One submission to one destination.

    destination: its id, lower case
    service: identifier of the public service, `urn:de:fim:leika:leistung:<14 digits>`
    service_name: None: the identifier is sent as name too
    attachments: in this order, in announcement and metadata
    case: to go on with; None: the service makes a new one
    ours: the destination is one of the settings, so what is wrong with it is our fault: Held. Else
        it is the recipient: Refused
    request_id: goes with the request that creates the submission, for the service's staff; the
        hub's key of the notice
    """

    destination: str
    service: str
    data: Data
    attachments: tuple[Attachment, ...] = ()
    service_name: str | None = None
    case: str | None = None
    ours: bool = False
    request_id: str | None = None


_ID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
UUID: Final = re.compile(_ID)
_REFERENCE: Final = re.compile(f"({_ID})/({_ID})/({_ID})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What the hub keeps of a submission: all that is needed to ask for it and to check answers.

    The destination belongs to it: only its own word counts, and `reconcile` is not told the
    mailbox id.
    """

    submission: str
    destination: str
    case: str

    @property
    def text(self) -> str:
        """`<submission>/<destination>/<case>`: the submission's id comes first, for people."""
        return f"{self.submission}/{self.destination}/{self.case}"

    @classmethod
    def read(cls, text: str) -> "Reference":
        """Take what `text` gave. Raises ValueError."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise ValueError("not a reference of a submission")
        return cls(submission=found[1], destination=found[2], case=found[3])
