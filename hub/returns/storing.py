"""Stores what came back: one commit for the item, its files, the evidence entry and the cursor.

Security: the item's content and the sealed Reply are ciphertext under a key of the item's own; its
evidence is under the master key, as mailboxes' answers are: it is proof, and outlives the content.
"""

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub import evidence
from hub.clock import Clock
from hub.config import Config
from hub.issuing import Issuer
from hub.journal import Journal, Transaction, attempts, handouts, returning
from hub.journal.handouts import Handout
from hub.journal.returning import NewFile, NewItem
from hub.model import MailboxAddress
from hub.receipt import MailboxEvidence
from hub.receipt.reply import Reply, ReplyFile, render_reply
from hub.returns import amendments, judging
from hub.segment import Extent
from hub.telemetry import logger
from hub.vault import Vault
from postfach_mailbox import Item, ReplyDocument
from postfach_mailbox.cipher import seal

CONTENT, XML = b"returned content", b"returned reply"
REPLY = "reply.xml"  # the suffix of the Reply itself


def owner(mailbox: str, item: str) -> bytes:
    """Return whose an item's key is."""
    return b"returned\0" + mailbox.encode() + b"\0" + item.encode()


def context(number: int) -> bytes:
    """Return what the ciphertext of a reply's document is bound to."""
    return b"returned document\0%d" % number


def digest(item: Item) -> str:
    """Return the SHA-256 of all that a mailbox says of an item."""
    return hashlib.sha256(item.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where `collect` goes on once this item is stored."""

    reached: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Got:
    """An item with its own key, and where its documents lie."""

    mailbox: str
    item: Item
    key: bytes
    extents: Sequence[Extent]
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storing:
    """Makes rows of items. For one thread."""

    config: Config
    journal: Journal
    vault: Vault
    issuer: Issuer
    clock: Clock

    def known(self, mailbox: str, item: Item) -> bool:
        """Whether an item is stored already; one whose content changed since becomes a case."""
        with self.journal.read() as connection:
            found = returning.known(connection, mailbox, item.id)
        if found is None:
            return False
        if found.digest != digest(item):
            with self.journal.write() as tx:
                if returning.changed(tx, mailbox, item.id, self.clock.now()):
                    logger().error("a returned item changed - a person decides", mailbox=mailbox)
        return True

    def store(
        self,
        mailbox: str,
        item: Item,
        key: bytes,
        extents: Sequence[Extent],
        *,
        cursor: Cursor | None,
        trouble: str | None = None,
    ) -> list[Handout]:
        """Store an item whose documents are durable in the vault.

        cursor: of the last item of an answer
        trouble: why a person must look at it, where that is known already
        Returns the receipts' files that it is to become. Raises StorageFailed, SealUnavailable.
        """
        now, files = self.clock.now(), list[Handout]()
        with self.journal.write() as tx:
            # another worker may have been first; no one else writes meanwhile
            if returning.known(tx.connection, mailbox, item.id) is None:
                got = _Got(mailbox=mailbox, item=item, key=key, extents=extents, trouble=trouble)
                files = self._store(tx, got, now)
            if cursor is not None:
                returning.advance(tx, mailbox, cursor.reached, now)
        return files

    def acknowledged(self, mailbox: str, item: str) -> None:
        """Note that the mailbox was told."""
        with self.journal.write() as tx:
            returning.acknowledged(tx, mailbox, item, self.clock.now())

    def advance(self, mailbox: str, reached: str | None) -> None:
        """Note that all of an answer is stored."""
        with self.journal.write() as tx:
            returning.advance(tx, mailbox, reached, self.clock.now())

    def failed(self, mailbox: str) -> None:
        """Note that the channel could not be worked off."""
        with self.journal.write() as tx:
            returning.failed(tx, mailbox, self.clock.now())

    def _store(self, tx: Transaction, got: _Got, now: datetime) -> list[Handout]:
        mailbox, item, key, extents = got.mailbox, got.item, got.key, got.extents
        notice_id, trouble = self._whose(tx, mailbox, item)
        trouble = got.trouble or trouble or judging.trouble(tx, notice_id, item, now)
        message_id = None
        files = _kept(extents)
        if item.kind == "reply" and notice_id is not None and trouble is None:
            message_id = _message_id(self.issuer.name)
        subject = _subject(mailbox, item, trouble, message_id)
        entry = evidence.Entry(kind=f"returned.{item.kind}", at=now, subject=subject)
        if message_id is not None and notice_id is not None:
            files = self._reply(tx, got, notice_id, message_id, entry)
        tx.record(notice_id, entry)
        own = owner(mailbox, item.id)
        returning.store(
            tx,
            NewItem(
                mailbox=mailbox,
                item=item.id,
                kind=item.kind,
                at=item.at,
                stored_at=now,
                digest=digest(item),
                notice_id=notice_id,
                message_id=message_id,
                trouble=trouble,
                evidence=self.vault.keep_answer(_evidence_json(item), own),
                key_wrapped=self.vault.wrap(key, own),
                content=seal(key, CONTENT, item.model_dump_json().encode()),
            ),
            files,
        )
        if notice_id is None or trouble is not None:
            return []
        if item.kind == "post-result":
            return amendments.posted(tx, self.issuer, notice_id, item, now)
        if item.kind == "retrieval":
            return amendments.retrieved(tx, self.issuer, notice_id, item, now)
        return []

    def _whose(self, tx: Transaction, mailbox: str, item: Item) -> tuple[int | None, str | None]:
        tenants = [
            name
            for name, table in self.config.tenants.items()
            if mailbox in (*table.mailboxes, table.postal)
        ]
        in_reply_to = item.reply.in_reply_to if item.reply else None
        return returning.match(tx.connection, mailbox, item.about, in_reply_to, tenants)

    def _reply(
        self, tx: Transaction, got: _Got, notice_id: int, message_id: str, entry: evidence.Entry
    ) -> list[NewFile]:
        """Return the files that a reply becomes, the sealed Reply last."""
        item, extents = got.item, got.extents
        tenant, procedure, stems = handouts.stems_of(tx.connection, [notice_id])[notice_id]
        stem = stems[0]
        nn = handouts.next_number(tx.connection, tenant, procedure, stem)
        place = tenant, procedure, stem, nn
        notice = attempts.row(tx.connection, notice_id)
        if item.reply is None:
            raise ValueError("a reply without content is none")
        names = [f"{stem}.{nn:02d}.{_suffix(number)}" for number in range(len(extents))]
        made = Reply(
            message_id=message_id,
            created_at=item.at,
            received_at=entry.at,
            in_reply_to=notice.message_id,
            case_reference=notice.case_reference,
            mailbox=MailboxAddress(id=notice.address, scheme=notice.scheme),
            sender=item.reply.sender,
            subject=item.reply.subject,
            text=item.reply.text,
            documents=_documents(item.reply.documents, extents, names),
            evidence=_evidence(item),
            log_id=self.issuer.log_id,
            log_digest=evidence.digest(entry),
            issuer=self.issuer.name,
        )
        data = self.issuer.seal.sign(render_reply(made), entry.at)
        xml = NewFile(
            n=len(extents),
            place=place,
            suffix=REPLY,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            data=seal(got.key, XML, data),
        )
        return [*_kept(extents, place), xml]


def _kept(
    extents: Sequence[Extent], place: tuple[str, str, str, int] | None = None
) -> list[NewFile]:
    return [
        NewFile(
            n=number,
            place=place,
            suffix=_suffix(number),
            size=extent.size,
            sha256=extent.sha256,
            segment=extent.segment,
            offset=extent.offset,
            length=extent.length,
        )
        for number, extent in enumerate(extents)
    ]


def _suffix(number: int) -> str:
    # Not the name at the mailbox: that may be a person's, or one that a receipt has.
    return f"document-{number:02d}"


def _message_id(hub: str) -> str:
    sender = re.sub(r"[^A-Za-z0-9._-]", "-", hub)[:41] or "hub"
    return f"urn:de:xta:messageid:{sender}:{uuid.uuid4()}"


def _subject(
    mailbox: str, item: Item, trouble: str | None, message_id: str | None
) -> dict[str, str | int]:
    said: dict[str, str | int] = {
        "mailbox": mailbox,
        "content_sha256": digest(item),
        "documents": len(item.reply.documents) if item.reply else 0,
    }
    if trouble is not None:
        said["code"] = trouble
    if message_id is not None:
        said["message_id"] = message_id
    return said


def _documents(
    facts: Sequence[ReplyDocument], extents: Sequence[Extent], names: Sequence[str]
) -> list[ReplyFile]:
    return [
        ReplyFile(
            filename=one.filename,
            content_type=one.content_type,
            size=extent.size,
            sha256=extent.sha256,
            reference=name,
        )
        for one, extent, name in zip(facts, extents, names, strict=True)
    ]


def _evidence(item: Item) -> list[MailboxEvidence]:
    return [
        MailboxEvidence(
            name=one.name, media_type=one.media_type, data=one.data, in_receipt=one.in_receipt
        )
        for one in item.evidence
    ]


def _evidence_json(item: Item) -> bytes:
    return b"[" + b",".join(one.model_dump_json().encode() for one in item.evidence) + b"]"
