"""The journal's tables: the only truth about state.

Times are UTC text of fixed width, so that they sort; leases are seconds on the clock that no one
sets (hub.clock), valid in one boot. Payload is in no table in clear: `payload.bytes` holds
ciphertext under the notice's key, and erasing a notice sets its `key_wrapped` to nothing.
"""

from typing import Any

import sqlalchemy as sa

from hub.journal.utctime import UtcTime
from hub.journal.values import Blob, Words

Row = sa.Row[Any]
metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", Words, primary_key=True),
    sa.Column("value", Words, nullable=False),
)

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("boot_id", Words, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
)

mailbox = sa.Table(
    "mailbox",
    metadata,
    sa.Column("name", Words, primary_key=True),
    sa.Column("capabilities", Words),
    sa.Column("told_at", UtcTime),
    sa.Column("circuit_open", sa.Boolean, nullable=False, default=False),
    sa.Column("opened_at", UtcTime),
    sa.Column("reason", Words),
)

notice = sa.Table(
    "notice",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("tenant", Words, nullable=False),
    sa.Column("procedure", Words, nullable=False),
    sa.Column("message_id", Words, nullable=False),
    sa.Column("message_key", Words, nullable=False),
    sa.Column("delivery_key", Words, nullable=False, unique=True),
    sa.Column("claim", Words, nullable=False),
    sa.Column("envelope_sha256", Words, nullable=False),
    sa.Column("case_reference", Words),
    sa.Column("mailbox", Words, nullable=False),
    sa.Column("scheme", Words, nullable=False),
    sa.Column("address", Words, nullable=False),
    sa.Column("state", Words, nullable=False),
    sa.Column("open", sa.Boolean, nullable=False),
    sa.Column("held_from", Words),
    sa.Column("held_at", UtcTime),
    sa.Column("held_reason", Words),
    sa.Column("accepted_at", UtcTime, nullable=False),
    sa.Column("not_before", UtcTime),
    sa.Column("obsolete_after", UtcTime),
    sa.Column("due_at", UtcTime),
    sa.Column("deadline", UtcTime, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False, default=0),
    sa.Column("crashes", sa.Integer, nullable=False, default=0),
    sa.Column("suspect", sa.Boolean, nullable=False, default=False),
    sa.Column("lease_owner", Words),
    sa.Column("lease_end", sa.Float),
    sa.Column("lease_boot", Words),
    sa.Column("fence", sa.Integer, nullable=False, default=0),
    sa.Column("key_wrapped", Blob),
    sa.Column("final_at", UtcTime),
    sa.Column("erased_at", UtcTime),
    sa.Column("settled_at", UtcTime),
    sa.Column("settled_as", Words),  # deposited, failed: what a person decided
    sa.Column("kind", Words, nullable=False, default="notice"),  # or status, which has:
    *(sa.Column(name, Words) for name in ("application_id", "status")),
    sa.Column("status_at", UtcTime),
    sa.Column("follows", sa.ForeignKey("notice.id"), unique=True),  # of a post job: what failed
    sa.Column("restored", sa.Boolean, nullable=False, default=False),  # see hub.journal.restoring
    sa.UniqueConstraint("tenant", "message_key"),
    sa.CheckConstraint(
        "open = (state NOT IN ('DEPOSITED', 'FAILED', 'UNRESOLVED'))", name="open_is_not_final"
    ),
    sa.CheckConstraint("open OR final_at IS NOT NULL", name="final_has_its_time"),
    sa.CheckConstraint("(state = 'HELD') = (held_from IS NOT NULL)", name="held_knows_whence"),
    sa.CheckConstraint("key_wrapped IS NOT NULL OR NOT open", name="an_open_notice_keeps_its_key"),
)

payload = sa.Table(
    "payload",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("notice_id", sa.ForeignKey("notice.id"), nullable=False),
    sa.Column("item", Words, nullable=False),  # document, content, sealed, prepared
    sa.Column("n", sa.Integer, nullable=False, default=0),
    sa.Column("document_id", Words),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", Words, nullable=False),
    sa.Column("bytes", Blob),
    sa.Column("segment", Words),
    sa.Column("offset", sa.Integer),
    sa.Column("length", sa.Integer),
    sa.Column("made_by", Words),  # prepared: distribution and version of the plugin
    sa.UniqueConstraint("notice_id", "item", "n"),
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("notice_id", sa.ForeignKey("notice.id"), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("operation", Words, nullable=False),
    sa.Column("worker", Words, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("outcome", Words),
    sa.Column("code", Words),
    sa.Column("mailbox_code", Words),
    sa.Column("reference", Words),
    sa.Column("answer", Blob),  # the mailbox's own answer, encrypted; its own retention
    sa.Column("ends_at", UtcTime),  # when its call's deadline is over
    sa.UniqueConstraint("notice_id", "n"),
    sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_with_an_outcome"),
)

# what a mailbox answered when the attempt was given up already
late = sa.Table(
    "late",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("notice_id", sa.ForeignKey("notice.id"), nullable=False),
    sa.Column("attempt_id", sa.ForeignKey("attempt.id"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("outcome", Words, nullable=False),
    sa.Column("code", Words),
    sa.Column("answer", Blob),
    sa.Column("closed_at", UtcTime),
)

pause = sa.Table(
    "pause",
    metadata,
    sa.Column("kind", Words, primary_key=True),  # tenant, mailbox
    sa.Column("name", Words, primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
)

receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("receipt_id", Words, nullable=False, unique=True),
    sa.Column("notice_id", sa.ForeignKey("notice.id")),
    sa.Column("claim", Words),
    sa.Column("outcome", Words, nullable=False),
    sa.Column("suffix", Words, nullable=False),
    sa.Column("final", sa.Boolean, nullable=False),
    sa.Column("bytes", Blob, nullable=False),
    sa.Column("issued_at", UtcTime, nullable=False),
)

handout = sa.Table(
    "handout",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("receipt", sa.ForeignKey("receipt.id"), nullable=False),
    sa.Column("tenant", Words, nullable=False),
    sa.Column("procedure", Words, nullable=False),
    sa.Column("stem", Words, nullable=False),
    sa.Column("nn", sa.Integer, nullable=False),
    sa.Column("written_at", UtcTime),
    sa.Column("confirmed_at", UtcTime),
    sa.UniqueConstraint("tenant", "procedure", "stem", "nn"),
    sa.UniqueConstraint("receipt", "stem"),
)

drop = sa.Table(
    "drop",
    metadata,
    sa.Column("claim", Words, primary_key=True),
    sa.Column("tenant", Words, nullable=False),
    sa.Column("procedure", Words, nullable=False),
    sa.Column("stem", Words, nullable=False),
    sa.Column("kind", Words, nullable=False),  # taken, repeated, refused, stuck
    sa.Column("notice_id", sa.ForeignKey("notice.id")),
    sa.Column("envelope_sha256", Words),
    sa.Column("refusal", Words),
    sa.Column("code", Words),
    sa.Column("file", Words),  # stuck: device, inode and ctime of what cannot be moved
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("aged_out", sa.Boolean, nullable=False, default=False),
)

entry = sa.Table(
    "entry",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("notice_id", sa.Integer),
    sa.Column("kind", Words, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("body", Blob, nullable=False),
    sa.Column("digest", Words, nullable=False),
)

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("value", Words, nullable=False),
)

observer = sa.Table(
    "observer",
    metadata,
    sa.Column("name", Words, primary_key=True),
    sa.Column("cursor", sa.Integer, nullable=False),  # id of the last entry that it confirmed
    sa.Column("worker", Words),  # who tells it
)

# what came back through a mailbox; never deleted
returned = sa.Table(
    "returned",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("mailbox", Words, nullable=False),
    sa.Column("item", Words, nullable=False),  # the mailbox's own id
    sa.Column("kind", Words, nullable=False),  # retrieval, reply, late-failure, status
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("stored_at", UtcTime, nullable=False),
    sa.Column("digest", Words, nullable=False),  # of its content, as it was offered first
    sa.Column("notice_id", sa.ForeignKey("notice.id")),
    sa.Column("message_id", Words),  # of the Reply that it became
    sa.Column("trouble", Words),  # why a person must look at it
    sa.Column("closed_at", UtcTime),
    sa.Column("evidence", Blob, nullable=False),  # encrypted; outlives the content
    sa.Column("key_wrapped", Blob),
    sa.Column("content", Blob),  # encrypted under the item's own key
    sa.Column("acknowledged_at", UtcTime),
    sa.Column("erased_at", UtcTime),
    sa.UniqueConstraint("mailbox", "item"),
)

# a file that a reply becomes, or, where it has no procedure, a document that is only kept
returned_file = sa.Table(
    "returned_file",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("returned", sa.ForeignKey("returned.id"), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),  # documents from 0; the Reply itself last
    sa.Column("tenant", Words),
    sa.Column("procedure", Words),
    sa.Column("stem", Words),
    sa.Column("nn", sa.Integer),
    sa.Column("suffix", Words, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", Words, nullable=False),
    sa.Column("bytes", Blob),
    sa.Column("segment", Words),
    sa.Column("offset", sa.Integer),
    sa.Column("length", sa.Integer),
    sa.Column("written_at", UtcTime),
    sa.Column("confirmed_at", UtcTime),
    sa.UniqueConstraint("returned", "n"),
    sa.UniqueConstraint("tenant", "procedure", "stem", "nn", "suffix"),
)

return_channel = sa.Table(
    "return_channel",
    metadata,
    sa.Column("mailbox", Words, primary_key=True),
    sa.Column("cursor", Words),
    sa.Column("collected_at", UtcTime),
    sa.Column("failed_at", UtcTime),
    sa.Column("failures", sa.Integer, nullable=False, default=0),  # since it last succeeded
)
