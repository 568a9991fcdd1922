"""Envelopes: what a good one says, and whose notices a procedure may hand in."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import envelope, schemas
from hub.errors import NoticeRefused
from hub.model import (
    SHA512,
    AssuranceLevel,
    Author,
    Code,
    LegalBasis,
    MailboxAddress,
    Role,
    Status,
    StatusUpdate,
)
from tests.envelopes import EXAMPLES, LIMITS, MIB, MINIMAL, changed, read, with_data


def test_the_full_example_is_read_field_by_field() -> None:
    notice = read((EXAMPLES / "notice-full.xml").read_bytes())
    assert notice.message_id.endswith("beispielamt:0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e03")
    assert notice.created_at == datetime(2026, 2, 3, 9, 0, 0, 250_000, UTC)
    assert notice.author == Author(
        identifier="130030000000", scheme="ags", category="Kommune", name="Beispielamt"
    )
    assert notice.case_reference == "Az. 12/2026-7"
    assert notice.in_reply_to is not None
    assert notice.in_reply_to.startswith("urn:de:xta:messageid:postfachdienst:")
    assert notice.mailbox == MailboxAddress(id="anna", scheme="directory", holder="representative")
    assert notice.service == "urn:de:fim:leika:leistung:99042004000000"
    assert notice.business_scenario == Code(
        value="antrag", list_uri="urn:example:codes:scenario", list_version="1"
    )
    assert notice.message_type == Code(
        value="bescheid.erteilt",
        list_uri="urn:example:codes:type",
        list_version="2",
        payload_schema="urn:example:payload:1",
    )
    assert notice.subject == "Ihr Bescheid über die Auskunft \N{EN DASH} Aktenzeichen 12/2026-7"
    assert notice.text == "Guten Tag,\n\nanbei erhalten Sie Ihren Bescheid.\n"
    assert notice.legal_basis is LegalBasis.VWVFG41_2A
    assert notice.assurance_level is AssuranceLevel.HIGH
    assert not notice.mailbox_use_excluded
    assert notice.application_id == "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"
    assert notice.not_before == datetime(2026, 2, 4, 5, tzinfo=UTC)
    assert notice.obsolete_after == datetime(2036, 2, 28, 22, 59, 59, tzinfo=UTC)
    assert notice.postal_address == ("Anna Beispiel", "Am Markt 1", "19055 Schwerin")
    assert notice.test
    assert not notice.signed
    first, second = notice.documents
    assert (first.id, first.role, first.digest_method) == ("d1", Role.NOTICE, SHA512)
    assert (second.id, second.role) == ("d2", Role.ATTACHMENT)
    assert second.filename == "Anlage 1 (Übersicht).pdf"
    assert first.data is not None
    assert first.data.startswith(b"%PDF-1.4\n")
    assert len(first.data) == first.size


def test_the_full_status_is_read_field_by_field() -> None:
    update = envelope.read((EXAMPLES / "status-full.xml").read_bytes(), LIMITS)
    assert update == StatusUpdate(
        message_id="urn:de:xta:messageid:beispielamt:0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e20",
        created_at=datetime(2026, 2, 3, 9, 0, 0, 250_000, UTC),
        author=Author(
            identifier="130030000000", scheme="ags", category="Kommune", name="Beispielamt"
        ),
        mailbox=MailboxAddress(id="anna", scheme="directory"),
        service="urn:de:fim:leika:leistung:99042004000000",
        application_id="0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05",
        status=Status.ACTION_REQUIRED,
        case_reference="Az. 12/2026-7",
        service_name="Auskunft aus dem Register",
        details="Unterlagen fehlen",
        additional="Bitte reichen Sie den Lageplan nach.",
        reference="12/2026-7",
        not_before=datetime(2026, 2, 4, 5, tzinfo=UTC),
        obsolete_after=datetime(2036, 2, 28, 22, 59, 59, tzinfo=UTC),
        test=True,
    )
    envelope.check_tenant(update, ("ags:130030000000",))


def test_a_signed_status_is_seen_as_signed() -> None:
    data = (EXAMPLES / "status-minimal.xml").read_text("utf-8")
    signature = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></StatusUpdate>'
    signed = data.replace("</StatusUpdate>", signature).encode()
    assert envelope.read(signed, LIMITS).signed
    assert not envelope.read(data.encode(), LIMITS).signed


@pytest.mark.parametrize("name", ["minimal", "full", "reference"])
def test_each_good_example_passes_all_layers(name: str) -> None:
    notice = read((EXAMPLES / f"notice-{name}.xml").read_bytes())
    envelope.check_tenant(notice, ("ags:130030000000",))
    envelope.check_names(notice)
    envelope.check_sizes(notice, LIMITS)
    envelope.check_digests(notice)


def test_what_may_be_missing_has_its_default() -> None:
    notice = read(MINIMAL)
    assert notice.mailbox.holder == "recipient"
    assert (notice.case_reference, notice.in_reply_to, notice.text) == (None, None, None)
    assert (notice.business_scenario, notice.application_id) == (None, None)
    assert (notice.not_before, notice.obsolete_after) == (None, None)
    assert (notice.postal_address, notice.test, notice.mailbox_use_excluded) == ((), False, False)


def test_a_document_is_named_by_its_reference_or_holds_its_bytes_never_both() -> None:
    (inside,) = read(MINIMAL).documents
    (beside,) = read((EXAMPLES / "notice-reference.xml").read_bytes()).documents
    assert inside.reference is None
    assert beside.data is None
    assert beside.reference == "notice-reference.pdf"
    assert (EXAMPLES / beside.reference).stat().st_size == beside.size


def test_a_document_knows_its_line() -> None:
    (document,) = read(MINIMAL).documents
    assert document.line == MINIMAL[: MINIMAL.index("<Document")].count("\n") + 1


@pytest.mark.parametrize(
    "declaration",
    [
        "",
        "<?xml version='1.0'?>",
        '<?xml version="1.0" encoding="utf-8"?>',
        '<?xml version = "1.0"\n encoding = \'UTF-8\' standalone="yes" ?>',
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
def test_a_declaration_of_xml_1_0_in_utf8_is_taken_or_none(declaration: str, mark: bytes) -> None:
    body = MINIMAL.partition("?>")[2].lstrip()
    assert read(mark + declaration.encode() + body.encode()) == read(
        declaration.encode() + body.encode()
    )


def test_a_prefix_unused_namespaces_and_cdata_change_nothing() -> None:
    text = MINIMAL.replace("<", "<n:").replace("<n:/", "</n:").replace("<n:?xml", "<?xml")
    text = text.replace("xmlns=", 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:n=')
    text = text.replace(">Ihr Bescheid<", "><![CDATA[Ihr ]]>Bescheid<")
    plain, other = read(MINIMAL), read(text)
    assert other == plain


@pytest.mark.parametrize("prefix", ["urn:de:xta:messageid", "URN:DE:XTA:MESSAGEID"])
def test_a_message_id_has_the_same_key_in_any_case(prefix: str) -> None:
    notice = read(changed("urn:de:xta:messageid:beispielamt", f"{prefix}:BeispielAmt"))
    assert notice.message_key == read(MINIMAL).message_key


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [("2026-02-03T10:00:00.123456789Z", 123_456), (" 2026-02-03T09:30:00.5-00:30\n", 500_000)],
)
def test_a_time_is_read_to_the_microsecond_in_utc(text: str, microsecond: int) -> None:
    created_at = read(changed("2026-02-03T10:00:00+01:00", text)).created_at
    assert created_at == datetime(2026, 2, 3, 10, 0, 0, microsecond, UTC)
    assert created_at.tzinfo is UTC


@pytest.mark.parametrize("length", [1, 41])
def test_a_message_id_has_a_sender_of_1_to_41_characters(length: int) -> None:
    sender = "x" * length
    assert f":{sender}:" in read(changed(":beispielamt:", f":{sender}:")).message_id


def test_a_document_of_5_mib_fits_inside() -> None:
    notice = read(with_data(base64.encodebytes(bytes(5 * MIB)).decode()))
    assert notice.documents[0].data == bytes(5 * MIB)


def test_a_text_of_1_mib_fits() -> None:
    text = "ä" * (MIB // 2)
    notice = read(changed("  <LegalBasis", f"  <Text>{text}</Text>\n  <LegalBasis"))
    assert notice.text == text


def test_a_signature_is_noticed() -> None:
    signature = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'
    assert read(changed("</Notice>", f"{signature}</Notice>")).signed


@pytest.mark.parametrize(
    "authors",
    [("ags:130030000000",), ("130030000000",), ("ags:1", "ags:130030000000")],
)
def test_an_author_is_known_by_scheme_and_identifier_or_by_identifier(
    authors: tuple[str, ...],
) -> None:
    envelope.check_tenant(read(MINIMAL), authors)


@pytest.mark.parametrize(
    "authors",
    [
        (),
        ("ags:130030000001",),
        ("AGS:130030000000",),
        ("other:130030000000",),
        ("ags:",),
        ("ags",),
    ],
)
def test_any_other_author_is_a_tenant_violation(authors: tuple[str, ...]) -> None:
    with pytest.raises(NoticeRefused) as caught:
        envelope.check_tenant(read(MINIMAL), authors)
    assert (caught.value.refusal, caught.value.code) == ("TenantViolation", "9014")
    assert caught.value.path == "/Notice/Author"


def test_an_author_without_scheme_is_not_one_with_the_scheme_none() -> None:
    notice = read(changed(' identifierScheme="ags"', ""))
    envelope.check_tenant(notice, ("130030000000",))
    with pytest.raises(NoticeRefused):
        envelope.check_tenant(notice, ("None:130030000000", "ags:130030000000"))


def test_the_schemas_lie_in_the_checkout_or_in_the_package() -> None:
    assert isinstance(schemas.folder(), Path)
    assert (schemas.folder() / "notice.xsd").is_file()
