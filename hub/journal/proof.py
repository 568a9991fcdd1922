"""The evidence log and the receipts, read from end to end to be checked."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa

from hub.evidence import HEX, Commit
from hub.journal.tables import chain, entry, receipt

AT_ONCE = 1000  # rows read in one go


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The log as one snapshot shows it, for as long as that is open."""

    connection: sa.Connection

    def commits(self) -> Iterator[Commit]:
        """Give the commits of the evidence log by their numbers, each with its entries.

        Raises ValueError where a row cannot be read.
        """
        rows = self.connection.execute(
            sa.select(chain.c.seq, chain.c.at, chain.c.value, entry.c.body, entry.c.digest)
            .outerjoin(entry, entry.c.seq == chain.c.seq)
            .order_by(chain.c.seq, entry.c.id)
            .execution_options(yield_per=AT_ONCE)
        )
        for (number, at, link), group in groupby(
            rows, key=lambda row: (row.seq, row.at, row.value)
        ):
            if at is None:
                raise ValueError(f"the time of commit {number} is none")
            kept = tuple((row.body, row.digest) for row in group if row.digest is not None)
            yield Commit(number=number, at=at, entries=kept, link=link)

    def outside(self) -> int:
        """Return how many entries belong to no commit of the log."""
        wanted = sa.select(sa.func.count()).select_from(entry)
        of_none = entry.c.seq.not_in(sa.select(chain.c.seq))
        return int(self.connection.scalar(wanted.where(of_none)) or 0)

    def receipts(self, ids: Collection[str]) -> dict[str, bytes]:
        """Return the bytes of receipts, by their own ids."""
        wanted = sa.select(receipt.c.receipt_id, receipt.c.bytes).where(
            receipt.c.receipt_id.in_(ids)
        )
        return {row.receipt_id: row.bytes for row in self.connection.execute(wanted)}

    def receipt_ids(self) -> Iterator[str]:
        """Give the ids of all receipts, the oldest first."""
        wanted = sa.select(receipt.c.receipt_id).order_by(receipt.c.id)
        yield from self.connection.scalars(wanted.execution_options(yield_per=AT_ONCE))

    def count_receipts(self) -> int:
        """Return how many receipts there are."""
        return int(self.connection.scalar(sa.select(sa.func.count()).select_from(receipt)) or 0)


def goes_on(connection: sa.Connection) -> bool:
    """Whether the log's last link is one, so that the next can be chained to it."""
    last = connection.execute(
        sa.select(chain.c.value).order_by(chain.c.seq.desc()).limit(1)
    ).first()
    return last is None or (isinstance(last.value, str) and bool(HEX.fullmatch(last.value)))
