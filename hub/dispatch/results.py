"""Commit D: outcomes of attempts, the steps they make, and the receipts that say so.

A result is written only where the lease is still ours. What a receipt says is what the mailbox
confirmed; texts of plugins stay out of receipts, since they could hold what has no place there.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub import evidence, issuing, receipt, transition
from hub.clock import Clock
from hub.config import Config
from hub.issuing import Facts, Issued, Issuer
from hub.journal import Journal, Row, Transaction, attempts, circuits, handouts, steps
from hub.journal.attempts import Lease
from hub.journal.handouts import Handout
from hub.journal.steps import Ended
from hub.model import State
from hub.receipt import Outcome as Event
from hub.transition import Policy, Step
from hub.vault import Vault
from postfach_mailbox import Absent, Deposited, Outcome, Pending
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


Ending = Outcome | Absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A call that is out: what it is about, and what its receipts will say."""

    mailbox: str
    lease: Lease
    state: State
    failures: int
    tenant: str
    procedure: str
    delivery_key: str
    facts: Facts
    policy: Policy
    suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a flight ended."""

    flight: Flight
    outcome: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What commit D made: files to write, circuits that open, finals to announce."""

    handouts: tuple[Handout, ...]
    opened: tuple[str, ...]
    finals: tuple[tuple[str, State], ...]
    stale: int


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
        now = self.clock.now()
        opened: dict[str, str] = {}
        finals = []
        with self.journal.write() as tx:
            leases = [one.flight.lease for one in results]
            ours = attempts.holding(tx.connection, self.worker, leases)
            live = [one for one in results if one.flight.lease.notice_id in ours]
            history = attempts.history(tx.connection, ours)
            waiting = ours - handouts.receipted(tx.connection, ours)
            ended, issued = [], []
            for one in live:
                flight, step = one.flight, self._step(one)
                ended.append(self._ended(one, step, now))
                if step.opens_circuit:
                    opened.setdefault(flight.mailbox, _code(one.outcome))
                tries = _tries(history.get(flight.lease.notice_id, []), one)
                made = self._receipt(one, step, tries, flight.lease.notice_id in waiting, now)
                if made is not None:
                    issued.append((flight, made))
                tx.record(
                    flight.lease.notice_id, _entry(one, step, now) if made is None else made.entry
                )
                if step.state.final:
                    finals.append((flight.facts.message_id, step.state))
            steps.finish(tx, ended)
            files = hand_out(tx, issued)
            for name, code in opened.items():
                circuits.open_circuit(tx, name, code, now)
        return Written(
            handouts=tuple(files),
            opened=tuple(opened),
            finals=tuple(finals),
            stale=len(results) - len(live),
        )

    def _step(self, result: Result) -> Step:
        flight = result.flight
        return transition.after_attempt(
            flight.state,
            flight.lease.operation,
            result.outcome,
            failures=flight.failures,
            now=self.clock.now(),
            jitter=random.random(),  # noqa: S311  # spreads retries, guards nothing
            policy=flight.policy,
        )

    def _ended(self, result: Result, step: Step, now: datetime) -> Ended:
        flight, outcome = result.flight, result.outcome
        said = getattr(outcome, "reason", None)
        answer = None
        if isinstance(outcome, Deposited | Pending) and outcome.evidence:
            answer = self.vault.keep_answer(
                outcome.model_dump_json().encode(),
                f"{flight.delivery_key}:{flight.lease.n}".encode("ascii"),
            )
        return Ended(
            lease=flight.lease,
            at=now,
            outcome=outcome.kind.upper(),
            code=said.code if said else None,
            mailbox_code=said.mailbox_code if said else None,
            answer=answer,
            reference=getattr(outcome, "reference", None),
            state=step.state,
            state_before=flight.state,
            due_at=step.due_at,
            held_reason=circuits.HELD_BY_MAILBOX if step.state is State.HELD else None,
        )

    def _receipt(
        self,
        result: Result,
        step: Step,
        tries: Sequence[receipt.Attempt],
        without: bool,
        now: datetime,
    ) -> Issued | None:
        flight, outcome = result.flight, result.outcome
        if isinstance(outcome, Deposited):
            return self.issuer.of_notice(
                Event.DEPOSITED, flight.facts, now, attempts=tries, deposited=outcome
            )
        if step.state is State.FAILED:
            return self.issuer.of_notice(
                Event.FAILED, flight.facts, now, attempts=tries, reason=_refused(outcome)
            )
        wish = self.config.tenants[flight.tenant].procedures[flight.procedure].accepted_receipt
        if without and wish != "never":
            return self.issuer.of_notice(
                Event.ACCEPTED,
                flight.facts,
                now,
                attempts=tries,
                reason=issuing.reason("NOT_CONFIRMED"),
            )
        return None


def hand_out(tx: Transaction, issued: Iterable[tuple[Flight, Issued]]) -> list[Handout]:
    """Store receipts of notices; each goes to every stem that the notice was dropped under."""
    issued = list(issued)
    stems = handouts.stems_of(tx.connection, [flight.lease.notice_id for flight, _ in issued])
    return handouts.issue(
        tx,
        [
            handouts.Issue(
                receipt_id=made.receipt_id,
                outcome=made.outcome.value,
                suffix=made.outcome.suffix,
                final=made.outcome.final,
                data=made.data,
                issued_at=made.issued_at,
                tenant=flight.tenant,
                procedure=flight.procedure,
                stems=tuple(stems[flight.lease.notice_id][2]),
                notice_id=flight.lease.notice_id,
            )
            for flight, made in issued
        ],
    )


def tries_of(rows: Iterable[Row]) -> list[receipt.Attempt]:
    """Return the attempts of a notice as its receipts name them."""
    return [
        receipt.Attempt(at=row.started_at, code=row.code or row.outcome or "UNKNOWN")
        for row in rows
    ]


def _tries(rows: Iterable[Row], result: Result) -> list[receipt.Attempt]:
    before = [row for row in rows if row.id != result.flight.lease.attempt_id]
    last = receipt.Attempt(at=result.flight.lease.started_at, code=_code(result.outcome))
    return [*tries_of(before), last]


def _code(outcome: Ending) -> str:
    said: MailboxReason | None = getattr(outcome, "reason", None)
    return said.code if said else outcome.kind.upper()


def _refused(outcome: Ending) -> receipt.Reason:
    said: MailboxReason | None = getattr(outcome, "reason", None)
    code = said.code if said and said.code in REFUSALS else "OTHER"
    return issuing.reason(code, REFUSALS[code], said.mailbox_code if said else None)


def _entry(result: Result, step: Step, now: datetime) -> evidence.Entry:
    flight = result.flight
    return evidence.Entry(
        kind="attempt.ended",
        at=now,
        subject={
            "message_id": flight.facts.message_id,
            "attempt": flight.lease.n,
            "outcome": result.outcome.kind.upper(),
            "code": _code(result.outcome),
            "state": step.state.value,
        },
    )
