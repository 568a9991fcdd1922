"""Receipts that amend a final one: in the commit of the item that tells of it.

The first retrieval of a deposited notice: what comes later, or from another device, changes nothing
(section 41 VwVfG speaks of the retrieval). What became of a letter that followed a failed notice.
What contradicts the final receipt is a case instead, see `judging`.
"""

from datetime import datetime

from hub import handover, parcel
from hub.issuing import Issued, Issuer
from hub.journal import Row, Transaction, attempts, payloads, returning
from hub.journal.handouts import Handout
from hub.receipt import MailboxEvidence, Outcome
from postfach_mailbox import Item


def retrieved(
    tx: Transaction, issuer: Issuer, notice_id: int, item: Item, now: datetime
) -> list[Handout]:
    """Issue `retrieved` where there is none yet; return the files it is to become.

    Raises SealUnavailable, StorageFailed.
    """
    if returning.told(tx.connection, notice_id, Outcome.RETRIEVED.value):
        return []
    row = attempts.row(tx.connection, notice_id)
    facts = parcel.facts(row, payloads.load(tx.connection, notice_id))
    made = issuer.retrieved(facts, item.at, _answer(item), now)
    return _hand_out(tx, row, notice_id, made)


def posted(
    tx: Transaction, issuer: Issuer, job_id: int, item: Item, now: datetime
) -> list[Handout]:
    """Issue what became of a letter, where that is not told yet; return the files that it becomes.

    Told of the notice that failed. A letter that was posted may come back: both are told, once.
    Raises SealUnavailable, StorageFailed.
    """
    row = attempts.row(tx.connection, job_id)
    facts = parcel.facts(row, payloads.load(tx.connection, job_id))
    made = issuer.post_result(facts, item, _answer(item), now)
    if returning.told(tx.connection, row.follows, made.outcome.value):
        return []
    return _hand_out(tx, row, row.follows, made)


def _answer(item: Item) -> list[MailboxEvidence]:
    return [
        MailboxEvidence(
            name=one.name, media_type=one.media_type, data=one.data, in_receipt=one.in_receipt
        )
        for one in item.evidence
    ]


def _hand_out(tx: Transaction, row: Row, notice_id: int, made: Issued) -> list[Handout]:
    tx.record(notice_id, made.entry)
    issued = handover.Receipt(
        notice_id=notice_id, tenant=row.tenant, procedure=row.procedure, made=made
    )
    return handover.hand_out(tx, [issued])
