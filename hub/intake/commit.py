"""Commit A: all drops of a batch become rows at once: taken, repeated, refused.

With a notice's row go its sealed bytes, its evidence entry and, where its mailbox can be called at
once, its first attempt with its lease; so the call may leave right after the commit.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub import parcel, receipt, retry
from hub.clock import Clock
from hub.config import Config
from hub.intake import rows
from hub.intake.drops import Acceptable, Refusal, Repeat, Work
from hub.issuing import Facts, Issued, Issuer
from hub.journal import Journal, Transaction, attempts, circuits, handouts, taking
from hub.journal.attempts import Lease, Term
from hub.journal.handouts import Handout
from hub.model import State
from hub.parcel import Parcel
from hub.receipt import DocumentDigest, Outcome
from hub.seal import SealUnavailable
from hub.vault import Extent, Segment, Vault

# places at a mailbox now; None: it cannot be called, so what comes waits
Places = Callable[[str], int | None]
Terms = Callable[[str], Term]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An acceptable drop, sealed if the seal is at hand, with the rows it becomes."""

    drop: Acceptable
    row: taking.NewNotice
    payloads: tuple[taking.NewPayload, ...]
    parcel: Parcel | None
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A first attempt that is written as started: its call may leave now."""

    mailbox: str
    lease: Lease
    parcel: Parcel
    tenant: str
    procedure: str


@dataclass(slots=True, kw_only=True)
class Done:
    """What a commit made: drops to settle, receipts to write, calls to make."""

    finished: list[Work] = field(default_factory=list)
    rejected: list[Work] = field(default_factory=list)
    handouts: list[Handout] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committer:
    """What commit A needs."""

    config: Config
    journal: Journal
    vault: Vault
    issuer: Issuer
    clock: Clock

    def seal(self, drop: Acceptable, segment: Segment, now: datetime) -> Sealed:
        """Seal an acceptable drop, and make its rows. Raises StorageFailed."""
        opened, notice = drop.opened, drop.opened.notice
        digests = tuple(
            DocumentDigest(id=one.id, handed_in=extent.sha256, size=extent.size)
            for one, extent in zip(notice.documents, drop.documents, strict=True)
        )
        facts = Facts(
            message_id=notice.message_id,
            case_reference=notice.case_reference,
            scheme=drop.scheme,
            address=drop.address,
            documents=digests,
            accepted_at=now,
        )
        payloads = [
            parcel.extent_row(parcel.DOCUMENT, n, extent, one.id)
            for n, (one, extent) in enumerate(
                zip(notice.documents, drop.documents, strict=True)
            )
        ]
        kept = parcel.content(notice)
        payloads.append(self._stored(drop, segment, parcel.CONTENT, kept)[0])
        sealed = self._sealed(drop, digests, now)
        made = None
        if sealed is not None:
            row, extent = self._stored(drop, segment, parcel.SEALED, sealed)
            payloads.append(row)
            made = Parcel(
                facts=facts,
                delivery_key=drop.delivery_key,
                key=drop.key,
                notice=notice,
                documents=drop.documents,
                sealed=extent or sealed,
                sealed_sha256=row.sha256,
                sealed_size=row.size,
            )
        state = rows.first_state(sealed=sealed is not None, told=drop.told)
        return Sealed(
            drop=drop,
            row=self._row(drop, state, now),
            payloads=tuple(payloads),
            parcel=made if state is State.SEALED else None,
            facts=facts,
        )

    def _sealed(
        self, drop: Acceptable, digests: tuple[DocumentDigest, ...], now: datetime
    ) -> bytes | None:
        opened = drop.opened
        plain = receipt.render_sealed_notice(
            opened.notice,
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
        digest = hashlib.sha256(data).hexdigest()
        return parcel.stored(segment, drop.key, drop.delivery_key, item, data, digest)

    def _row(self, drop: Acceptable, state: State, now: datetime) -> taking.NewNotice:
        opened, notice = drop.opened, drop.opened.notice
        starts = max(now, notice.not_before or now)
        held = state is State.HELD
        give_up = self.config.retry_of(drop.mailbox).give_up
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
        )

    def commit(
        self,
        sealed: Sequence[Sealed],
        repeats: Sequence[Repeat],
        refusals: Sequence[Refusal],
        now: datetime,
        places: Places,
        terms: Terms,
    ) -> Done:
        """Write a batch: one commit. Raises StorageFailed, SealUnavailable; then nothing is."""
        done = Done()
        with self.journal.write() as tx:
            fresh, repeated, conflicts = self._sort(tx, sealed)
            refused = [
                (one, self._rejected(one, now)) for one in (*refusals, *conflicts)
            ]
            self._take(tx, fresh, now, done, places, terms)
            for repeat in (*repeats, *repeated):
                self._repeat(tx, repeat, now, done)
            self._refuse(tx, refused, now, done)
        return done

    def _sort(
        self, tx: Transaction, sealed: Sequence[Sealed]
    ) -> tuple[list[Sealed], list[Repeat], list[Refusal]]:
        """Tell new notices from repeats and conflicts; true until the commit, by its write lock."""
        known = taking.known(tx.connection, [one.drop.opened.identity for one in sealed])
        fresh: dict[tuple[str, str], Sealed] = {}
        repeats, conflicts = [], []
        for one in sealed:
            opened = one.drop.opened
            identity, procedure = opened.identity, opened.work.spool.procedure
            if found := known.get(identity):
                same = (found.procedure, found.envelope_sha256)
                notice_id: int | None = found.id
            elif first := fresh.get(identity):
                same = (first.row.procedure, first.row.envelope_sha256)
                notice_id = None
            else:
                fresh[identity] = one
                continue
            if same == (procedure, opened.envelope_sha256):
                repeats.append(Repeat(opened=opened, notice_id=notice_id))
            else:
                conflicts.append(rows.conflict(one.drop))
        return list(fresh.values()), repeats, conflicts

    def _take(
        self,
        tx: Transaction,
        fresh: Sequence[Sealed],
        now: datetime,
        done: Done,
        places: Places,
        terms: Terms,
    ) -> None:
        ids = taking.insert(tx, [(one.row, one.payloads) for one in fresh])
        taking.drops(
            tx,
            [
                rows.drop(one.drop.opened.work, taking.TAKEN, now, number, one.row.envelope_sha256)
                for number, one in zip(ids, fresh, strict=True)
            ],
        )
        left: dict[str, int | None] = {}
        starting: dict[str, list[tuple[int, Sealed]]] = {}
        waiting: list[tuple[int, Sealed]] = []
        for number, one in zip(ids, fresh, strict=True):
            tx.record(
                number,
                rows.taken(one.row.claim, one.facts, one.row.envelope_sha256, one.row.mailbox, now),
            )
            done.finished.append(one.drop.opened.work)
            done.accepted.append(one.row.message_id)
            name = one.row.mailbox
            free = left.setdefault(name, places(name))
            due = one.row.due_at is not None and one.row.due_at <= now
            if one.parcel is not None and due and free:
                left[name] = free - 1
                starting.setdefault(name, []).append((number, one))
            else:
                waiting.append((number, one))
        for name, batch in starting.items():
            due_now = [(number, 0, False, "deposit") for number, _ in batch]
            leases = attempts.start(tx, terms(name), due_now, now)
            for lease, (_, one) in zip(leases, batch, strict=True):
                assert one.parcel is not None
                done.begun.append(
                    Begun(
                        mailbox=name,
                        lease=lease,
                        parcel=one.parcel,
                        tenant=one.row.tenant,
                        procedure=one.row.procedure,
                    )
                )
        self._acknowledge(tx, starting, waiting, left, now, done)

    def _acknowledge(
        self,
        tx: Transaction,
        starting: dict[str, list[tuple[int, Sealed]]],
        waiting: Sequence[tuple[int, Sealed]],
        left: Mapping[str, int | None],
        now: datetime,
        done: Done,
    ) -> None:
        """Issue `accepted`: always, or for what is known to wait longer than for a free place."""
        batch = [*waiting, *(pair for own in starting.values() for pair in own)]
        issues = []
        for number, one in batch:
            work = one.drop.opened.work
            wish = self.config.tenants[one.row.tenant].procedures[one.row.procedure]
            later = one.row.due_at is None or one.row.due_at > now or left[one.row.mailbox] is None
            if wish.accepted_receipt == "never" or one.row.state == State.ACCEPTED:
                continue
            if wish.accepted_receipt == "always" or later:
                made = self.issuer.of_notice(Outcome.ACCEPTED, one.facts, now)
                tx.record(number, made.entry)
                issues.append(rows.issue(made, one.row, (work.claim.stem,), notice_id=number))
        done.handouts.extend(handouts.issue(tx, issues))

    def _repeat(self, tx: Transaction, repeat: Repeat, now: datetime, done: Done) -> None:
        work = repeat.opened.work
        number = repeat.notice_id
        if number is None:  # the first one is in this very batch
            number = taking.known(tx.connection, [repeat.opened.identity])[
                repeat.opened.identity
            ].id
        taking.drops(
            tx, [rows.drop(work, taking.REPEATED, now, number, repeat.opened.envelope_sha256)]
        )
        tx.note(number, "notice.repeated", now, claim=work.claim.id)
        done.finished.append(work)
        done.handouts.extend(handouts.again(tx, number, work.claim.stem))

    def _rejected(self, refusal: Refusal, now: datetime) -> Issued:
        return self.issuer.rejected(
            refusal.error,
            stem=refusal.work.claim.stem,
            claim=refusal.work.claim.id,
            envelope_sha256=refusal.envelope_sha256,
            message_id=refusal.message_id,
            at=now,
        )

    def _refuse(
        self,
        tx: Transaction,
        refused: Sequence[tuple[Refusal, Issued]],
        now: datetime,
        done: Done,
    ) -> None:
        taking.drops(tx, [rows.refused(one, now) for one, _ in refused])
        issues = []
        for one, made in refused:
            tx.record(None, made.entry)
            claim = one.work.claim
            issues.append(rows.issue(made, one.work.spool, (claim.stem,), claim=claim.id))
            if one.stuck is None:
                done.rejected.append(one.work)
        done.handouts.extend(handouts.issue(tx, issues))
