"""The first retrieval of a deposited notice: one receipt, in the commit of the item that tells it.

What comes later, or from another device, changes nothing: the first one counts (section 41 VwVfG
speaks of the retrieval). One of a notice that no mailbox has confirmed is a case, see `storing`.
"""

from datetime import datetime

from hub import handover, parcel
from hub.issuing import Issuer
from hub.journal import Transaction, attempts, payloads, returning
from hub.journal.handouts import Handout
from hub.receipt import MailboxEvidence
from postfach_mailbox import Item


def confirm(
    tx: Transaction, issuer: Issuer, notice_id: int, item: Item, now: datetime
) -> list[Handout]:
    """Issue `retrieved` where there is none yet; return the files it is to become.

    Raises SealUnavailable, StorageFailed.
    """
    if returning.retrieved(tx.connection, notice_id):
        return []
    row = attempts.row(tx.connection, notice_id)
    facts = parcel.facts(row, payloads.load(tx.connection, notice_id))
    answer = [
        MailboxEvidence(
            name=one.name, media_type=one.media_type, data=one.data, in_receipt=one.in_receipt
        )
        for one in item.evidence
    ]
    made = issuer.retrieved(facts, item.at, answer, now)
    tx.record(notice_id, made.entry)
    issued = handover.Receipt(
        notice_id=notice_id, tenant=row.tenant, procedure=row.procedure, made=made
    )
    return handover.hand_out(tx, [issued])
