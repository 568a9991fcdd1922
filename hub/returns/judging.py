"""Whether what came back may go on by itself, or a person must look at it first."""

from datetime import datetime

from hub import parcel
from hub.journal import Row, Transaction, attempts, payloads, posting, returning, taking
from hub.model import Kind, State
from postfach_mailbox import Item
from postfach_mailbox.cipher import Damaged

DAMAGED = "NOTICE_DAMAGED"
NO_REPLY, LATE_FAILURE, NOT_POSTED = "REPLY_MISSING", "LATE_FAILURE", "NOT_POSTED"
ASKABLE = ("PENDING", "IN_DOUBT")


def trouble(tx: Transaction, notice_id: int | None, item: Item, now: datetime) -> str | None:
    """Return why a person must look at an item that belongs to a notice; None: no one must."""
    if notice_id is None:
        return returning.UNKNOWN
    row = attempts.row(tx.connection, notice_id)
    try:
        taken = taking.taken(tx.connection, [row])
        parcel.vouch(row, payloads.load(tx.connection, row.id), taken.get(row.id))
    except Damaged:  # no receipt, and no Reply, tells what was changed
        return DAMAGED
    return _of(tx, row, item, now)


def _of(tx: Transaction, row: Row, item: Item, now: datetime) -> str | None:
    """Return why a person must look at an item, by its kind and its notice's state."""
    state = row.state
    match item.kind:
        case "post-result" if row.follows is None:
            return returning.UNKNOWN
        case "post-result":  # true of a letter that may be there, whether or not that is confirmed
            tries = attempts.history(tx.connection, [row.id]).get(row.id, [])
            sent = bool(attempts.deposits(tries)) and state != State.FAILED
            return None if sent else NOT_POSTED
        case _ if row.follows is not None:
            return returning.UNKNOWN
        case "reply" | "retrieval" if row.kind == Kind.STATUS:
            return returning.UNKNOWN  # nobody fetches a state, nor answers it
        case "reply" if item.reply is None:
            return NO_REPLY
        case "retrieval" if state != "DEPOSITED":
            return posting.NOT_DEPOSITED
        case "late-failure" if state in ASKABLE:
            returning.ask_now(tx, row.id, now)
        case "late-failure" if state == "DEPOSITED":
            return LATE_FAILURE
    return None
