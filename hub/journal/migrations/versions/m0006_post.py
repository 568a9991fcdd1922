"""The post, where no mailbox took a notice: a row of `notice` that follows the failed one.

A released migration is never edited; the tables as they are now stand in `hub.journal.tables`.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a notice is posted once, and each receipt of that is written once."""
    op.execute("ALTER TABLE notice ADD COLUMN follows INTEGER REFERENCES notice (id)")
    op.execute(
        "CREATE UNIQUE INDEX notice_followed_once ON notice (follows) WHERE follows IS NOT NULL"
    )
    op.execute(
        "CREATE UNIQUE INDEX receipt_of_post_once ON receipt (notice_id, outcome)"
        " WHERE outcome IN ('POSTED', 'POSTED_ON', 'UNDELIVERABLE')"
    )
