"""An acceptable drop becomes rows: sealed, its content and seal encrypted, its first state set.

The state of an application is no document, so it has no seal of its own: its receipts have.

PDFs that are to be sealed will be sealed here, before the notice's own seal, which names both
digests of such a document (`DocumentDigest.deposited`); every attempt then sends those bytes.
"""

from dataclasses import dataclass
from datetime import datetime

from hub import parcel, receipt, retry
from hub.config import Config
from hub.intake.drops import Acceptable
from hub.issuing import Facts, Issuer
from hub.journal import circuits, taking
from hub.model import Notice, State, StatusUpdate
from hub.parcel import Parcel, SealedNotice
from hub.receipt import DocumentDigest
from hub.seal import SealUnavailable
from hub.vault import Extent, Segment, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An acceptable drop, sealed if the seal is at hand, with the rows it becomes."""

    drop: Acceptable
    row: taking.NewNotice
    payloads: tuple[taking.NewPayload, ...]
    parcel: Parcel | None
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparer:
    """What sealing a drop needs."""

    config: Config
    vault: Vault
    issuer: Issuer

    def seal(self, drop: Acceptable, segment: Segment, now: datetime) -> Sealed:
        """Seal an acceptable drop, and make its rows. Raises StorageFailed."""
        notice, facts = drop.opened.notice, _facts(drop, now)
        if isinstance(notice, StatusUpdate):
            return self._status(drop, segment, now)
        pairs = zip(notice.documents, drop.documents, strict=True)
        payloads = [
            parcel.extent_row(parcel.DOCUMENT, n, extent, one.id)
            for n, (one, extent) in enumerate(pairs)
        ]
        kept = parcel.content(notice, drop.documents)
        payloads.append(self._stored(drop, segment, parcel.CONTENT, kept)[0])
        made, sealed = None, self._sealed(drop, notice, facts.documents, now)
        if sealed is not None:
            row, extent = self._stored(drop, segment, parcel.SEALED, sealed)
            payloads.append(row)
            made = Parcel(
                facts=facts,
                delivery_key=drop.delivery_key,
                key=drop.key,
                notice=notice,
                documents=drop.documents,
                sealed=SealedNotice(source=extent or sealed, sha256=row.sha256, size=row.size),
            )
        state = _first_state(sealed=sealed is not None, told=drop.told)
        return Sealed(
            drop=drop,
            row=self._row(drop, state, now),
            payloads=tuple(payloads),
            parcel=made if state is State.SEALED else None,
            facts=facts,
        )

    def _status(self, drop: Acceptable, segment: Segment, now: datetime) -> Sealed:
        """Return the rows of a status; the lease that follows sends it, in its turn."""
        kept = parcel.content(drop.opened.notice, ())
        return Sealed(
            drop=drop,
            row=self._row(drop, _first_state(sealed=True, told=drop.told), now),
            payloads=(self._stored(drop, segment, parcel.CONTENT, kept)[0],),
            parcel=None,
            facts=_facts(drop, now),
        )

    def _sealed(
        self,
        drop: Acceptable,
        notice: Notice,
        digests: tuple[DocumentDigest, ...],
        now: datetime,
    ) -> bytes | None:
        opened = drop.opened
        plain = receipt.render_sealed_notice(
            notice,
            envelope=opened.envelope,
            envelope_sha256=opened.envelope_sha256,
            documents=digests,
            accepted_at=now,
            issuer=self.issuer.name,
        )
        try:
            return self.issuer.seal.sign(plain, now)
        except SealUnavailable:  # taken all the same: the sealing stage catches up
            return None

    def _stored(
        self, drop: Acceptable, segment: Segment, item: str, data: bytes
    ) -> tuple[taking.NewPayload, Extent | None]:
        return parcel.stored(segment, drop.key, drop.delivery_key, item, data)

    def _row(self, drop: Acceptable, state: State, now: datetime) -> taking.NewNotice:
        opened, notice = drop.opened, drop.opened.notice
        starts = max(now, notice.not_before or now)
        held = state is State.HELD
        give_up = self.config.retry_of(drop.mailbox).give_up
        update = notice if isinstance(notice, StatusUpdate) else None
        return taking.NewNotice(
            tenant=opened.work.spool.tenant,
            procedure=opened.work.spool.procedure,
            message_id=notice.message_id,
            message_key=notice.message_key,
            delivery_key=drop.delivery_key,
            claim=opened.work.claim.id,
            envelope_sha256=opened.envelope_sha256,
            case_reference=notice.case_reference,
            mailbox=drop.mailbox,
            scheme=drop.scheme,
            address=drop.address,
            state=state.value,
            held_from=State.SEALED.value if held else None,
            held_at=now if held else None,
            held_reason=circuits.HELD_BY_CAPABILITIES if held else None,
            accepted_at=now,
            not_before=notice.not_before,
            obsolete_after=notice.obsolete_after,
            due_at=None if held else starts,
            deadline=retry.deadline(starts, give_up, notice.obsolete_after),
            key_wrapped=self.vault.wrap(drop.key, drop.delivery_key.encode("ascii")),
            kind=notice.kind.value,
            application_id=update.application_id.lower() if update else None,
            status=update.status.value if update else None,
            status_at=update.created_at if update else None,
        )


def _facts(drop: Acceptable, now: datetime) -> Facts:
    notice = drop.opened.notice
    return Facts(
        message_id=notice.message_id,
        case_reference=notice.case_reference,
        scheme=drop.scheme,
        address=drop.address,
        documents=tuple(
            DocumentDigest(id=one.id, handed_in=extent.sha256, size=extent.size)
            for one, extent in zip(notice.documents, drop.documents, strict=True)
        ),
        accepted_at=now,
        kind=notice.kind,
    )


def _first_state(*, sealed: bool, told: bool) -> State:
    """Return a new notice's state: what is not sealed waits for the seal first."""
    if not sealed:
        return State.ACCEPTED
    return State.SEALED if told else State.HELD
