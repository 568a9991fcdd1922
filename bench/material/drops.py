"""Fresh material: a hub's folder as `hub init` makes it, and notices with documents of 50 KB.

A seed names the material: two runs with one seed get the same notices in different folders, and no
two seeds share a byte of a document.
"""

import hashlib
import os
import random
import uuid
from datetime import UTC, datetime
from pathlib import Path

from hub import starter

DOCUMENT_BYTES = 50 * 1024
SCHEME, ACCOUNT = "archive", "registry"

ENVELOPE = """\
<?xml version="1.0" encoding="UTF-8"?>
<Notice xmlns="urn:postfachdienst:envelope:1" version="1.0">
  <MessageID>urn:de:xta:messageid:bauamt:{uuid}</MessageID>
  <CreatedAt>{at}</CreatedAt>
  <Author identifierScheme="ags" name="Bauamt">130030000000</Author>
  <CaseReference>BA-2026-{number:06}</CaseReference>
  <Mailbox scheme="{scheme}">{account}</Mailbox>
  <Service>urn:de:fim:leika:leistung:99012012001000</Service>
  <MessageType>Bescheid</MessageType>
  <Subject>Ihre Baugenehmigung</Subject>
  <LegalBasis>OZG9</LegalBasis>
  <AssuranceLevel>substantial</AssuranceLevel>
  <Document id="d1" role="notice" filename="Baugenehmigung.pdf"
            contentType="application/pdf" size="{size}">
    <Digest method="http://www.w3.org/2001/04/xmlenc#sha256">{sha256}</Digest>
    <Reference>{reference}</Reference>
  </Document>
</Notice>
"""
PAGE = (
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
)


def first_hub(folder: Path) -> Path:
    """Write a first hub into `folder`; return its hub.toml."""
    return starter.init(folder, datetime.now(UTC)).config


def spool(folder: Path) -> Path:
    """Return the folder of the procedure that hands in: with `in` and `out`."""
    return folder / "spool" / starter.TENANT / starter.PROCEDURE


def with_mailbox(config: Path, name: str, table: str) -> None:
    """Add a mailbox to hub.toml, and to what the tenant may use.

    table: the lines of `[mailboxes.<name>]`, then of its tables
    """
    text = config.read_text("utf-8")
    more = text.replace("mailboxes = [", f'mailboxes = ["{name}", ', 1)
    config.write_text(f"{more}\n[mailboxes.{name}]\n{table}", "utf-8")


def account(folder: Path) -> Path:
    """Return the mailbox account that all notices go to."""
    return folder / "var" / "mailboxes" / SCHEME / ACCOUNT


def hand_in(folder: Path, count: int, seed: int) -> None:
    """Put `count` notices with their documents into `in/`, all of it on the disk."""
    chance = random.Random(seed)  # noqa: S311  # the same again, not secret
    for number in range(count):
        write(spool(folder) / "in", f"n{number:06}", number, chance)
    os.sync()  # else the first barrier of the run would pay for the material


def write(
    incoming: Path,
    stem: str,
    number: int,
    chance: random.Random,
    *,
    scheme: str = SCHEME,
    account: str = ACCOUNT,
) -> None:
    """Put one notice into `in/`: its document, then its envelope by rename."""
    document = pdf(chance)
    (incoming / f"{stem}.pdf").write_bytes(document)
    text = ENVELOPE.format(
        uuid=uuid.UUID(int=chance.getrandbits(128), version=4),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        number=number,
        scheme=scheme,
        account=account,
        size=len(document),
        sha256=hashlib.sha256(document).hexdigest(),
        reference=f"{stem}.pdf",
    )
    part = incoming / f"{stem}.xml.part"
    part.write_text(text, encoding="utf-8")
    part.rename(incoming / f"{stem}.xml")


def pdf(chance: random.Random) -> bytes:
    """Return a PDF of one page and DOCUMENT_BYTES, most of it bytes that no one has seen before."""
    unlike = 600  # bytes that the rest of the file takes, a little more
    stream = chance.randbytes(DOCUMENT_BYTES - unlike)
    objects = (*PAGE, b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream))
    data, offsets = b"%PDF-1.7\n", []
    for n, body in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (n, body)
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, entries)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%%d\n%%%%EOF\n" % size
    filling = DOCUMENT_BYTES - len(data) - len(table) - len(trailer % 10**5) - 1
    at = len(data) + filling
    return data + b"%" + b" " * (filling - 2) + b"\n" + table + trailer % at + b"\n"
