"""A notice is retrieved for the first time once.

A released migration is never edited; the tables as they are now stand in `hub.journal.tables`.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the constraint."""
    op.execute(
        "CREATE UNIQUE INDEX receipt_retrieved_once ON receipt (notice_id)"
        " WHERE outcome = 'RETRIEVED'"
    )
