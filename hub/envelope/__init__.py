"""An envelope's bytes become a Notice or a StatusUpdate, or are refused: class, line, path, remedy.

    bytes -> wellformed -> structure -> content -> Notice or StatusUpdate
             encoding      libxml2,     what the
             forbidden     its XSD      schema
             limits                     cannot say

The layers speak in this order, so that each fault has one class. What needs more than the
envelope follows after: `check_tenant`, then `check_names`, `check_sizes`, `check_digests`.

Security: whatever the bytes are, only NoticeRefused is raised; no connection and no file is
opened, no entity resolved; no text of a refusal holds a value of the envelope.
"""

from hub.envelope import attachments, content, structure, wellformed
from hub.envelope.attachments import check_digests, check_names, check_sizes
from hub.envelope.limits import Limits
from hub.envelope.structure import Explain
from hub.errors import NoticeRefused, RefusalClass
from hub.model import Submission

__all__ = [
    "Explain",
    "Limits",
    "check_digests",
    "check_names",
    "check_sizes",
    "check_tenant",
    "read",
]


def read(data: bytes, limits: Limits, explain: Explain | None = None) -> Submission:
    """Return what the envelope holds. Raises NoticeRefused, and nothing else.

    data: the file as it was read, any bytes
    explain: gives detail to what the schema refuses (hub.diagnosis); None: none is given
    """
    lines = wellformed.check(data, limits.envelope)
    root = structure.tree(data, lines, explain)
    submission = content.submission(root, lines)
    attachments.check_limits(submission, limits)
    return submission


def check_tenant(submission: Submission, authors: tuple[str, ...]) -> None:
    """Refuse an author that the procedure may not speak for. Raises NoticeRefused.

    authors: as configured, `<scheme>:<identifier>` or the identifier alone; compared exactly
    """
    author = submission.author
    full = f"{author.scheme}:{author.identifier}"
    if author.identifier in authors or (author.scheme is not None and full in authors):
        return
    raise NoticeRefused(
        RefusalClass.TENANT_VIOLATION,
        "9014",
        "the procedure may not speak for this author",
        fix="Hand it in through the author's own procedure, or have the author added to it",
        path=f"/{submission.ROOT}/Author",
    )
