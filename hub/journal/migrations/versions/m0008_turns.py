"""Whose turn it is at a mailbox: the index by which one tenant's notices are found among many.

A released migration is never edited; the tables as they are now stand in `hub.journal.tables`.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index: what goes for the first time, and what was tried before, apart."""
    op.execute(
        "CREATE INDEX notice_turn ON notice (mailbox, tenant, (state = 'SEALED'), due_at)"
        " WHERE open = 1"
    )
