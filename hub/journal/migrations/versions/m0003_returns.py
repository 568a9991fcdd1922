"""What comes back through mailboxes: items, the files that replies become, how far each is asked.

A released migration is never edited; the tables as they are now stand in `hub.journal.tables`.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE returned (
  id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox VARCHAR NOT NULL, item VARCHAR NOT NULL,
  kind VARCHAR NOT NULL, at VARCHAR(27) NOT NULL, stored_at VARCHAR(27) NOT NULL,
  digest VARCHAR NOT NULL, notice_id INTEGER REFERENCES notice (id), message_id VARCHAR,
  trouble VARCHAR, closed_at VARCHAR(27), evidence BLOB NOT NULL, key_wrapped BLOB, content BLOB,
  acknowledged_at VARCHAR(27), erased_at VARCHAR(27), UNIQUE (mailbox, item));

CREATE TABLE returned_file (
  id INTEGER PRIMARY KEY AUTOINCREMENT, returned INTEGER NOT NULL REFERENCES returned (id),
  n INTEGER NOT NULL, tenant VARCHAR, "procedure" VARCHAR, stem VARCHAR, nn INTEGER,
  suffix VARCHAR NOT NULL, size INTEGER NOT NULL, sha256 VARCHAR NOT NULL,
  bytes BLOB, segment VARCHAR, "offset" INTEGER, length INTEGER,
  written_at VARCHAR(27), confirmed_at VARCHAR(27), UNIQUE (returned, n),
  UNIQUE (tenant, "procedure", stem, nn, suffix));

CREATE TABLE return_channel (
  mailbox VARCHAR PRIMARY KEY, cursor VARCHAR, collected_at VARCHAR(27),
  failed_at VARCHAR(27), failures INTEGER NOT NULL DEFAULT 0);

CREATE INDEX returned_trouble ON returned (stored_at)
  WHERE trouble IS NOT NULL AND closed_at IS NULL;
CREATE INDEX returned_unacknowledged ON returned (mailbox, id) WHERE acknowledged_at IS NULL;
CREATE INDEX returned_kept ON returned (stored_at) WHERE erased_at IS NULL;
CREATE INDEX returned_file_unwritten ON returned_file (id)
  WHERE written_at IS NULL AND tenant IS NOT NULL;
CREATE INDEX returned_file_segment ON returned_file (segment) WHERE segment IS NOT NULL;
CREATE INDEX attempt_reference ON attempt (reference) WHERE reference IS NOT NULL
"""

ONCE = {
    "returned_is_final": """BEFORE UPDATE OF mailbox, item, kind, at, stored_at, digest, evidence
        ON returned""",
    "returned_stays": "BEFORE DELETE ON returned",
}


def upgrade() -> None:
    """Add the tables, indexes and write-once triggers."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    for name, event in ONCE.items():
        op.execute(f"CREATE TRIGGER {name} {event} BEGIN SELECT RAISE(ABORT, '{name}'); END")
