"""Replies of destinations: encrypted for the sender, offered until acknowledged."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from postfach_fitconnect.assumed import METADATA_SCHEMA, Problem
from postfach_fitconnect.sandbox.receiving import Handed
from postfach_fitconnect.sandbox.records import Record, Records, Reply
from postfach_fitconnect.sandbox.refusing import Refusal
from postfach_fitconnect.sandbox.sealing import sealed
from postfach_sandbox.faults import Switches

SCHEMA: Final = "urn:postfachdienst:sandbox:reply"
LIMIT: Final = 500
_JSON: Final = "application/json"


class Replies:
    """Makes replies and gives them out. Safe for threads."""

    def __init__(
        self, replies: Records[Reply], submissions: Records[Record], switches: Switches
    ) -> None:
        """Take where they are kept, and what they answer."""
        self._replies, self._submissions, self._switches = replies, submissions, switches

    def send(
        self,
        submission: str,
        data: bytes,
        documents: Sequence[Handed] = (),
        subject: str | None = None,
    ) -> Reply:
        """Reply to a submission with JSON and documents.

        Raises KeyError: there is no such submission; ValueError: it wants no replies.
        """
        record = self._submissions.get(submission)
        if record is None:
            raise KeyError(submission)
        if record.reply_key is None:
            raise ValueError("submission: its metadata name no key for replies")
        ids = {str(uuid4()): each for each in documents}
        reply = Reply(
            id=str(uuid4()),
            case=record.case,
            destination=record.destination,
            client=record.client,
            created=self._switches.now(record.destination).timestamp(),
            metadata=sealed(_metadata(data, ids, subject), record.reply_key, _JSON),
            data=sealed(data, record.reply_key, _JSON),
            attachments=tuple(ids),
        )
        self._replies.file(reply.id, ".").mkdir()
        for name, each in ids.items():
            token = sealed(each.data, record.reply_key, each.content_type)
            self._replies.file(reply.id, f"{name}.jwe").write_text(token, "ascii")
        return self._replies.put(reply)

    def waiting(self, client: str, limit: int) -> list[dict[str, str]]:
        """Return a client's replies that were not acknowledged, oldest first."""
        found = [
            {"replyId": each.id, "caseId": each.case}
            for each in self._replies.all()
            if each.client == client and not each.acknowledged
        ]
        return found[:limit]

    def of(self, client: str, id_: str) -> Reply:
        """Return a client's reply. Raises Refusal."""
        reply = self._replies.get(id_)
        if reply is None or reply.client != client:
            raise Refusal(Problem.REPLY_UNKNOWN, "there is no such reply")
        return reply

    def body(self, client: str, id_: str) -> dict[str, Any]:
        """Return what a reply is answered with. Raises Refusal."""
        reply = self.of(client, id_)
        return {
            "replyId": reply.id,
            "caseId": reply.case,
            "destinationId": reply.destination,
            "createdAt": datetime.fromtimestamp(reply.created, UTC).isoformat(),
            "encryptedMetadata": reply.metadata,
            "encryptedData": reply.data,
            "attachments": list(reply.attachments),
        }

    def document(self, client: str, id_: str, attachment: str) -> bytes:
        """Return the JWE of an attachment. Raises Refusal."""
        if attachment not in self.of(client, id_).attachments:
            raise Refusal(Problem.REPLY_UNKNOWN, "the reply has no such attachment")
        return self._replies.file(id_, f"{attachment}.jwe").read_bytes()

    def acknowledge(self, client: str, id_: str) -> None:
        """Offer a reply no more; it may be said again. Raises Refusal."""
        with self._replies.locked(id_):
            reply = self.of(client, id_)
            self._replies.put(reply.model_copy(update={"acknowledged": True}))


def _metadata(data: bytes, documents: dict[str, Handed], subject: str | None) -> bytes:
    found: dict[str, Any] = {
        "$schema": METADATA_SCHEMA,
        "contentStructure": {
            "data": {
                "submissionSchema": {"schemaUri": SCHEMA, "mimeType": _JSON},
                "hash": _hash(data),
            },
            "attachments": [
                {
                    "attachmentId": name,
                    "purpose": "attachment",
                    "filename": each.filename,
                    "mimeType": each.content_type,
                    "hash": _hash(each.data),
                }
                for name, each in documents.items()
            ],
        },
    }
    if subject is not None:
        found["subject"] = subject
    return json.dumps(found).encode()


def _hash(data: bytes) -> dict[str, str]:
    return {"type": "sha512", "content": hashlib.sha512(data).hexdigest()}
