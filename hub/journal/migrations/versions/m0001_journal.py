"""The journal's first form: tables, partial indexes, and what may be written only once.

A released migration is never edited: the tables are spelt out here, not taken from
`hub.journal.tables`, which moves on; a test holds both against each other.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

CREATE TABLE worker (
  id VARCHAR PRIMARY KEY, boot_id VARCHAR NOT NULL, pid INTEGER NOT NULL,
  started_at VARCHAR(27) NOT NULL, ended_at VARCHAR(27));

CREATE TABLE mailbox (
  name VARCHAR PRIMARY KEY, capabilities TEXT, told_at VARCHAR(27),
  circuit_open BOOLEAN NOT NULL, opened_at VARCHAR(27), reason VARCHAR);

CREATE TABLE notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT, tenant VARCHAR NOT NULL, procedure VARCHAR NOT NULL,
  message_id VARCHAR NOT NULL, message_key VARCHAR NOT NULL,
  delivery_key VARCHAR NOT NULL UNIQUE, claim VARCHAR NOT NULL,
  envelope_sha256 VARCHAR NOT NULL, case_reference VARCHAR, mailbox VARCHAR NOT NULL,
  scheme VARCHAR NOT NULL, address VARCHAR NOT NULL, state VARCHAR NOT NULL,
  open BOOLEAN NOT NULL, held_from VARCHAR, held_at VARCHAR(27), held_reason VARCHAR,
  accepted_at VARCHAR(27) NOT NULL, not_before VARCHAR(27), obsolete_after VARCHAR(27),
  due_at VARCHAR(27), deadline VARCHAR(27) NOT NULL, failures INTEGER NOT NULL,
  crashes INTEGER NOT NULL, suspect BOOLEAN NOT NULL, lease_owner VARCHAR, lease_end FLOAT,
  lease_boot VARCHAR, fence INTEGER NOT NULL, key_wrapped BLOB, final_at VARCHAR(27),
  erased_at VARCHAR(27),
  UNIQUE (tenant, message_key),
  CONSTRAINT open_is_not_final
    CHECK (open = (state NOT IN ('DEPOSITED', 'FAILED', 'UNRESOLVED'))),
  CONSTRAINT final_has_its_time CHECK (open OR final_at IS NOT NULL),
  CONSTRAINT held_knows_whence CHECK ((state = 'HELD') = (held_from IS NOT NULL)),
  CONSTRAINT an_open_notice_keeps_its_key CHECK (key_wrapped IS NOT NULL OR NOT open));

CREATE TABLE payload (
  id INTEGER PRIMARY KEY, notice_id INTEGER NOT NULL REFERENCES notice (id),
  item VARCHAR NOT NULL, n INTEGER NOT NULL, document_id VARCHAR, size INTEGER NOT NULL,
  sha256 VARCHAR NOT NULL, bytes BLOB, segment VARCHAR, "offset" INTEGER, length INTEGER,
  UNIQUE (notice_id, item, n));

CREATE TABLE attempt (
  id INTEGER PRIMARY KEY AUTOINCREMENT, notice_id INTEGER NOT NULL REFERENCES notice (id),
  n INTEGER NOT NULL, operation VARCHAR NOT NULL, worker VARCHAR NOT NULL,
  fence INTEGER NOT NULL, started_at VARCHAR(27) NOT NULL, ended_at VARCHAR(27),
  outcome VARCHAR, code VARCHAR, mailbox_code VARCHAR, reference VARCHAR, answer BLOB,
  UNIQUE (notice_id, n),
  CONSTRAINT ended_with_an_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)));

CREATE TABLE receipt (
  id INTEGER PRIMARY KEY AUTOINCREMENT, receipt_id VARCHAR NOT NULL UNIQUE,
  notice_id INTEGER REFERENCES notice (id), claim VARCHAR, outcome VARCHAR NOT NULL,
  suffix VARCHAR NOT NULL, final BOOLEAN NOT NULL, bytes BLOB NOT NULL,
  issued_at VARCHAR(27) NOT NULL);

CREATE TABLE handout (
  id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL REFERENCES receipt (id),
  tenant VARCHAR NOT NULL, procedure VARCHAR NOT NULL, stem VARCHAR NOT NULL,
  nn INTEGER NOT NULL, written_at VARCHAR(27), confirmed_at VARCHAR(27),
  UNIQUE (tenant, procedure, stem, nn), UNIQUE (receipt, stem));

CREATE TABLE "drop" (
  claim VARCHAR PRIMARY KEY, tenant VARCHAR NOT NULL, procedure VARCHAR NOT NULL,
  stem VARCHAR NOT NULL, kind VARCHAR NOT NULL, notice_id INTEGER REFERENCES notice (id),
  envelope_sha256 VARCHAR, refusal VARCHAR, code VARCHAR, file VARCHAR,
  at VARCHAR(27) NOT NULL, aged_out BOOLEAN NOT NULL);

CREATE TABLE entry (
  id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL, notice_id INTEGER,
  kind VARCHAR NOT NULL, at VARCHAR(27) NOT NULL, body BLOB NOT NULL, digest VARCHAR NOT NULL);

CREATE TABLE chain (
  seq INTEGER PRIMARY KEY, at VARCHAR(27) NOT NULL, value VARCHAR NOT NULL);

CREATE INDEX notice_due ON notice (mailbox, due_at) WHERE open = 1;
CREATE INDEX notice_deadline ON notice (deadline) WHERE open = 1;
CREATE INDEX notice_leased ON notice (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX notice_unerased ON notice (final_at) WHERE open = 0 AND erased_at IS NULL;
CREATE INDEX payload_segment ON payload (segment) WHERE segment IS NOT NULL;
CREATE INDEX attempt_open ON attempt (notice_id) WHERE ended_at IS NULL;
CREATE INDEX receipt_notice ON receipt (notice_id) WHERE notice_id IS NOT NULL;
CREATE UNIQUE INDEX receipt_final ON receipt (notice_id) WHERE final = 1;
CREATE INDEX handout_unwritten ON handout (id) WHERE written_at IS NULL;
CREATE INDEX handout_untaken ON handout (tenant, procedure)
  WHERE written_at IS NOT NULL AND confirmed_at IS NULL;
CREATE INDEX drop_notice ON "drop" (notice_id) WHERE notice_id IS NOT NULL;
CREATE INDEX drop_refused ON "drop" (at) WHERE kind = 'refused' AND aged_out = 0;
CREATE UNIQUE INDEX drop_stuck ON "drop" (tenant, procedure, file) WHERE kind = 'stuck';
CREATE INDEX entry_notice ON entry (notice_id) WHERE notice_id IS NOT NULL;
CREATE INDEX entry_seq ON entry (seq)
"""

# What may be written only once, whoever writes: a final state, an attempt's outcome, a receipt's
# bytes, the evidence log.
ONCE = {
    "notice_final_is_final": """BEFORE UPDATE OF state, final_at ON notice
        WHEN NOT OLD.open AND (NEW.state <> OLD.state OR NEW.final_at IS NOT OLD.final_at)""",
    "notice_stays": "BEFORE DELETE ON notice",
    "attempt_ends_once": """BEFORE UPDATE OF outcome, ended_at ON attempt
        WHEN OLD.outcome IS NOT NULL
        AND (NEW.outcome IS NOT OLD.outcome OR NEW.ended_at IS NOT OLD.ended_at)""",
    "attempt_stays": "BEFORE DELETE ON attempt",
    "receipt_is_byte_final": "BEFORE UPDATE ON receipt",
    "receipt_stays": "BEFORE DELETE ON receipt",
    "entry_is_final": "BEFORE UPDATE ON entry",
    "entry_stays": "BEFORE DELETE ON entry",
    "chain_is_final": "BEFORE UPDATE ON chain",
    "chain_stays": "BEFORE DELETE ON chain",
}


def upgrade() -> None:
    """Make the tables, their indexes and the write-once triggers."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    for name, event in ONCE.items():
        op.execute(f"CREATE TRIGGER {name} {event} BEGIN SELECT RAISE(ABORT, '{name}'); END")
