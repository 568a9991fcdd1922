"""Which notice a person means by a MessageID, and what of it is being worked."""

from typing import TYPE_CHECKING

import click

from hub.errors import DataInvalid, UsageError

if TYPE_CHECKING:
    from hub.journal import Row, Transaction

of_tenant = click.option(
    "--tenant", help="Whose notice, where several tenants have one of this id."
)


def named(tx: "Transaction", message_id: str, tenant: str | None) -> "Row":
    """Return the notice that is meant. Raises DataInvalid, UsageError."""
    from hub.journal import questions

    found = questions.by_message_id(tx.connection, message_id)
    if tenant is not None:
        found = [row for row in found if row.tenant == tenant]
    if len(found) > 1:
        tenants = ", ".join(row.tenant for row in found)
        raise UsageError(
            f"several tenants have a notice of this id: {tenants}",
            where=message_id,
            fix="Say whose you mean: --tenant",
        )
    if not found:
        raise DataInvalid(
            f"tenant {tenant} has no such notice", where=message_id, fix="See: hub status"
        )
    return found[0]


def in_work(tx: "Transaction", row: "Row") -> "Row":
    """Return the post job of a notice that failed, while it is open; else the notice."""
    from hub.journal import posting

    job = posting.of(tx.connection, row.id)
    return job if job is not None and job.open else row
