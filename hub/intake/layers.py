"""The layers of refusal, in their order, for one claimed drop.

    name and file -> bytes, XML, limits, schema (hub.envelope) -> tenant -> signature
    -> attachments -> mailbox; a conflicting MessageID is decided last, by the commit.

A repeat of a committed drop needs no layer after the schema. The checks of signatures, media types
by bytes, archives, the inside of PDFs and viruses have their place here and follow.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from hub import envelope, mailboxes, parcel
from hub.clock import Clock
from hub.config import Config
from hub.envelope import Explain, Limits
from hub.errors import NoticeRefused, RefusalClass
from hub.intake.drops import Acceptable, Opened, Refusal, Waits, Work
from hub.mailboxes import NotYetKnown
from hub.model import SHA512, Document
from hub.vault import Extent, Segment, TooLong, new_key
from postfach_mailbox import Capabilities

CRASHES = 3  # a drop that was in work alone at so many crashes is refused
_LIMIT = RefusalClass.LIMIT_EXCEEDED
ANY = 1  # byte more than announced: enough to tell that a document is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What the layers need to know."""

    config: Config
    limits: Limits
    clock: Clock
    explain: Explain

    def open(self, work: Work) -> Opened | Refusal:
        """Read a claimed envelope. Raises StorageFailed, when the drop is to be tried again."""
        digest: str | None = None
        try:
            if work.claim.tries >= CRASHES:
                raise _poison()
            data = work.spool.read_envelope(work.claim, self.limits.envelope)
            digest = hashlib.sha256(data).hexdigest()
            if work.claim.bad_name:
                raise _bad_name()
            notice = envelope.read(data, self.limits, self.explain)
        except NoticeRefused as error:
            return Refusal(work=work, error=error, envelope_sha256=digest)
        return Opened(work=work, notice=notice, envelope=data, envelope_sha256=digest)

    def examine(
        self, opened: Opened, segment: Segment, told: Mapping[str, Capabilities | None]
    ) -> Acceptable | Refusal | Waits:
        """Check an envelope that is no repeat, and copy its documents into the vault.

        Raises StorageFailed, when the drop is to be tried again.
        """
        tenant = self.config.tenants[opened.work.spool.tenant]
        procedure = tenant.procedures[opened.work.spool.procedure]
        try:
            envelope.check_tenant(opened.notice, procedure.authors)
            if opened.notice.signed:
                raise _signed(opened.notice.ROOT)
            envelope.check_names(opened.notice)
            envelope.check_sizes(opened.notice, self.limits)
            envelope.check_digests(opened.notice)
            key, delivery_key = new_key(), delivery_key_of(opened)
            signed = _signed_over(told.get(name) for name in tenant.mailboxes)
            copy = partial(self._copy, opened, segment=segment, key=key, sha512=signed)
            documents = tuple(copy(n) for n in range(len(opened.notice.documents)))
            name, scheme, address = self._mailbox(opened, tenant.mailboxes, told)
        except NotYetKnown as error:
            return Waits(work=opened.work, why=error.what)
        except NoticeRefused as error:
            return Refusal(
                work=opened.work,
                error=error,
                envelope_sha256=opened.envelope_sha256,
                message_id=opened.notice.message_id,
            )
        return Acceptable(
            opened=opened,
            mailbox=name,
            scheme=scheme,
            address=address,
            told=told.get(name) is not None,
            key=key,
            delivery_key=delivery_key,
            documents=documents,
        )

    def _copy(
        self,
        opened: Opened,
        n: int,
        *,
        segment: Segment,
        key: bytes,
        sha512: bool,
    ) -> Extent:
        """Copy a document once, hashing it on the way; what counts is what was read.

        sha512: also where the procedure announced another digest
        """
        document = opened.notice.documents[n]
        announced_sha512 = document.digest_method == SHA512
        path = f"/Notice/Document[{n + 1}]"
        bound = parcel.context(delivery_key_of(opened), parcel.DOCUMENT, n)
        try:
            with _pieces(opened.work, n, document, path) as pieces:
                extent = segment.add(
                    key, bound, pieces, document.size, sha512=sha512 or announced_sha512
                )
        except (TooLong, NoticeRefused) as error:
            # the file's own limit here is what the envelope announced, not hub.toml's
            if isinstance(error, NoticeRefused) and error.refusal is not _LIMIT:
                raise
            what = f"the document is longer than its announced {document.size} bytes"
            raise _rejected(what, path, document.line) from None
        if extent.size != document.size:
            what = f"the document has {extent.size} bytes, announced are {document.size}"
            raise _rejected(what, path, document.line)
        if (extent.sha512 if announced_sha512 else extent.sha256) != document.digest:
            raise _rejected(
                "the document's bytes have another digest than announced", path, document.line
            )
        return extent

    def _mailbox(
        self,
        opened: Opened,
        allowed: tuple[str, ...],
        told: Mapping[str, Capabilities | None],
    ) -> tuple[str, str, str]:
        candidates = {name: (self._scheme(name, told), told.get(name)) for name in allowed}
        name = mailboxes.recognise(opened.notice.mailbox, candidates)
        known = told.get(name)
        mailboxes.check(
            opened.notice,
            known,
            sandbox=self.config.mailboxes[name].sandbox,
            now=self.clock.now(),
        )
        address = opened.notice.mailbox.id
        normal = known.normal(address) if known else None
        return name, candidates[name][0] or name, normal or address

    def _scheme(self, name: str, told: Mapping[str, Capabilities | None]) -> str | None:
        known = told.get(name)
        return self.config.mailboxes[name].scheme or (known.scheme if known else None)


def delivery_key_of(opened: Opened) -> str:
    """Return the key that names a notice towards its mailbox: of tenant and MessageID."""
    tenant, message_key = opened.identity
    return hashlib.sha256(f"{tenant}\0{message_key}".encode()).hexdigest()


def references(opened: Opened) -> list[tuple[int, str]]:
    """Return number and file name of each document that lies beside the envelope."""
    return [
        (n, one.reference)
        for n, one in enumerate(opened.notice.documents)
        if one.reference is not None
    ]


def _signed_over(mailboxes: Iterable[Capabilities | None]) -> bool:
    """Whether one of them may make bytes of its own over the documents' digests (`prepare`).

    One that never told may too: what it signs is needed before the documents are read again.
    """
    return any(each is None or each.prepares for each in mailboxes)


@contextmanager
def _pieces(work: Work, n: int, document: Document, path: str) -> Iterator[Iterator[bytes]]:
    """Give a document's bytes in pieces: from the envelope, or from its claimed file."""
    if document.reference is None:
        yield iter([document.data or b""])
        return
    if not work.spool.claim_document(work.claim, n, document.reference):
        raise _rejected("the document is not there", f"{path}/Reference", document.line)
    with work.spool.open_document(work.claim, n, document.size + ANY, path=path) as pieces:
        yield pieces


def _rejected(what: str, path: str, line: int | None) -> NoticeRefused:
    return NoticeRefused(
        RefusalClass.ATTACHMENT_REJECTED,
        "9052",
        what,
        fix="Hand the notice in again with the document it announces",
        line=line,
        path=path,
    )


def _signed(root: str) -> NoticeRefused:
    return NoticeRefused(
        RefusalClass.SIGNATURE_INVALID,
        "9052",
        "the hub does not verify signatures of procedures yet",
        fix="Hand it in without ds:Signature; the hub seals it",
        path=f"/{root}/Signature",
    )


def _bad_name() -> NoticeRefused:
    return NoticeRefused(
        RefusalClass.SPOOL_FILE_REJECTED,
        "9052",
        "the envelope's file name is not allowed",
        fix="Name it [A-Za-z0-9][A-Za-z0-9._-]*, ending in .xml, at most 200 characters",
    )


def _poison() -> NoticeRefused:
    return NoticeRefused(
        RefusalClass.INTERNAL,
        "9030",
        "the hub stopped three times while it worked on this drop",
        fix="Ask the hub's operator to look at the file in rejected/; hand it in again afterwards",
    )
