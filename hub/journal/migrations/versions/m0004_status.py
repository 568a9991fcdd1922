"""States of applications: rows of `notice` of their own kind.

A released migration is never edited; the tables as they are now stand in `hub.journal.tables`.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = (
    "kind VARCHAR NOT NULL DEFAULT 'notice' CHECK (kind IN ('notice', 'status'))",
    "application_id VARCHAR",
    "status VARCHAR",
    "status_at VARCHAR(27)",
)


def upgrade() -> None:
    """Add the columns, and the index that finds an application's states."""
    for column in COLUMNS:
        op.execute(f"ALTER TABLE notice ADD COLUMN {column}")
    op.execute(
        "CREATE INDEX notice_application ON notice (tenant, mailbox, application_id, id)"
        " WHERE application_id IS NOT NULL"
    )
