"""Commit D: outcomes of attempts, the steps they make, and the receipts that say so.

A result is written only where the lease is still ours; one that is not, and says what became of the
notice, is kept as a late answer. What a receipt says is what the mailbox confirmed; texts of
plugins stay out of receipts, since they could hold what has no place there.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hub import consequence, evidence, handover, issuing, reasons, receipt, transition
from hub.clock import Clock, on_the_wall
from hub.config import Config
from hub.dispatch.flights import Ending, Flight, Result
from hub.handover import tries_of
from hub.issuing import Issued, Issuer
from hub.journal import (
    Journal,
    Row,
    Transaction,
    attempts,
    circuits,
    handouts,
    late,
    posting,
    recovery,
    steps,
)
from hub.journal.handouts import Handout
from hub.journal.late import LateAnswer
from hub.journal.steps import Ended
from hub.model import State
from hub.receipt import Outcome as Event
from hub.telemetry import logger
from hub.transition import PREPARE, Step
from hub.vault import Vault
from postfach_mailbox import Deposited, Pending, Refused, Unknown
from postfach_mailbox import Reason as MailboxReason

REFUSALS = {
    "RECIPIENT_UNKNOWN": "the mailbox has no such account; deliver by post",
    "RECIPIENT_DELETED": "the account was closed; deliver by post",
    "TRUST_LEVEL": "the account's level of assurance is too low; deliver by post",
    "TOO_LARGE": "the notice is too large for the mailbox; deliver by post",
    "TYPE_REFUSED": "the mailbox takes no document of this type; deliver by post",
    "MALWARE": "the mailbox found malware in a document; deliver by post",
    "CONTENT_INVALID": "the mailbox does not take this content; deliver by post",
    "OTHER": "the mailbox refused the notice for good; deliver by post",
}
FINAL_EVENTS = {
    State.DEPOSITED: Event.DEPOSITED,
    State.FAILED: Event.FAILED,
    State.UNRESOLVED: Event.UNRESOLVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What commit D made: files to write, circuits that open, finals to announce.

    stale: results whose lease was not ours any more; late: those of them that are now cases
    """

    handouts: tuple[Handout, ...]
    opened: tuple[str, ...]
    finals: tuple[tuple[str, Event], ...]
    stale: int
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Writes results. For one worker."""

    config: Config
    journal: Journal
    vault: Vault
    issuer: Issuer
    clock: Clock
    worker: str

    def write(self, results: Sequence[Result]) -> Written:
        """Write a batch of results: one commit. Raises StorageFailed, SealUnavailable."""
        with self.journal.write() as tx:
            leases = [one.flight.lease for one in results]
            ours = attempts.holding(tx.connection, self.worker, leases)
            live = [one for one in results if one.flight.lease.attempt_id in ours]
            ids = {one.flight.lease.notice_id for one in live}
            commit = _Commit(
                by=self,
                tx=tx,
                now=self.clock.now(),
                history=attempts.history(tx.connection, ids),
                waiting=ids - handouts.receipted(tx.connection, ids),
            )
            for one in live:
                commit.end(one)
            stale = [one for one in results if one.flight.lease.attempt_id not in ours]
            cases = sum(commit.keep_late(one) for one in stale)
            files = commit.store()
        return Written(
            handouts=tuple(files),
            opened=tuple(commit.opened),
            finals=tuple(commit.finals),
            stale=len(stale),
            late=cases,
        )

    def kept_answer(self, outcome: Ending, flight: Flight) -> bytes | None:
        """Return the mailbox's own answer as the journal keeps it, where there is one."""
        if not isinstance(outcome, Deposited | Pending) or not outcome.evidence:
            return None
        whose = flight.delivery_key if flight.follows is None else posting.KEY + flight.delivery_key
        return self.vault.keep_answer(
            outcome.model_dump_json().encode(), f"{whose}:{flight.lease.n}".encode("ascii")
        )

    def wants_accepted(self, flight: Flight) -> bool:
        """Whether the procedure is told that a notice was taken over and waits."""
        procedures = self.config.tenants[flight.tenant].procedures
        return procedures[flight.procedure].accepted_receipt != "never"


@dataclass(slots=True, kw_only=True)  # filled while the commit is made
class _Commit:
    """One commit D in the making."""

    by: Results
    tx: Transaction
    now: datetime
    history: dict[int, list[Row]]
    waiting: set[int]
    opened: dict[str, str] = field(default_factory=dict)
    finals: list[tuple[str, Event]] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    issued: list[handover.Receipt] = field(default_factory=list)

    def end(self, result: Result) -> None:
        """Take up how an attempt ended."""
        flight, outcome = result.flight, result.ending
        call_ends = on_the_wall(self.by.clock, flight.lease.call_end)
        step = self._step(result, outcome, call_ends)
        ended = self._ended(result, outcome, step, call_ends)
        self.ended.append(ended)
        if step.opens_circuit:
            self.opened.setdefault(flight.mailbox, _code(outcome))
        notice_id = flight.about
        if made := self._receipt(flight, outcome, step):
            self.tx.record(notice_id, made.entry)
            self.issued.append(
                handover.Receipt(
                    notice_id=notice_id,
                    tenant=flight.tenant,
                    procedure=flight.procedure,
                    made=made,
                )
            )
        else:
            self.tx.record(notice_id, _entry(flight, outcome, ended))
        if ended.state.final:
            self.finals.append(
                (flight.facts.message_id, issuing.ending(flight.facts.kind, ended.state))
            )

    def keep_late(self, result: Result) -> bool:
        """Keep what a mailbox said too late, where it says what became; whether it is a case."""
        flight, outcome = result.flight, result.ending
        if not isinstance(outcome, Deposited | Refused) or flight.lease.operation == PREPARE:
            return False
        return late.keep(
            self.tx,
            LateAnswer(
                notice_id=flight.lease.notice_id,
                attempt_id=flight.lease.attempt_id,
                at=self.now,
                outcome=outcome.kind.upper(),
                code=_code(outcome),
                answer=self.by.kept_answer(outcome, flight),
            ),
        )

    def store(self) -> list[Handout]:
        """Write it all; return the files that receipts are to become."""
        steps.finish(self.tx, self.ended)
        for name, code in self.opened.items():
            circuits.open_circuit(self.tx, name, code, self.now)
        return consequence.hand_out(self.tx, self.by.config, self.issued, self.now)

    def _step(self, result: Result, outcome: Ending, call_ends: datetime) -> Step:
        flight = result.flight
        if result.unreadable:
            return Step(state=State.HELD)
        return transition.after_attempt(
            flight.state,
            flight.lease.operation,
            outcome,
            failures=flight.failures,
            now=self.now,
            jitter=random.random(),  # noqa: S311  # spreads retries, guards nothing
            policy=flight.policy,
            call_ends=call_ends,
        )

    def _ended(self, result: Result, outcome: Ending, step: Step, call_ends: datetime) -> Ended:
        flight = result.flight
        why = circuits.HELD_BY_PAYLOAD if result.unreadable else circuits.HELD_BY_MAILBOX
        said: MailboxReason | None = getattr(outcome, "reason", None)
        unknown = isinstance(outcome, Unknown)
        ended = Ended(
            lease=flight.lease,
            at=self.now,
            outcome=outcome.kind.upper(),
            code=said.code if said else None,
            mailbox_code=said.mailbox_code if said else None,
            answer=self.by.kept_answer(outcome, flight),
            reference=getattr(outcome, "reference", None),
            state=step.state,
            state_before=flight.state,
            due_at=step.due_at,
            call_ends=call_ends,
            in_the_air=(self.by.clock.boot_id, flight.lease.call_end) if unknown else None,
            held_reason=why if step.state is State.HELD else None,
            crashed=result.crashed,
            only_asked=result.only_asked and not step.state.final,
        )
        if not result.crashed or flight.crashes < recovery.CRASHES:
            return ended
        logger().error("held by crashes", message_id=flight.facts.message_id)
        return replace(  # it goes back to the doubt that this call left, when a person frees it
            ended,
            state=State.HELD,
            state_before=step.state,
            due_at=None,
            held_reason=circuits.HELD_BY_CRASHES,
        )

    def _receipt(self, flight: Flight, outcome: Ending, step: Step) -> Issued | None:
        # A receipt's attempts are those at the mailbox: none of the post.
        tries = self._tries(flight, outcome) if flight.follows is None else []
        issuer, facts = self.by.issuer, flight.facts
        if isinstance(outcome, Deposited):
            return issuer.of_notice(
                Event.DEPOSITED, facts, self.now, attempts=tries, deposited=outcome
            )
        if step.state is State.FAILED:
            return issuer.of_notice(
                Event.FAILED, facts, self.now, attempts=tries, reason=_refused(outcome)
            )
        waits = flight.follows is None and flight.lease.notice_id in self.waiting
        if waits and self.by.wants_accepted(flight):
            return issuer.of_notice(
                Event.ACCEPTED,
                facts,
                self.now,
                attempts=tries,
                reason=reasons.reason("NOT_CONFIRMED"),
            )
        return None

    def _tries(self, flight: Flight, outcome: Ending) -> list[receipt.Attempt]:
        rows = self.history.get(flight.lease.notice_id, [])
        before = [row for row in rows if row.id != flight.lease.attempt_id]
        last = receipt.Attempt(at=flight.lease.started_at, code=_code(outcome))
        return [*tries_of(before), last]


def _code(outcome: Ending) -> str:
    said: MailboxReason | None = getattr(outcome, "reason", None)
    return said.code if said else outcome.kind.upper()


def _refused(outcome: Ending) -> receipt.Reason:
    said: MailboxReason | None = getattr(outcome, "reason", None)
    code = said.code if said and said.code in REFUSALS else "OTHER"
    return reasons.reason(code, REFUSALS[code], said.mailbox_code if said else None)


def _entry(flight: Flight, outcome: Ending, ended: Ended) -> evidence.Entry:
    return evidence.Entry(
        kind="attempt.ended",
        at=ended.at,
        subject={
            "message_id": flight.facts.message_id,
            "attempt": flight.lease.n,
            "outcome": outcome.kind.upper(),
            "code": _code(outcome),
            "state": ended.state.value,
        },
    )
