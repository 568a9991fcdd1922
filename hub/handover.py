"""Receipts of notices: stored with the commit that makes them true, one file for each stem.

A notice's receipts go under every stem that it was dropped by; what a receipt says of attempts is
what went to the mailbox or asked it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub import receipt
from hub.issuing import Issued
from hub.journal import Row, Transaction, handouts
from hub.journal.handouts import Handout
from hub.transition import PREPARE, PREPARED


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A sealed receipt and the notice that it is about."""

    notice_id: int
    tenant: str
    procedure: str
    made: Issued


def hand_out(tx: Transaction, receipts: Sequence[Receipt]) -> list[Handout]:
    """Store receipts of notices; return the files that they are to become."""
    stems = handouts.stems_of(tx.connection, [one.notice_id for one in receipts])
    return handouts.issue(
        tx,
        [
            handouts.Issue(
                receipt_id=one.made.receipt_id,
                outcome=one.made.outcome.value,
                suffix=one.made.outcome.suffix,
                final=one.made.outcome.final,
                data=one.made.data,
                issued_at=one.made.issued_at,
                tenant=one.tenant,
                procedure=one.procedure,
                stems=tuple(stems[one.notice_id][2]),
                notice_id=one.notice_id,
            )
            for one in receipts
        ],
    )


def tries_of(rows: Iterable[Row]) -> list[receipt.Attempt]:
    """Return the attempts of a notice as its receipts name them.

    Making bytes is no try; that it failed, or that the mailbox refused there, is told.
    """
    return [
        receipt.Attempt(at=row.started_at, code=row.code or row.outcome or "UNKNOWN")
        for row in rows
        if row.operation != PREPARE or row.outcome != PREPARED
    ]
