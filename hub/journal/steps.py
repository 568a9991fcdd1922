"""How attempts end, and the step that each makes for its notice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.journal import Transaction, late
from hub.journal.attempts import Lease
from hub.journal.tables import attempt, notice
from hub.model import State

# Made once: a batch of outcomes is one statement with many rows.
_END = (
    sa.update(attempt)
    .where(attempt.c.id == sa.bindparam("of"))
    .values(
        ended_at=sa.bindparam("ended"),
        outcome=sa.bindparam("how"),
        code=sa.bindparam("why"),
        mailbox_code=sa.bindparam("theirs"),
        answer=sa.bindparam("said"),
        ends_at=sa.bindparam("over"),
        reference=sa.func.coalesce(sa.bindparam("named"), attempt.c.reference),
    )
)
_STEP = (
    sa.update(notice)
    .where(notice.c.id == sa.bindparam("of"))
    .values(
        state=sa.bindparam("to_state"),
        open=sa.bindparam("stays_open"),
        due_at=sa.bindparam("due"),
        final_at=sa.bindparam("ends"),
        held_from=sa.bindparam("from_state"),
        held_at=sa.bindparam("held"),
        held_reason=sa.bindparam("why"),
        failures=notice.c.failures + sa.bindparam("failed"),
        suspect=sa.bindparam("suspected"),
        crashes=notice.c.crashes * sa.bindparam("counts") - sa.bindparam("uncounted"),
        lease_owner=None,
        lease_end=sa.bindparam("asked_from"),
        lease_boot=sa.bindparam("in_boot"),
        fence=notice.c.fence + 1,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attempt ended, and the step that makes for its notice.

    call_ends: when its call's deadline is over, as the wall clock is set now
    in_the_air: boot, and until when in it its call may still arrive, where nobody knows
    crashed: the mailbox's process died during it; the notice is worked alone from now on
    only_asked: the mailbox answered a question about a suspect: what it died of is still to come
    """

    lease: Lease
    at: datetime
    outcome: str
    code: str | None
    mailbox_code: str | None
    answer: bytes | None
    reference: str | None
    state: State
    state_before: State
    due_at: datetime | None
    call_ends: datetime
    in_the_air: tuple[str, float] | None = None
    held_reason: str | None = None
    crashed: bool = False
    only_asked: bool = False


def finish(tx: Transaction, ended: Sequence[Ended]) -> None:
    """Write outcomes and the steps they make; call it only for notices that `holding` named."""
    if not ended:
        return
    tx.connection.execute(
        _END,
        [
            {
                "of": one.lease.attempt_id,
                "ended": one.at,
                "how": one.outcome,
                "why": one.code,
                "theirs": one.mailbox_code,
                "said": one.answer,
                "over": one.call_ends,
                "named": one.reference,
            }
            for one in ended
        ],
    )
    tx.connection.execute(
        _STEP,
        [
            _step(
                one.lease.notice_id,
                one.state,
                one.due_at,
                one.at,
                held_from=one.state_before,
                held_reason=one.held_reason,
                in_the_air=one.in_the_air,
            )
            | {"failed": int(not one.state.final)}
            | _suspicion(crashed=one.crashed, only_asked=one.only_asked)
            for one in ended
        ],
    )
    for state in {one.state for one in ended if one.state.final}:
        ids = [one.lease.notice_id for one in ended if one.state is state]
        late.confirm(tx, ids, state, ended[0].at)


def step(
    tx: Transaction,
    notice_id: int,
    state: State,
    due_at: datetime | None,
    now: datetime,
    *,
    held_from: State | None = None,
    held_reason: str | None = None,
    in_the_air: tuple[str, float] | None = None,
    crashed: bool = False,
) -> None:
    """Move a notice to a state and end its lease; the caller holds it by fence or in recovery.

    in_the_air: as in `Ended`; crashed: it goes on being suspected of the crashes that it was in
    """
    values = _step(
        notice_id,
        state,
        due_at,
        now,
        held_from=held_from,
        held_reason=held_reason,
        in_the_air=in_the_air,
    )
    tx.connection.execute(_STEP, [values | {"failed": 0} | _suspicion(crashed=crashed)])
    if state.final:
        late.confirm(tx, [notice_id], state, now)


def _suspicion(*, crashed: bool, only_asked: bool = False) -> dict[str, object]:
    """Return what is kept of crashes: all of it where there was one more, else nothing.

    An answer to a question takes back what was counted for asking, and no more.
    """
    kept = crashed or only_asked
    return {"suspected": kept, "counts": int(kept), "uncounted": int(only_asked)}


def _step(
    notice_id: int,
    state: State,
    due_at: datetime | None,
    now: datetime,
    *,
    held_from: State | None,
    held_reason: str | None,
    in_the_air: tuple[str, float] | None,
) -> dict[str, object]:
    held = state is State.HELD
    boot_id, until = in_the_air or (None, None)
    return {
        "of": notice_id,
        "to_state": state.value,
        "stays_open": not state.final,
        "due": due_at,
        "ends": now if state.final else None,
        "from_state": held_from.value if held and held_from else None,
        "held": now if held else None,
        "why": held_reason if held else None,
        "in_boot": boot_id,
        "asked_from": until,
    }
