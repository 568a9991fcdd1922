"""A claimed drop, and what reading and checking make of it."""

from dataclasses import dataclass

from hub.errors import NoticeRefused
from hub.model import Notice
from hub.spool import Claim, Spool
from hub.vault import Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A drop in work: which spool, which claim."""

    spool: Spool
    claim: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The envelope was read and is a notice; its documents are not looked at yet."""

    work: Work
    notice: Notice
    envelope: bytes
    envelope_sha256: str

    @property
    def identity(self) -> tuple[str, str]:
        """Tenant and MessageID: what is taken only once."""
        return (self.work.spool.tenant, self.notice.message_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptable:
    """Every layer passed; the documents lie encrypted in the batch's segment."""

    opened: Opened
    mailbox: str
    scheme: str
    address: str
    told: bool
    key: bytes
    delivery_key: str
    documents: tuple[Extent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A layer refused the drop; `stuck` names a file that cannot be moved out of `in/`."""

    work: Work
    error: NoticeRefused
    envelope_sha256: str | None = None
    message_id: str | None = None
    stuck: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """The journal knows this MessageID with this very content."""

    opened: Opened
    notice_id: int | None  # None: the first one is in the same batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The drop stays a claim: it is tried again at each rescan."""

    work: Work
    why: str
