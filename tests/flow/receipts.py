"""Receipts as a procedure reads them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

from hub import schemas
from hub.seal import SealInvalid, verify

NAMESPACE = f"{{{schemas.NAMESPACE}}}"
FINAL = ("DEPOSITED", "FAILED", "UNRESOLVED")
FINAL_OF_STATUS = ("STATUS_SET", "STATUS_REFUSED", "STATUS_UNRESOLVED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt: its bytes, and what tests ask of it."""

    data: bytes
    outcome: str
    receipt_id: str
    message_id: str | None
    refusal: str | None
    code: str | None
    line: str | None
    path: str | None
    digests: tuple[str, ...]
    attempts: tuple[tuple[str, str], ...]
    log_digest: str


def read(path: Path) -> Receipt:
    """Read a receipt, whole."""
    data = path.read_bytes()
    root = etree.fromstring(data)

    def text(name: str) -> str | None:
        return root.findtext("/".join(f"{NAMESPACE}{part}" for part in name.split("/")))

    return Receipt(
        data=data,
        outcome=text("Outcome") or "",
        receipt_id=text("ReceiptID") or "",
        message_id=text("MessageID"),
        refusal=text("Reason/RefusalClass"),
        code=text("Reason/Code"),
        line=text("Reason/Line"),
        path=text("Reason/Path"),
        digests=tuple(each.text or "" for each in root.iter(f"{NAMESPACE}HandedIn")),
        attempts=tuple(
            (each.get("at", ""), each.get("code", ""))
            for each in root.iterchildren(f"{NAMESPACE}Attempt")
        ),
        log_digest=text("LogEntry") or "",
    )


def faults(receipt: Receipt, trust: Path) -> list[str]:
    """Return what is wrong with a receipt by its schema and its seal."""
    return list(_faults(receipt.data, trust.read_bytes()))


@cache
def _faults(data: bytes, trust: bytes) -> tuple[str, ...]:
    schema = schemas.schema("receipt")
    found = []
    if not schema.validate(etree.fromstring(data)):
        found.append(f"receipt.xsd: {schema.error_log}")
    try:
        verify(data, trust)
    except SealInvalid as error:
        found.append(str(error))
    return tuple(found)
