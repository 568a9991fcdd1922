"""A journal that was put back from a copy: when, of which moment, and what was found since.

A released migration is never edited; the tables as they are now stand in `hub.journal.tables` and
`hub.journal.restoring`.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE notice ADD COLUMN restored BOOLEAN NOT NULL DEFAULT 0;

CREATE TABLE restoration (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at VARCHAR(27) NOT NULL, backup_at VARCHAR(27) NOT NULL,
  lost_until VARCHAR(27) NOT NULL, log_id VARCHAR NOT NULL, head VARCHAR NOT NULL,
  user INTEGER NOT NULL);

CREATE TABLE found (
  id INTEGER PRIMARY KEY AUTOINCREMENT, tenant VARCHAR NOT NULL, procedure VARCHAR NOT NULL,
  file VARCHAR NOT NULL, receipt_id VARCHAR NOT NULL, message_key VARCHAR, outcome VARCHAR NOT NULL,
  issued_at VARCHAR(27) NOT NULL);

CREATE INDEX found_of ON found (tenant, message_key)
"""
STAYS = ("restoration", "found")


def upgrade() -> None:
    """Add the column and the tables; what was restored once stays told."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    for table in STAYS:
        for name, event in (("stays", "DELETE"), ("is_final", "UPDATE")):
            op.execute(
                f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table}_{name}'); END"
            )
