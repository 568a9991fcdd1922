"""A notice as a submission: its data, and its documents as attachments.

The data are JSON after notice.schema.json, which is for whoever programs a destination. They name
each attachment by its id, so that no order needs to be relied on. `key` is the same at every
attempt: a destination that has it already has the notice already.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from postfach_fitconnect import Attachment, Data, Parcel
from postfach_mailbox import Delivery, DeliveryDocument, NoticeData

VERSION: Final = "1.0"


def parcel(delivery: Delivery, schema: str) -> Parcel:
    """Return what is sent for a notice: every document, then the hub's seal."""
    documents = (*delivery.documents, delivery.sealed_notice)
    attachments = tuple(Attachment.of(each) for each in documents)
    return Parcel(
        destination=delivery.notice.mailbox.id,
        service=delivery.notice.service,
        data=Data(content=content(delivery, attachments), schema=schema),
        attachments=attachments,
        request_id=delivery.key,
    )


def content(delivery: Delivery, attachments: Sequence[Attachment]) -> bytes:
    """Return the data: what is not there in the notice is not there in them."""
    documents = (*delivery.documents, delivery.sealed_notice)
    said = {
        "version": VERSION,
        "key": delivery.key,
        **_notice(delivery.notice),
        "documents": [
            _document(document, attachment)
            for document, attachment in zip(documents, attachments, strict=True)
        ],
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _notice(notice: NoticeData) -> dict[str, Any]:
    author, kind, scenario = notice.author, notice.message_type, notice.business_scenario
    return _present(
        {
            "messageId": notice.message_id,
            "createdAt": notice.created_at.isoformat().replace("+00:00", "Z"),
            "author": _present(
                {
                    "identifier": author.identifier,
                    "identifierScheme": author.scheme,
                    "category": author.category,
                    "name": author.name,
                }
            ),
            "caseReference": notice.case_reference,
            "inReplyTo": notice.in_reply_to,
            "service": notice.service,
            "messageType": kind.value,
            "businessScenario": scenario.value if scenario is not None else None,
            "subject": notice.subject,
            "text": notice.text,
            "legalBasis": notice.legal_basis,
            "assuranceLevel": notice.assurance_level,
            "applicationId": notice.application_id,
            "testNotice": notice.test or None,
        }
    )


def _document(document: DeliveryDocument, attachment: Attachment) -> dict[str, Any]:
    facts = document.facts
    return {
        "attachmentId": attachment.id,
        "role": facts.role,
        "filename": facts.filename,
        "contentType": facts.content_type,
        "size": facts.size,
        "sha256": facts.sha256,
    }


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
