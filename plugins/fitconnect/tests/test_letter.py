"""A notice as the data and attachments of a submission."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import jsonschema
import pytest

from postfach_mailbox import AuthorData, CodeData, Delivery
from postfach_mailbox_fitconnect import letter
from postfach_mailbox_fitconnect.settings import SCHEMA

Make = Callable[..., Delivery]
SCHEMA_FILE = resources.files("postfach_mailbox_fitconnect") / "notice.schema.json"


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    loaded = json.loads(SCHEMA_FILE.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(
        loaded, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def said(delivery: Delivery) -> dict[str, Any]:
    found = json.loads(letter.parcel(delivery, SCHEMA).data.content)
    assert isinstance(found, dict)
    return found


def everything(make: Make) -> Delivery:
    return make(
        documents=[b"1", b"22", b"333"],
        author=AuthorData(identifier="1", scheme="ags", category="amt", name="Amt für Ümläute"),
        case_reference="A 1/2",
        in_reply_to="urn:de:xta:messageid:hub:2",
        business_scenario=CodeData(value="antrag"),
        text="Zeile\n\u0001\u2028<b>",
        application_id="7b5c3c1e-0000-4000-8000-00000000000a",
        test=True,
    )


def test_the_schema_is_named_as_it_names_itself(schema: jsonschema.Draft202012Validator) -> None:
    assert schema.schema["$id"] == SCHEMA


def test_data_follow_their_schema(make: Make, schema: jsonschema.Draft202012Validator) -> None:
    for each in (make(), everything(make)):
        schema.validate(said(each))


def test_each_field_of_a_notice_is_there(make: Make) -> None:
    found = said(everything(make))
    found.pop("documents")
    assert found == {
        "version": "1.0",
        "key": "a" * 64,
        "messageId": "urn:de:xta:messageid:amt:1",
        "createdAt": "2026-03-01T12:00:00.500000Z",
        "author": {
            "identifier": "1",
            "identifierScheme": "ags",
            "category": "amt",
            "name": "Amt für Ümläute",
        },
        "caseReference": "A 1/2",
        "inReplyTo": "urn:de:xta:messageid:hub:2",
        "service": "urn:de:fim:leika:leistung:99012012001000",
        "messageType": "Bescheid",
        "businessScenario": "antrag",
        "subject": "Ihr Bescheid",
        "text": "Zeile\n\u0001\u2028<b>",
        "legalBasis": "NONE",
        "assuranceLevel": "low",
        "applicationId": "7b5c3c1e-0000-4000-8000-00000000000a",
        "testNotice": True,
    }


def test_what_is_not_in_the_notice_is_not_in_the_data(make: Make) -> None:
    assert set(said(make())) == {
        "version",
        "key",
        "messageId",
        "createdAt",
        "author",
        "service",
        "messageType",
        "subject",
        "legalBasis",
        "assuranceLevel",
        "documents",
    }


def test_no_postal_address_goes_to_a_destination(make: Make) -> None:
    found = letter.parcel(make(postal_address=("canary",)), SCHEMA)
    assert b"canary" not in found.data.content


def test_each_document_is_an_attachment_in_order_and_the_seal_is_the_last(make: Make) -> None:
    delivery = everything(make)
    made = letter.parcel(delivery, SCHEMA)
    assert [each.filename for each in made.attachments] == [
        "1.pdf",
        "2.pdf",
        "3.pdf",
        "bescheid-siegel.xml",
    ]
    contents = []
    for each in made.attachments:
        with each.open() as stream:
            contents.append(stream.read())
    assert contents == [b"1", b"22", b"333", b"<seal/>"]
    listed = json.loads(made.data.content)["documents"]
    assert [each["attachmentId"] for each in listed] == [each.id for each in made.attachments]
    assert [each["role"] for each in listed] == ["notice", "attachment", "attachment", "seal"]
    assert [each["sha256"] for each in listed] == [
        hashlib.sha256(each).hexdigest() for each in contents
    ]


def test_attachments_have_new_ids_at_each_attempt(make: Make) -> None:
    delivery = make()
    first, second = (letter.parcel(delivery, SCHEMA) for _ in range(2))
    ids = {each.id for made in (first, second) for each in made.attachments}
    assert len(ids) == 4


def test_a_parcel_goes_to_the_address_of_the_notice(make: Make) -> None:
    made = letter.parcel(make(created_at=datetime(2026, 1, 1, tzinfo=UTC)), "urn:other")
    assert made.destination == make().notice.mailbox.id
    assert made.service == "urn:de:fim:leika:leistung:99012012001000"
    assert made.data.schema == "urn:other"
    assert not made.ours  # an unknown destination is the recipient's: Refused, not Held
