"""A person settles a case: the one way in which doubt ends without the mailbox's word.

The hub keeps saying what it knows: an `unresolved` receipt, if there is none yet, and after it one
`settled` receipt that says what a person decided, and that no mailbox confirmed it. The notice's
final state stays UNRESOLVED; what it was settled as is an amendment, written once. Receipts lie in
the journal with the commit; a running hub writes their files.
"""

from dataclasses import dataclass
from datetime import datetime

from hub import evidence, handover, parcel, reasons
from hub.errors import DataInvalid, TryLater
from hub.handover import tries_of
from hub.issuing import Facts, Issuer
from hub.journal import (
    Journal,
    Row,
    Transaction,
    attempts,
    deciding,
    late,
    payloads,
    posting,
    questions,
    soundness,
    taking,
)
from hub.journal.handouts import Handout
from hub.model import Kind, State
from hub.receipt import Outcome, Reason
from postfach_mailbox.cipher import Damaged

SETTLED_FROM = (State.IN_DOUBT, State.PENDING, State.HELD, State.UNRESOLVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided, and on what grounds.

    settled_as: `deposited` or `failed`; reason: one sentence for the receipt, without names
    happened_at: when it was deposited, as far as the person found out
    user: the user id that gave the order
    """

    settled_as: str
    reason: str
    happened_at: datetime | None
    user: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What settling made: files to be written; `late`: answers that are no case any more."""

    files: tuple[Handout, ...]
    late: int


def settle(
    journal: Journal, issuer: Issuer, notice_id: int, decision: Decision, now: datetime
) -> Settled:
    """Settle a notice: one commit.

    One that would be sent again is settled too where an answer to an earlier call came late.
    A final one with an answer that came late is only noted as looked at: it has its final receipt.
    Of a failed one with a post job that is open the job ends, and its procedure is told by a
    `post-result`; but `failed` lets it be posted where a late answer said something else.
    The state of an application is not settled: a later one replaces it.
    Raises DataInvalid for one that needs no decision, TryLater while an attempt is under way,
    SealUnavailable.
    """
    with journal.write() as tx:
        by = _Settling(tx=tx, issuer=issuer, decision=decision, now=now)
        row, job = attempts.row(tx.connection, notice_id), posting.of(tx.connection, notice_id)
        if row.lease_owner:
            raise TryLater(
                "an attempt is under way, or its hub has died and is not looked after yet",
                where=row.message_id,
                fix="Try again when hub status shows its end",
            )
        return _of_job(by, row, job) if job is not None and job.open else _of_notice(by, row)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settling:
    """What the commit of a decision works with."""

    tx: Transaction
    issuer: Issuer
    decision: Decision
    now: datetime


def _of_notice(by: _Settling, row: Row) -> Settled:
    state, waiting = State(row.state), late.still_open(by.tx.connection, row.id)
    settled, shown = row.settled_at is not None, row.kind == Kind.STATUS
    if state.final and waiting and (settled or shown or state is not State.UNRESOLVED):
        late.close(by.tx, row.id, by.now)
        _note(by.tx, row, "answer.closed", by.decision, by.now)
        return Settled(files=(), late=waiting)
    doubtful = state in SETTLED_FROM or (waiting > 0 and not state.final)
    if shown:
        raise DataInvalid(
            "it is the state of an application: nobody decides what was shown",
            where=row.message_id,
            fix="Hand in the state that the application is in now; it replaces this one",
        )
    if settled or not doubtful:
        raise _needless(row, state)
    files = _issue(by, row)
    deciding.settle(by.tx, row, by.decision.settled_as, by.now)
    _note(by.tx, row, "notice.decided", by.decision, by.now)
    return Settled(files=tuple(files), late=waiting)


def _of_job(by: _Settling, row: Row, job: Row) -> Settled:
    """Close the late answers of a failed notice; end its post job, or let it go on."""
    waiting = late.close(by.tx, row.id, by.now)
    contradicted = waiting > 0 or job.held_reason == posting.HELD_BY_LATE
    goes_on = contradicted and by.decision.settled_as == "failed"
    may_be_there = State(job.held_from or job.state).doubtful
    if job.lease_owner or (may_be_there and not goes_on):
        raise TryLater(
            "its letter may be at the print service already",
            where=row.message_id,
            fix="Ask there, and try again when hub status shows that the attempt has ended",
        )
    _note(by.tx, row, "answer.closed" if goes_on else "post.ended", by.decision, by.now)
    if goes_on:
        if job.held_reason is not None:
            policy = questions.policy(by.tx.connection, job.mailbox)
            deciding.release(by.tx, job, policy, by.now)
        return Settled(files=(), late=waiting)
    posting.end(by.tx, job, by.now)
    facts = _vouched(by.tx, job)
    why = reasons.reason("NOT_POSTED")
    made = by.issuer.of_notice(Outcome.FAILED, facts, by.now, reason=why)
    by.tx.record(row.id, made.entry)
    told = handover.Receipt(notice_id=row.id, tenant=row.tenant, procedure=row.procedure, made=made)
    return Settled(files=tuple(handover.hand_out(by.tx, [told])), late=waiting)


def _needless(row: Row, state: State) -> DataInvalid:
    if row.settled_at is not None:
        what, fix = f"it was settled as {row.settled_as} already", "A decision is made once"
    elif state.final:
        what, fix = f"it is {state}, and its receipt says so", "Nothing is to be decided"
    else:
        what, fix = (
            f"it is {state}: nothing is in doubt",
            "Let the hub work it; hub status says how",
        )
    return DataInvalid(what, where=row.message_id, fix=fix)


def _issue(by: _Settling, row: Row) -> list[Handout]:
    tx, issuer, decision, now = by.tx, by.issuer, by.decision, by.now
    facts = _vouched(tx, row)
    tries = tries_of(attempts.history(tx.connection, [row.id]).get(row.id, []))
    made = []
    if row.open:
        unknown = reasons.reason("OUTCOME_UNKNOWN")
        made.append(
            issuer.of_notice(Outcome.UNRESOLVED, facts, now, attempts=tries, reason=unknown)
        )
    made.append(
        issuer.of_notice(
            Outcome.SETTLED,
            facts,
            now,
            attempts=tries,
            reason=_reason(decision),
            settled_as=decision.settled_as,
        )
    )
    for one in made:
        tx.record(row.id, one.entry)
    return handover.hand_out(
        tx,
        [
            handover.Receipt(notice_id=row.id, tenant=row.tenant, procedure=row.procedure, made=one)
            for one in made
        ],
    )


def _vouched(tx: Transaction, row: Row) -> Facts:
    """Return what receipts say of a notice. Raises DataInvalid where that was changed."""
    rows = payloads.load(tx.connection, row.id)
    wrong = soundness.of_notice(tx.connection, row.id)
    try:
        parcel.vouch(row, rows, taking.taken(tx.connection, [row]).get(row.id))
    except Damaged as error:
        wrong = wrong or [str(error)]
    if wrong:
        raise DataInvalid(
            f"its rows in the journal are damaged: {', '.join(wrong)}",
            where=f"notice {row.id}",
            fix="Put back what stood there, from a backup: no receipt may tell what was changed",
        )
    return parcel.facts(row, rows)


def _reason(decision: Decision) -> Reason:
    at = ""
    if decision.happened_at is not None:
        at = f", as of {evidence.stamp(decision.happened_at)}"
    return reasons.reason("DECIDED", f"decided by a person{at}: {decision.reason}")


def _note(tx: Transaction, row: Row, kind: str, decision: Decision, now: datetime) -> None:
    subject: dict[str, str | int] = {
        "message_id": row.message_id,
        "settled_as": decision.settled_as,
        "user": decision.user,
    }
    if decision.happened_at is not None:
        subject["happened_at"] = evidence.stamp(decision.happened_at)
    tx.note(row.id, kind, now, **subject)
