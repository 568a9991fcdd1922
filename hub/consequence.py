"""What follows `failed`: the post, for a tenant that names a relay to it.

The job is made by the commit that makes the notice FAILED, so there is one for each, and none for
anything else: what is UNRESOLVED or HELD may be in the mailbox, and is never posted by itself.
"""

from collections.abc import Sequence
from datetime import datetime

from hub import handover
from hub.config import Config
from hub.journal import Transaction, attempts, posting
from hub.journal.handouts import Handout
from hub.receipt import Outcome


def hand_out(
    tx: Transaction, config: Config, receipts: Sequence[handover.Receipt], now: datetime
) -> list[Handout]:
    """Store receipts of notices, and order what follows; return the files that they become.

    Call it after the steps that the receipts tell of.
    """
    order(
        tx, config, [one.notice_id for one in receipts if one.made.outcome is Outcome.FAILED], now
    )
    return handover.hand_out(tx, receipts)


def order(tx: Transaction, config: Config, failed: Sequence[int], now: datetime) -> None:
    """Order what follows of notices that have just failed."""
    for row in attempts.rows(tx.connection, failed).values() if failed else ():
        relay = config.tenants[row.tenant].postal
        if relay is None or not _alike(config, row.mailbox, relay):
            continue
        posting.order(tx, row.id, relay, now)
        tx.note(row.id, "post.ordered", now, message_id=row.message_id, mailbox=relay)


def _alike(config: Config, mailbox: str, relay: str) -> bool:
    """Whether both are for trying out, or both are not: no test notice is ever posted for real."""
    named = config.mailboxes.get(mailbox)
    return named is not None and named.sandbox == config.mailboxes[relay].sandbox
