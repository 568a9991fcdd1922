"""Commit A: all drops of a batch become rows at once: taken, repeated, refused.

With a notice's row go its sealed bytes, its evidence entry and, where its mailbox can be called at
once, its first attempt with its lease; so the call may leave right after the commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from hub.config import Config
from hub.evidence import stamp
from hub.intake import rows
from hub.intake.drops import Refusal, Repeat, Work
from hub.intake.preparing import Sealed
from hub.issuing import Issuer
from hub.journal import (
    Journal,
    Transaction,
    applications,
    attempts,
    handouts,
    pauses,
    restoring,
    taking,
)
from hub.journal.attempts import Lease, Term
from hub.journal.handouts import Handout
from hub.model import State, Status
from hub.parcel import Parcel
from hub.receipt import Outcome
from hub.transition import DEPOSIT

# places at a mailbox now; None: it cannot be called, so what comes waits
Places = Callable[[str], int | None]
Terms = Callable[[str], Term]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A first attempt that is written as started: its call may leave now."""

    mailbox: str
    lease: Lease
    parcel: Parcel
    tenant: str
    procedure: str


@dataclass(slots=True, kw_only=True)  # filled while the commit is made
class Done:
    """What a commit made: drops to settle, receipts to write, calls to make."""

    finished: list[Work] = field(default_factory=list)
    rejected: list[Work] = field(default_factory=list)
    handouts: list[Handout] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committer:
    """What commit A needs.

    lost_until: until when another hub may have taken what this journal, restored, does not know
    """

    config: Config
    journal: Journal
    issuer: Issuer
    places: Places
    terms: Terms
    lost_until: datetime | None = None

    def commit(
        self,
        sealed: Sequence[Sealed],
        repeats: Sequence[Repeat],
        refusals: Sequence[Refusal],
        now: datetime,
    ) -> Done:
        """Write a batch: one commit. Raises StorageFailed, SealUnavailable; then nothing is."""
        with self.journal.write() as tx:
            commit = _Commit(by=self, tx=tx, now=now)
            fresh, repeated, conflicts = _sort(tx, sealed)
            forward, backwards = _in_order(tx, fresh)
            commit.take(forward)
            for repeat in (*repeats, *repeated):
                commit.repeat(repeat)
            commit.refuse([*refusals, *conflicts, *backwards])
        return commit.done


def _sort(
    tx: Transaction, sealed: Sequence[Sealed]
) -> tuple[list[Sealed], list[Repeat], list[Refusal]]:
    """Tell new notices from repeats and conflicts; true until the commit, by its write lock."""
    known = taking.known(tx.connection, [one.drop.opened.identity for one in sealed])
    fresh: dict[tuple[str, str], Sealed] = {}
    repeats, conflicts = [], []
    for one in sealed:
        opened = one.drop.opened
        identity, procedure = opened.identity, opened.work.spool.procedure
        notice_id: int | None = None
        if found := known.get(identity):
            same, notice_id = (found.procedure, found.envelope_sha256), found.id
        elif first := fresh.get(identity):
            same = (first.row.procedure, first.row.envelope_sha256)
        else:
            fresh[identity] = one
            continue
        if same == (procedure, opened.envelope_sha256):
            repeats.append(Repeat(opened=opened, notice_id=notice_id))
        else:
            conflicts.append(rows.conflict(one.drop))
    return list(fresh.values()), repeats, conflicts


def _in_order(tx: Transaction, fresh: Sequence[Sealed]) -> tuple[list[Sealed], list[Refusal]]:
    """Tell states that go forward from those that go back; true by the write lock, as in `_sort`.

    Of a batch they are taken in the order of their time: it has no other that means something.
    """
    states = [
        (one.row.status_at, Status(one.row.status), one)
        for one in fresh
        if one.row.status is not None and one.row.status_at is not None
    ]
    taken, refusals = [one for one in fresh if one.row.status is None], []
    newest: dict[tuple[str, str, str], tuple[Status, datetime] | None] = {}
    for at, status, one in sorted(states, key=itemgetter(0)):
        of = (one.row.tenant, one.row.mailbox, one.row.application_id or "")
        if of not in newest:
            newest[of] = applications.newest(tx.connection, *of)
        if why := _backwards(status, at, newest[of]):
            refusals.append(rows.backwards(one.drop, why))
        else:
            newest[of] = status, at
            taken.append(one)
    return taken, refusals


def _backwards(status: Status, at: datetime, newest: tuple[Status, datetime] | None) -> str | None:
    if newest is None:
        return None
    before, then = newest
    if at <= then:
        return f"not later than the newest state of this application, {before} at {stamp(then)}"
    if status.rank < before.rank:
        return f"goes back: the newest state of this application is {before}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Commit:
    """One commit A in the making."""

    by: Committer
    tx: Transaction
    now: datetime
    done: Done = field(default_factory=Done)

    def take(self, fresh: Sequence[Sealed]) -> None:
        ids = taking.insert(self.tx, [(one.row, one.payloads) for one in fresh])
        numbered = list(zip(ids, fresh, strict=True))
        taking.drops(self.tx, [rows.taken_drop(one, number, self.now) for number, one in numbered])
        paused = pauses.names(self.tx.connection)
        left: dict[str, int | None] = {}
        doubted = self._meet(numbered)
        starting: dict[str, list[tuple[int, Sealed]]] = {}
        waiting: set[int] = set()
        for number, one in numbered:
            self.tx.record(number, rows.taken_entry(one, self.now))
            self.done.finished.append(one.drop.opened.work)
            self.done.accepted.append(one.row.message_id)
            name = one.row.mailbox
            free = left.setdefault(name, self.by.places(name))
            if paused.concerns(one.row.tenant, name) or number in doubted:
                waiting.add(number)
            elif one.parcel is not None and self._due(one) and free:
                left[name] = free - 1
                starting.setdefault(name, []).append((number, one))
        for name, batch in starting.items():
            self._start(name, batch)
        waiting.update(
            number
            for number, one in numbered
            if not self._due(one) or left[one.row.mailbox] is None
        )
        self._acknowledge(numbered, waiting)

    def _meet(self, numbered: Sequence[tuple[int, Sealed]]) -> set[int]:
        """Doubt what a lost hub may have taken before; dispatch sends or asks where it may."""
        until = self.by.lost_until
        if until is None:
            return set()
        taken = [
            (number, one.row.message_key, one.drop.opened.notice.created_at)
            for number, one in numbered
        ]
        return restoring.meet(self.tx, taken, until, self.now)

    def _start(self, name: str, batch: Sequence[tuple[int, Sealed]]) -> None:
        due = [(number, 0, False, DEPOSIT) for number, _ in batch]
        leases = attempts.start(self.tx, self.by.terms(name), due, self.now)
        self.done.begun.extend(
            Begun(
                mailbox=name,
                lease=lease,
                parcel=one.parcel,
                tenant=one.row.tenant,
                procedure=one.row.procedure,
            )
            for lease, (_, one) in zip(leases, batch, strict=True)
            if one.parcel is not None
        )

    def _acknowledge(self, numbered: Sequence[tuple[int, Sealed]], waiting: set[int]) -> None:
        """Issue `accepted`: always, or for what is known to wait for more than a free place."""
        issues = []
        for number, one in numbered:
            wish = self.by.config.tenants[one.row.tenant].procedures[one.row.procedure]
            if wish.accepted_receipt == "never" or one.row.state == State.ACCEPTED:
                continue
            if wish.accepted_receipt == "always" or number in waiting:
                made = self.by.issuer.of_notice(Outcome.ACCEPTED, one.facts, self.now)
                self.tx.record(number, made.entry)
                stem = one.drop.opened.work.claim.stem
                issues.append(rows.issue(made, one.row, (stem,), notice_id=number))
        self.done.handouts.extend(handouts.issue(self.tx, issues))

    def _due(self, one: Sealed) -> bool:
        return one.row.due_at is not None and one.row.due_at <= self.now

    def repeat(self, repeat: Repeat) -> None:
        opened, work = repeat.opened, repeat.opened.work
        number = repeat.notice_id
        if number is None:  # the first one is in this very batch
            number = taking.known(self.tx.connection, [opened.identity])[opened.identity].id
        taking.drops(self.tx, [rows.repeated_drop(opened, number, self.now)])
        self.tx.note(number, "notice.repeated", self.now, claim=work.claim.id)
        self.done.finished.append(work)
        self.done.handouts.extend(handouts.again(self.tx, number, work.claim.stem))

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        taking.drops(self.tx, [rows.refused(one, self.now) for one in refusals])
        issues = []
        for one in refusals:
            claim = one.work.claim
            made = self.by.issuer.rejected(
                one.error,
                stem=claim.stem,
                claim=claim.id,
                envelope_sha256=one.envelope_sha256,
                message_id=one.message_id,
                at=self.now,
            )
            self.tx.record(None, made.entry)
            issues.append(rows.issue(made, one.work.spool, (claim.stem,), claim=claim.id))
            if one.stuck is None:
                self.done.rejected.append(one.work)
        self.done.handouts.extend(handouts.issue(self.tx, issues))
