"""Elements that receipts and sealed notices share, and how values are written in them.

Texts from outside (a mailbox's reason, its own codes) are cut to one line of characters that XML
may hold: no text of a stranger may stop a receipt.
"""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from lxml import etree

from hub.model import SHA256, MailboxAddress
from hub.receipt.values import DocumentDigest
from hub.schemas import NAMESPACE

_NOT_SHOWN = re.compile("[\x00-\x20\x7f-\x9f\ud800-\udfff\ufffe\uffff\\s]+")


def add_documents(
    root: etree._Element,
    name: str,
    documents: Sequence[DocumentDigest],
    filenames: Sequence[str] | None = None,
) -> None:
    """Add an element per document: id, size, digests, and the names where they are given."""
    for number, one in enumerate(documents):
        filename = None if filenames is None else filenames[number]
        element = add(root, name, None, id=one.id, filename=filename, size=str(one.size))
        add(element, "HandedIn", one.handed_in, method=SHA256)
        if one.deposited is not None:
            add(element, "Deposited", one.deposited, method=SHA256)


def add_mailbox(root: etree._Element, mailbox: MailboxAddress) -> None:
    """Add whose mailbox it is."""
    add(root, "Mailbox", mailbox.id, scheme=mailbox.scheme, holder=mailbox.holder)


def new_root(name: str) -> etree._Element:
    """Return a root element that declares our namespace, and no other, as the default one."""
    return etree.fromstring(f'<{name} xmlns="{NAMESPACE}" version="1.0"/>')


def add(
    parent: etree._Element, tag: str, text: str | None, /, **attributes: str | None
) -> etree._Element:
    """Add an element of our namespace; attributes that are None are left out."""
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    element.text = text
    for key, value in attributes.items():
        if value is not None:
            element.set(key, value)
    return element


def add_if_known(parent: etree._Element, name: str, text: str | None) -> None:
    """Add an element unless its text is None."""
    if text is not None:
        add(parent, name, text)


def one_line(text: str, limit: int) -> str:
    """Return `text` as one line that XML may hold: 1 to `limit` characters."""
    return _NOT_SHOWN.sub(" ", text).strip()[:limit].rstrip() or "-"


def in_base64(data: bytes) -> str:
    """Return `data` in base64 on one line."""
    return base64.b64encode(data).decode("ascii")


def in_utc(moment: datetime) -> str:
    """Return the time in UTC; milliseconds, cut off and not rounded, where it has a fraction."""
    text = moment.astimezone(UTC).isoformat(
        timespec="milliseconds" if moment.microsecond else "seconds"
    )
    return text.replace("+00:00", "Z")


def canonical(root: etree._Element) -> bytes:
    """Return the element as Canonical XML 1.0: the bytes that are sealed."""
    return etree.tostring(root, method="c14n")
