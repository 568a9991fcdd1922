"""Cases: notices that end only if a person does something.

    in-doubt     nothing will send it again or ask by itself
    held         for itself: crashes, a payload that does not open, a letter that must not go yet;
                 or for a mailbox, or a relay to the post, that is gone
    unresolved   its deadline came in doubt; the procedure waits for a decision
    late         a mailbox said something else than what the notice ended as

A notice held for a mailbox that is configured is no case: that mailbox is to be mended, and then
all of them go on (`hub doctor`). What came back and belongs to nobody is one, by `items`.
The state of an application in doubt is none either: its deadline ends it, or a later one is shown.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from hub.journal import attempts, posting, questions, returning
from hub.journal.aside import HELD_BY_DAMAGE
from hub.journal.circuits import (
    HELD_BY_CAPABILITIES,
    HELD_BY_MAILBOX,
    HELD_BY_PAYLOAD,
    HELD_BY_RESTORE,
)
from hub.journal.tables import Row, attempt, late, notice
from hub.model import Kind, State
from hub.transition import operation

IN_DOUBT, HELD, UNRESOLVED, LATE = "in-doubt", "held", "unresolved", "late"
RESTORE = (
    "hub doctor names the columns: put back what stood there (backup), then: hub release"
    " MESSAGE_ID; or hub settle"
)
LOOK = "look into the mailbox, then: hub settle MESSAGE_ID --as deposited|failed --reason ..."
MEND = "mend the cause (log, hub doctor), then: hub release MESSAGE_ID; or hub settle"
RECEIPT = "see that receipt in out/, then: hub settle MESSAGE_ID --as failed --reason ..."
PUT_BACK = "put the mailbox back into hub.toml, then: hub retry MESSAGE_ID; or hub settle"
GONE = "put the mailbox back into hub.toml; or hub settle MESSAGE_ID --as failed --reason ..."
POST = {
    posting.HELD_BY_LATE: (
        "it is not posted, since its mailbox seems to have it after all",
        f"{LOOK}; settled as failed it is posted",
    ),
    posting.HELD_BY_ADDRESS: (
        "it failed, and has no postal address",
        "deliver it otherwise, then: hub settle MESSAGE_ID --as failed --reason ...",
    ),
    posting.HELD_BY_RELAY: (
        "what its tenant names in `postal` is no relay to the post",
        "name a relay in hub.toml, start the hub again, then: hub release MESSAGE_ID",
    ),
}
OLD = datetime.min.replace(tzinfo=UTC)
BY_MAILBOX = (HELD_BY_MAILBOX, HELD_BY_CAPABILITIES)
_open = sa.text("open = 1")  # literally, or SQLite does not use the partial indexes
_no_status = notice.c.kind != Kind.STATUS.value
_unsettled = sa.text("state = 'UNRESOLVED' AND settled_at IS NULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A notice that waits for a person: of which kind, since when, why, and what to do.

    since: None where the time in its row is damaged
    """

    row: Row
    kind: str
    since: datetime | None
    why: str
    fix: str


def cases(connection: sa.Connection, configured: Collection[str]) -> list[Case]:
    """Return all cases, the oldest first; a notice may be more than one.

    configured: the mailboxes of hub.toml
    """
    found = [
        *_doubtful(connection, configured),
        *_held(connection, configured),
        *_stranded(connection, configured),
        *_unresolved(connection),
        *_late(connection),
    ]
    return sorted(found, key=lambda case: (case.since or OLD, case.row.id))


TROUBLES = {
    returning.UNKNOWN: "it belongs to no notice of this mailbox",
    returning.AMBIGUOUS: "it may belong to more than one notice",
    returning.CHANGED: "the mailbox offered it again with other content",
    "REPLY_MISSING": "it is a reply without content, of a plugin for contract 1.0",
    "NOT_DEPOSITED": "it tells the retrieval of a notice that is not deposited",
    "LATE_FAILURE": "the mailbox takes back what it had confirmed",
    "ITEM_DEADLY": "the mailbox's process died at it three times: it is not fetched",
    "NOTICE_DAMAGED": "it belongs to a notice whose rows in the journal were changed",
    "NOT_POSTED": "the print service tells of a letter that was never handed to it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCase:
    """Something that came back, and that no procedure gets before a person has seen to it.

    number: by which `hub close` names it; tenant, message_id: of its notice, where it has one
    since: None where the time in its row is damaged
    """

    number: int
    kind: str
    mailbox: str
    since: datetime | None
    why: str
    fix: str
    tenant: str | None
    message_id: str | None


def items(connection: sa.Connection) -> list[ItemCase]:
    """Return what came back and waits for a person, the oldest first."""
    found = returning.troubles(connection)
    notices = attempts.rows(connection, {row.notice_id for row in found if row.notice_id})
    return [
        ItemCase(
            number=row.id,
            kind=row.kind,
            mailbox=row.mailbox,
            since=row.stored_at,
            why=TROUBLES.get(row.trouble, row.trouble),
            fix=f"look into the mailbox, see to it, then: hub close {row.id}",
            tenant=of.tenant if of else None,
            message_id=of.message_id if of else None,
        )
        for row in found
        for of in [notices.get(row.notice_id)]
    ]


def _doubtful(connection: sa.Connection, configured: Collection[str]) -> Iterator[Case]:
    policies, denied = {}, _denied(connection)
    for row in connection.execute(
        sa.select(notice).where(
            _open, _no_status, notice.c.state.in_([State.PENDING, State.IN_DOUBT])
        )
    ):
        if row.mailbox not in policies:
            policies[row.mailbox] = questions.policy(connection, row.mailbox)
        gone = row.mailbox not in configured
        called = operation(State(row.state), policies[row.mailbox])
        if row.lease_owner or (row.due_at and called and not gone and row.id not in denied):
            continue
        if row.id in denied:
            why, fix = "it may be of before the restore, though its mailbox does not find it", LOOK
        elif gone:
            why, fix = f"its mailbox {row.mailbox} is not in hub.toml any more", PUT_BACK
        elif called:
            why = "nothing asks for it by itself, since its mailbox was away or could not be asked"
            fix = "hub retry MESSAGE_ID"
        else:
            why = "its mailbox can neither be asked nor be sent the same again"
            fix = LOOK
        yield Case(row=row, kind=IN_DOUBT, since=row.accepted_at, why=why, fix=fix)


def _denied(connection: sa.Connection) -> set[int]:
    """Return restored notices that their mailbox called ABSENT, which does not end their doubt."""
    return set(
        connection.scalars(
            sa.select(attempt.c.notice_id)
            .join(notice, notice.c.id == attempt.c.notice_id)
            .where(_open, notice.c.restored.is_(True), attempt.c.outcome == "ABSENT")
        )
    )


def _held(connection: sa.Connection, configured: Collection[str]) -> Iterator[Case]:
    for row in connection.execute(sa.select(notice).where(_open, notice.c.state == State.HELD)):
        gone = row.mailbox not in configured
        if row.held_reason in BY_MAILBOX and not gone:
            continue
        if row.held_reason in BY_MAILBOX:
            why, fix = f"its mailbox {row.mailbox} is not in hub.toml any more", GONE
        elif row.held_reason in POST:
            why, fix = POST[row.held_reason]
        elif row.held_reason == HELD_BY_RESTORE:
            why, fix = "a receipt from before the restore says how it ended", RECEIPT
        elif row.held_reason == HELD_BY_PAYLOAD:
            why, fix = "what is stored of it does not open", MEND
        elif row.held_reason == HELD_BY_DAMAGE:
            why, fix = "its rows in the journal are damaged", RESTORE
        else:
            why, fix = "the hub or its mailbox died at it again and again", MEND
        yield Case(row=row, kind=HELD, since=row.held_at, why=why, fix=fix)


def _stranded(connection: sa.Connection, configured: Collection[str]) -> Iterator[Case]:
    """Give post jobs whose relay is gone: no deadline would ever end them."""
    for row in connection.execute(
        sa.select(notice).where(
            _open, notice.c.follows.is_not(None), notice.c.state.in_([State.SEALED, State.DEFERRED])
        )
    ):
        if row.mailbox not in configured:
            why = f"its relay to the post, {row.mailbox}, is not in hub.toml any more"
            yield Case(row=row, kind=HELD, since=row.due_at, why=why, fix=GONE)


def _unresolved(connection: sa.Connection) -> Iterator[Case]:
    for row in connection.execute(sa.select(notice).where(_unsettled, _no_status)):
        why = "its deadline came while nobody could tell whether it is deposited"
        yield Case(row=row, kind=UNRESOLVED, since=row.final_at, why=why, fix=LOOK)


def _late(connection: sa.Connection) -> Iterator[Case]:
    rows = connection.execute(
        sa.select(notice, late.c.at.label("late_at"), late.c.outcome.label("late_outcome"))
        .join(late, late.c.notice_id == notice.c.id)
        .where(late.c.closed_at.is_(None))
    )
    for row in rows:
        why = f"its mailbox said {row.late_outcome} after the attempt was given up"
        yield Case(row=row, kind=LATE, since=row.late_at, why=why, fix=LOOK)
