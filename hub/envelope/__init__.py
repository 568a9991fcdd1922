"""An envelope's bytes become a Notice, or are refused with class, line, path and remedy.

    bytes -> wellformed -> structure -> content -> Notice
             encoding      libxml2,     what the
             forbidden     notice.xsd   schema
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
from hub.model import Notice

__all__ = [
    "Explain",
    "Limits",
    "check_digests",
    "check_names",
    "check_sizes",
    "check_tenant",
    "read",
]


def read(data: bytes, limits: Limits, explain: Explain | None = None) -> Notice:
    """Return the notice that the envelope holds. Raises NoticeRefused, and nothing else.

    data: the file as it was read, any bytes
    explain: gives detail to what the schema refuses (hub.diagnosis); None: none is given
    """
    lines = wellformed.check(data, limits.envelope)
    root = structure.tree(data, lines, explain)
    notice = content.notice(root, lines)
    attachments.check_limits(notice, limits)
    return notice


def check_tenant(notice: Notice, authors: tuple[str, ...]) -> None:
    """Refuse an author that the procedure may not speak for. Raises NoticeRefused.

    authors: as configured, `<scheme>:<identifier>` or the identifier alone; compared exactly
    """
    author = notice.author
    full = f"{author.scheme}:{author.identifier}"
    if author.identifier in authors or (author.scheme is not None and full in authors):
        return
    raise NoticeRefused(
        RefusalClass.TENANT_VIOLATION,
        "9014",
        "the procedure may not speak for this author",
        fix="Hand the notice in through the author's own procedure, or have the author added to it",
        path="/Notice/Author",
    )
