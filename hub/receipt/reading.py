"""Reads back what receipts say: those whose seal was verified, and no others."""

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from hub.schemas import NAMESPACE, parse, schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a receipt says, as far as a hub asks; the names are those of `Receipt`."""

    receipt_id: str
    outcome: str
    message_id: str | None
    accepted_at: datetime | None
    issued_at: datetime
    log_id: str
    log_digest: str


def read(document: bytes) -> Told:
    """Return what a receipt says. Raises ValueError for what is none.

    document: the whole file; its seal is not looked at here
    """
    try:
        root = parse(document)
    except etree.XMLSyntaxError:
        raise ValueError("not XML") from None
    if root.tag != f"{{{NAMESPACE}}}Receipt" or not schema("receipt").validate(root):
        raise ValueError("not a receipt")

    def text(name: str) -> str | None:
        return root.findtext(f"{{{NAMESPACE}}}{name}")

    accepted = text("AcceptedAt")
    entry = root.find(f"{{{NAMESPACE}}}LogEntry")
    if entry is None:
        raise ValueError("a receipt names no entry")
    return Told(
        receipt_id=text("ReceiptID") or "",
        outcome=text("Outcome") or "",
        message_id=text("MessageID"),
        accepted_at=None if accepted is None else datetime.fromisoformat(accepted),
        issued_at=datetime.fromisoformat(text("IssuedAt") or ""),
        log_id=entry.get("log") or "",
        log_digest=entry.text or "",
    )
