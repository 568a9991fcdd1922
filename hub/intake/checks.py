"""Ask the checks of hub.toml about a drop that has passed every layer, before it is taken.

    examined -> asked (all checks of its tenant at once) -> passed: commit A
                                                         -> objected: refused with a receipt
                                                         -> no verdict: waits as a claim

The drop's documents lie encrypted in a segment of its own meanwhile, copied once; a check's process
gets the segment's descriptor and the notice's key, as a mailbox's does. A check that does not
answer never passes a drop, and none is refused for it. Other drops go on: nothing here blocks. One
at which a check's process dies is asked about alone, then seldom (`hub.intake.suspects`).

Crash safety: a drop that was asked about is a claim like any other; after a crash it is examined
and asked about again. The segment keeps its lock, so that nobody takes it for a leftover.
Limits: each check has at most PLACES drops before it, so that hub.toml cannot use up descriptors.
"""

import os
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hub import parcel, telling
from hub.attendant import Attendant
from hub.errors import NoticeRefused, RefusalClass, StorageFailed
from hub.host import Answer, Fault
from hub.intake.drops import Acceptable, Checked, Refusal, Work
from hub.intake.suspects import Suspects
from hub.model import Notice
from hub.telemetry import logger
from hub.vault import Damaged, Segment, Vault
from postfach_mailbox import Objected, Passed
from postfach_mailbox.frames import CheckPayload, Operation, Stored

PLACES = 64  # drops at once before one check; each holds two descriptors
MALWARE, OBJECTED = "9060", "9052"
TEXTS = {"MALWARE": "found malware"}


@dataclass(slots=True, kw_only=True)  # filled by the checks' answers
class _Asked:
    """A drop before its checks: calls that have not ended, verdicts of those that have."""

    drop: Acceptable
    segment: Segment
    tries: int
    calls: set[tuple[str, int]] = field(default_factory=set)
    objected: tuple[str, Objected] | None = None
    undecided: list[str] = field(default_factory=list)

    @property
    def claim(self) -> str:
        """What tells the drop from all others."""
        return self.drop.opened.work.claim.id

    def landed(self) -> list[Checked]:
        """Return the drop as its checks leave it; nothing while one of them has not answered."""
        if self.calls:
            return []
        refusal = None
        if self.objected:
            name, verdict = self.objected
            refusal = _refusal(self.drop, name, verdict)
            logger().info(
                "a check objects", plugin=name, claim=self.claim, code=verdict.reason.code
            )
        elif self.undecided:
            for name in self.undecided:
                logger().info("drop waits for a check", plugin=name, claim=self.claim)
        return [
            Checked(
                drop=self.drop,
                segment=self.segment,
                tries=self.tries,
                refusal=refusal,
                undecided=tuple(self.undecided),
            )
        ]


@dataclass(slots=True, kw_only=True)  # filled as drops are sorted
class Decided:
    """Drops whose checks have answered, by what becomes of them.

    passed: their segments are the caller's to close, after the commit
    failed: whether a fault of ours kept one waiting
    """

    passed: list[Checked] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    waiting: list[Work] = field(default_factory=list)
    failed: bool = False

    def sort(self, one: Checked) -> None:
        """Put a drop where it belongs."""
        work = one.drop.opened.work
        if one.refusal:
            self.refusals.append(one.refusal)
        elif one.undecided:
            self.waiting.append(work)
        else:
            try:
                work = work.tried(one.tries)  # as before it was asked about: the commit may crash
            except StorageFailed as error:
                logger().error("try not counted", claim=work.claim.id, exc_info=error)
                self.waiting.append(work)
                self.failed = True
            else:
                self.passed.append(replace(one, drop=one.drop.claimed_as(work)))
                return
        one.segment.close()


@dataclass(slots=True, kw_only=True)  # what is before the checks now
class Checks:
    """All configured checks, for one worker. For one thread."""

    attendants: Mapping[str, Attendant]
    vault: Vault
    suspects: Suspects
    landed: deque[Checked] = field(default_factory=deque)
    _asked: dict[tuple[str, int], _Asked] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """How many calls are out."""
        return len(self._asked)

    def of(self, tenant: str) -> list[Attendant]:
        """Return the checks of a tenant's drops."""
        return [one for one in self.attendants.values() if one.serves(tenant)]

    def places(self, tenant: str) -> int:
        """Return how many drops of a tenant all its checks take now."""
        paced = min(one.places for one in self.of(tenant))
        return min(paced, self.room(tenant))

    def room(self, tenant: str) -> int:
        """Return how many drops of a tenant all its checks take but for their rates."""
        before = Counter(name for name, _ in self._asked)
        most = {
            one.name: 1 if self.suspects.singly(one.name) else PLACES for one in self.of(tenant)
        }
        room = min(min(one.room, most[one.name] - before[one.name]) for one in self.of(tenant))
        return max(0, room)  # several may be out already where one is asked about alone from now on

    def leaves(self, work: Work) -> bool:
        """Whether a drop waits since a check died at it again and again."""
        names = [one.name for one in self.of(work.spool.tenant)]
        return any(self.suspects.leaves(name, work.claim.id) for name in names)

    def takes(self, work: Work) -> bool:
        """Whether all checks of a drop's tenant take it now."""
        for one in self.of(work.spool.tenant):
            self.suspects.meet(one.name, work.claim.id)
        return self.places(work.spool.tenant) > 0

    def ask(self, drop: Acceptable, segment: Segment) -> None:
        """Ask all checks of a drop's tenant at once; `segment` is kept until they have answered.

        Raises StorageFailed: nothing was asked.
        """
        work = drop.opened.work
        asked = _Asked(drop=drop, segment=segment, tries=work.claim.tries)
        payload = _payload(drop)
        try:
            fd = self.vault.open(segment.id)
        except Damaged as error:
            raise StorageFailed(
                "a document just copied is gone", where="vault", fix="See to its folder"
            ) from error
        try:
            for name, attendant in self.attendants.items():
                if not attendant.serves(work.spool.tenant):
                    continue
                call = attendant.call(Operation.CHECK, payload, [fd])
                if call is None:
                    asked.undecided.append(name)
                else:
                    asked.calls.add((name, call))
                    self._asked[name, call] = asked
        finally:
            os.close(fd)
        # Waiting for a check is no crash's fault; a try counts again when the drop is taken.
        asked.drop = drop.claimed_as(work.untried())
        self.landed.extend(asked.landed())

    def holds(self, work: Work) -> bool:
        """Whether a drop is before its checks, or was and is not decided yet."""
        drops = [one.drop for one in self._asked.values()] + [one.drop for one in self.landed]
        return any(drop.opened.work.claim.id == work.claim.id for drop in drops)

    def poll(self) -> None:
        """Take in what the checks said."""
        for name, attendant in self.attendants.items():
            dead, fault = list[str](), None
            for call, answer in attendant.poll():
                verdict = answer.outcome if isinstance(answer, Answer) else None
                attendant.answered(useful=isinstance(verdict, Passed | Objected))
                asked = self._asked.pop((name, call), None)
                if asked is None:
                    continue
                if isinstance(answer, Fault):
                    dead.append(asked.claim)
                    fault = answer
                elif isinstance(answer, Answer):
                    self.suspects.lives(name, asked.claim)
                asked.calls.discard((name, call))
                if isinstance(verdict, Objected):
                    asked.objected = asked.objected or (name, verdict)
                    self.suspects.forget(self.attendants, asked.claim)
                elif not isinstance(verdict, Passed):
                    asked.undecided.append(name)
                self.landed.extend(asked.landed())
            if fault:
                self.suspects.died(name, dead, fault)

    def tend(self) -> None:
        """Look after the checks' processes."""
        for attendant in self.attendants.values():
            attendant.tend()

    def stop(self) -> None:
        """Give up what is not answered; its drops stay claims."""
        for attendant in self.attendants.values():
            attendant.host.stop(0.0)
        for asked in self._asked.values():
            asked.segment.close()
        for checked in self.landed:
            checked.segment.close()
        self._asked.clear()
        self.landed.clear()

    def decided(self, at_most: int) -> "Decided":
        """Give out drops whose checks have answered; one that was in a crash by itself."""
        found = Decided()
        while self.landed and len(found.passed) + len(found.refusals) < at_most:
            one = self.landed[0]
            if one.tries and (found.passed or found.refusals):
                break
            self.landed.popleft()
            found.sort(one)
            if one.tries:
                break
        return found


def _payload(drop: Acceptable) -> CheckPayload:
    notice = drop.opened.notice
    if not isinstance(notice, Notice):
        raise TypeError("checks look at notices only")
    return CheckPayload(
        notice=telling.notice_data(
            notice,
            scheme=drop.scheme,
            address=drop.address,
            documents=drop.documents,
        ),
        sources=tuple(
            Stored(
                fd=0,
                offset=extent.offset,
                length=extent.length,
                size=extent.size,
                context=parcel.context(drop.delivery_key, parcel.DOCUMENT, n),
            )
            for n, extent in enumerate(drop.documents)
        ),
        dek=drop.key,
    )


def _refusal(drop: Acceptable, name: str, verdict: Objected) -> Refusal:
    """Return the refusal that a check's objection means; our own words, and the check's code."""
    notice, code = drop.opened.notice, verdict.reason.code
    text = TEXTS.get(code, "objects")
    line, path, refusal = None, "/Notice", RefusalClass.MAILBOX_REFUSED
    for n, document in enumerate(notice.documents, start=1):
        if document.id == verdict.document:
            line, path = document.line, f"/Notice/Document[{n}]"
            refusal = RefusalClass.ATTACHMENT_REJECTED
    if code == "MALWARE":
        refusal = RefusalClass.ATTACHMENT_REJECTED
    return Refusal(
        work=drop.opened.work,
        envelope_sha256=drop.opened.envelope_sha256,
        message_id=notice.message_id,
        error=NoticeRefused(
            refusal,
            MALWARE if code == "MALWARE" else OBJECTED,
            f"the hub's check {name!r} {text} ({code})",
            fix="Hand the notice in again without what it objects to, or ask the hub's operator",
            line=line,
            path=path,
        ),
    )
