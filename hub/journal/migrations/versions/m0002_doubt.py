"""What people decide, late answers, pauses, prepared bytes, and how long a call may be out.

A released migration is never edited; the tables as they are now stand in `hub.journal.tables`.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE notice ADD COLUMN settled_at VARCHAR(27);
ALTER TABLE notice ADD COLUMN settled_as VARCHAR
  CHECK (settled_as IS NULL OR state = 'UNRESOLVED');
ALTER TABLE attempt ADD COLUMN ends_at VARCHAR(27);
ALTER TABLE payload ADD COLUMN made_by VARCHAR;

CREATE TABLE late (
  id INTEGER PRIMARY KEY AUTOINCREMENT, notice_id INTEGER NOT NULL REFERENCES notice (id),
  attempt_id INTEGER NOT NULL REFERENCES attempt (id), at VARCHAR(27) NOT NULL,
  outcome VARCHAR NOT NULL, code VARCHAR, answer BLOB, closed_at VARCHAR(27));

CREATE TABLE pause (
  kind VARCHAR NOT NULL, name VARCHAR NOT NULL, since VARCHAR(27) NOT NULL,
  PRIMARY KEY (kind, name), CHECK (kind IN ('tenant', 'mailbox')));

CREATE TABLE observer (
  name VARCHAR PRIMARY KEY, cursor INTEGER NOT NULL, worker VARCHAR);

CREATE INDEX late_open ON late (notice_id) WHERE closed_at IS NULL;
CREATE INDEX notice_unsettled ON notice (final_at)
  WHERE state = 'UNRESOLVED' AND settled_at IS NULL
"""

ONCE = {
    "notice_is_settled_once": """BEFORE UPDATE OF settled_at, settled_as ON notice
        WHEN OLD.settled_at IS NOT NULL
        AND (NEW.settled_at IS NOT OLD.settled_at OR NEW.settled_as IS NOT OLD.settled_as)""",
    "late_is_final": """BEFORE UPDATE OF notice_id, attempt_id, at, outcome, code, answer
        ON late""",
    "late_stays": "BEFORE DELETE ON late",
}


def upgrade() -> None:
    """Add the columns, tables and write-once triggers."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    for name, event in ONCE.items():
        op.execute(f"CREATE TRIGGER {name} {event} BEGIN SELECT RAISE(ABORT, '{name}'); END")
