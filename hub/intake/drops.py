"""A claimed drop, and what reading and checking make of it."""

from dataclasses import dataclass, replace

from hub.errors import NoticeRefused, StorageFailed
from hub.model import Submission
from hub.spool import Claim, Spool
from hub.telemetry import logger
from hub.vault import Extent, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A drop in work: which spool, which claim."""

    spool: Spool
    claim: Claim

    def untried(self) -> "Work":
        """Return it without tries, durably: waiting is no crash. With them where that fails."""
        if not self.claim.tries:
            return self
        try:
            return replace(self, claim=self.spool.count_try(self.claim, none=True))
        except StorageFailed as error:
            logger().error("tries not taken off", claim=self.claim.id, exc_info=error)
            return self

    def tried(self, times: int) -> "Work":
        """Return it with so many tries, counted durably. Raises StorageFailed."""
        work = self
        while work.claim.tries < times:
            work = replace(work, claim=work.spool.count_try(work.claim))
        return work


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The envelope was read; its documents are not looked at yet.

    notice: what it holds, or the state of an application
    """

    work: Work
    notice: Submission
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

    def claimed_as(self, work: Work) -> "Acceptable":
        """Return it under another claim of the same drop."""
        return replace(self, opened=replace(self.opened, work=work))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An acceptable drop whose checks have all answered, or cannot.

    segment: its documents; open, until the drop is taken or given up
    tries: the claim's, which do not count while it waits for its checks
    refusal: what a check objects to; undecided: names of checks that gave no verdict
    """

    drop: Acceptable
    segment: Segment
    tries: int
    refusal: Refusal | None = None
    undecided: tuple[str, ...] = ()
