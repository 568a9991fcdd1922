"""The floor: the durable work of a notice in a tight loop, without journal, child or claims.

What the hub is compared with (bench/compare.py). Per batch of 50: read, parse, XSD, SHA-256 of the
document, AES-256-GCM of it into one append-only segment, seal the notice, append + fdatasync, write
notice and document where the mailbox keeps them, syncfs, renames, fsync of the folder, append +
fdatasync, seal the receipt, write it, syncfs, renames, fsync of the folder. Nothing else: nothing
is refused, looked up, removed or remembered. The segment is the batch's log too.
"""

import base64
import hashlib
import json
import os
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from bench.material import cost, drops, machine, options
from hub import schemas
from hub.durable import Barriers, Disk
from hub.seal import Seal, load

NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
ISSUER: Final = "hub.example.mv"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
NS: Final = f"{{{schemas.NAMESPACE}}}"

SEALED: Final = (
    '<SealedNotice xmlns="urn:postfachdienst:envelope:1" version="1.0">'
    f'<EnvelopeDigest method="{SHA256}">{{envelope_sha256}}</EnvelopeDigest>'
    "<Envelope>{envelope}</Envelope><MessageID>{message_id}</MessageID>"
    '<Author identifierScheme="ags" name="Bauamt">130030000000</Author>'
    '<Mailbox holder="recipient" scheme="archive">registry</Mailbox>'
    "<Subject>Ihre Baugenehmigung</Subject><LegalBasis>OZG9</LegalBasis>"
    '<Document filename="Baugenehmigung.pdf" id="d1" size="{size}">'
    f'<HandedIn method="{SHA256}">{{sha256}}</HandedIn></Document>'
    f"<AcceptedAt>{{at}}</AcceptedAt><Issuer>{ISSUER}</Issuer></SealedNotice>"
)
RECEIPT: Final = (
    '<Receipt xmlns="urn:postfachdienst:envelope:1" version="1.0">'
    "<ReceiptID>{receipt_id}</ReceiptID>"
    "<Event>http://uri.etsi.org/19522/Event/ContentConsignment</Event>"
    "<Outcome>DEPOSITED</Outcome><MessageID>{message_id}</MessageID>"
    '<Mailbox holder="recipient" scheme="archive">registry</Mailbox>'
    '<DocumentDigest id="d1" size="{size}">'
    f'<HandedIn method="{SHA256}">{{sha256}}</HandedIn></DocumentDigest>'
    "<AcceptedAt>{at}</AcceptedAt><FirstAttemptAt>{at}</FirstAttemptAt>"
    '<DepositedAt source="hub-clock">{done}</DepositedAt><IssuedAt>{done}</IssuedAt>'
    '<Attempt at="{at}" code="DEPOSITED"></Attempt><SealLevel>XAdES-B-B</SealLevel>'
    '<MailboxEvidence mediaType="application/json" name="answer.json" size="{answer_size}">'
    f'<Digest method="{SHA256}">{{answer_sha256}}</Digest>'
    "<Data>{answer}</Data></MailboxEvidence>"
    '<LogEntry log="00000000-0000-4000-8000-000000000000">{entry}</LogEntry>'
    f"<Issuer>{ISSUER}</Issuer></Receipt>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice on its way through its batch."""

    stem: str
    key: str
    message_id: str
    document: bytes
    sha256: str
    sealed: bytes
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The folders, held open, and what seals."""

    seal: Seal
    schema: etree.XMLSchema
    parser: etree.XMLParser
    disk: Disk
    incoming: int
    vault: int
    aside: int
    account: int
    out: int

    def batch(self, stems: list[str]) -> None:
        """Work one batch."""
        segment = os.open(f"{secrets.token_hex(16)}.seg", NEW, 0o600, dir_fd=self.vault)
        letters = [self.take(stem, segment) for stem in stems]
        os.fdatasync(segment)
        self.deposit(letters)
        done = now()
        answers = [answer(each, done) for each in letters]
        os.write(segment, b"\n".join(answers))
        os.fdatasync(segment)
        os.close(segment)
        self.hand_out(letters, answers, done)

    def take(self, stem: str, segment: int) -> Letter:
        """Read, check, encrypt and seal one notice."""
        envelope = read(self.incoming, f"{stem}.xml")
        root = etree.fromstring(envelope, self.parser)
        self.schema.assertValid(root)
        reference, digest = root.findtext(f".//{NS}Reference"), root.findtext(f".//{NS}Digest")
        document = read(self.incoming, reference or "")
        sha256 = hashlib.sha256(document).hexdigest()
        if sha256 != digest:
            raise AssertionError("a document is not the announced one")
        cipher = AESGCM(secrets.token_bytes(32))
        os.write(segment, cipher.encrypt(bytes(11) + b"\0", document, None))
        at, message_id = now(), root.findtext(f"{NS}MessageID") or ""
        plain = SEALED.format(
            envelope_sha256=hashlib.sha256(envelope).hexdigest(),
            envelope=base64.b64encode(envelope).decode("ascii"),
            message_id=message_id,
            size=len(document),
            sha256=sha256,
            at=at,
        )
        sealed = self.seal.sign(plain.encode(), datetime.now(UTC))
        os.write(segment, cipher.encrypt(bytes(11) + b"\1", sealed, None))
        return Letter(
            stem=stem,
            key=hashlib.sha256(message_id.encode()).hexdigest(),
            message_id=message_id,
            document=document,
            sha256=sha256,
            sealed=sealed,
            at=at,
        )

    def deposit(self, letters: list[Letter]) -> None:
        """Write notices and documents into the mailbox's account, for good."""
        fds = []
        for each in letters:
            os.mkdir(each.key, 0o750, dir_fd=self.aside)
            folder = os.open(each.key, os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.aside)
            fds.append(new(folder, "Baugenehmigung.pdf", each.document))
            fds.append(new(folder, "bescheid-siegel.xml", each.sealed))
            os.close(folder)
        self.barrier(fds)
        for each in letters:
            os.rename(each.key, each.key, src_dir_fd=self.aside, dst_dir_fd=self.account)
        self.disk.sync_folder(self.account)

    def hand_out(self, letters: list[Letter], answers: list[bytes], done: str) -> None:
        """Seal the receipts and write them, for good."""
        fds = []
        for each, data in zip(letters, answers, strict=True):
            plain = RECEIPT.format(
                receipt_id=uuid.uuid4(),
                message_id=each.message_id,
                size=len(each.document),
                sha256=each.sha256,
                at=each.at,
                done=done,
                answer_size=len(data),
                answer_sha256=hashlib.sha256(data).hexdigest(),
                answer=base64.b64encode(data).decode("ascii"),
                entry=each.key,
            )
            sealed = self.seal.sign(plain.encode(), datetime.now(UTC))
            fds.append(new(self.out, f".{each.stem}.part", sealed))
        self.barrier(fds)
        for each in letters:
            name = f"{each.stem}.01.deposited.xml"
            os.rename(f".{each.stem}.part", name, src_dir_fd=self.out, dst_dir_fd=self.out)
        self.disk.sync_folder(self.out)

    def barrier(self, fds: list[int]) -> None:
        """Wait until these files are on the disk, and close them."""
        self.disk.sync(fds)
        for fd in fds:
            os.close(fd)


def now() -> str:
    """Return the time as receipts write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer(letter: Letter, done: str) -> bytes:
    """Return what the mailbox answers."""
    facts = {
        "account": drops.ACCOUNT,
        "documents": [{"id": "d1", "sha256": letter.sha256, "size": len(letter.document)}],
        "key": letter.key,
        "provided_at": done,
        "seal": {"sha256": hashlib.sha256(letter.sealed).hexdigest(), "size": len(letter.sealed)},
    }
    return json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()


def read(folder: int, name: str) -> bytes:
    """Return a file's bytes."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    data = os.read(fd, os.fstat(fd).st_size)
    os.close(fd)
    return data


def new(folder: int, name: str, data: bytes) -> int:
    """Write a new file; return its descriptor for the barrier."""
    fd = os.open(name, NEW, 0o640, dir_fd=folder)
    os.write(fd, data)
    return fd


def opened(folder: Path, disk: Disk) -> Floor:
    """Return a floor on the folders of a hub."""
    spool, account = drops.spool(folder), drops.account(folder)
    aside, vault = account.parent / ".incoming", folder / "var" / "vault"
    for made in (aside, vault):
        made.mkdir()

    def descriptor(path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    return Floor(
        seal=load("file:keys/seal.p12", Path("keys/seal.pass"), folder),
        schema=schemas.schema("notice"),
        parser=etree.XMLParser(resolve_entities=False, no_network=True),
        disk=disk,
        incoming=descriptor(spool / "in"),
        vault=descriptor(vault),
        aside=descriptor(aside),
        account=descriptor(account),
        out=descriptor(spool / "out"),
    )


def run(folder: Path, notices: int) -> cost.Cost:
    """Work all that lies in `in/`."""
    barriers = Barriers()
    floor = opened(folder, Disk(barriers))

    def work() -> tuple[int, int]:
        found = sorted(path.stem for path in (drops.spool(folder) / "in").glob("*.xml"))
        starts = range(0, len(found), options.BATCH)
        for start in starts:
            floor.batch(found[start : start + options.BATCH])
        return barriers.total + 2 * len(starts), 0  # two of fdatasync a batch

    return cost.measure("floor", notices, work)


def main() -> None:
    """Make one run and print what it cost."""
    wanted = options.single(__doc__, notices=2000).parse_args()
    with options.own_folder(wanted.folder) as folder:
        drops.first_hub(folder)
        drops.hand_in(folder, wanted.notices, wanted.seed)
        found = run(folder, wanted.notices)
        cost.check(folder, wanted.notices)
        if not wanted.json:
            print(f"$ {machine.command()}\n{machine.facts(folder)}")
        print(found.to_json() if wanted.json else found.line())


if __name__ == "__main__":
    main()
