"""Bytes become a Notice or a refusal, nothing else; each fault has its class."""

import csv
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import envelope
from hub.envelope import Limits
from hub.errors import NoticeRefused, RefusalClass
from hub.model import AssuranceLevel, LegalBasis, Notice, Role
from tests.material import ROOT

EXAMPLES = ROOT / "schemas" / "examples"
GOOD = sorted(EXAMPLES.glob("notice-*.xml"))
MINIMAL = (EXAMPLES / "notice-minimal.xml").read_bytes()
with (EXAMPLES / "bad" / "index.tsv").open(encoding="utf-8", newline="") as _index:
    BAD = list(csv.DictReader(_index, delimiter="\t", quoting=csv.QUOTE_NONE))


def checked(data: bytes, limits: Limits | None = None) -> Notice:
    """Return the notice after every layer that needs no more than the envelope."""
    limits = limits or Limits()
    notice = envelope.read(data, limits)
    envelope.check_names(notice)
    envelope.check_sizes(notice, limits)
    envelope.check_digests(notice)
    return notice


def refusal(data: bytes, limits: Limits | None = None) -> NoticeRefused:
    with pytest.raises(NoticeRefused) as caught:
        checked(data, limits)
    return caught.value


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_each_good_example_is_a_notice(file: Path) -> None:
    assert checked(file.read_bytes()).message_id.startswith("urn:de:xta:messageid:")


@pytest.mark.parametrize("row", BAD, ids=lambda row: row["file"])
def test_each_bad_example_is_refused_by_its_class_and_place(row: dict[str, str]) -> None:
    limits = Limits(document=1024 * 1024) if row["expect"] == "LimitExceeded" else None
    error = refusal((EXAMPLES / "bad" / row["file"]).read_bytes(), limits)
    assert error.refusal == row["expect"]
    assert (error.path or "").startswith(row["path"])
    assert error.fix


def test_every_example_is_named_in_the_index() -> None:
    named = {row["file"] for row in BAD}
    assert named == {file.name for file in (EXAMPLES / "bad").glob("*.xml")}


def test_a_full_envelope_keeps_every_field() -> None:
    notice = checked((EXAMPLES / "notice-full.xml").read_bytes())
    assert notice.legal_basis in LegalBasis
    assert notice.assurance_level in AssuranceLevel
    assert notice.created_at.tzinfo is not None
    assert [one.role for one in notice.documents].count(Role.NOTICE) == 1
    assert notice.case_reference
    assert notice.text


def test_a_byte_order_mark_is_taken_and_two_are_not() -> None:
    mark = b"\xef\xbb\xbf"
    assert checked(mark + MINIMAL) == checked(MINIMAL)
    assert refusal(mark * 2 + MINIMAL).refusal is RefusalClass.XML_MALFORMED


def test_an_envelope_larger_than_allowed_is_not_read() -> None:
    error = refusal(MINIMAL, Limits(envelope=len(MINIMAL) - 1))
    assert (error.refusal, error.code) == (RefusalClass.LIMIT_EXCEEDED, "9023")


def test_what_is_forbidden_is_found_before_the_schema_sees_it() -> None:
    data = MINIMAL.replace(b"<MessageID>", b"<Unknown/><!-- x --><MessageID>")
    assert refusal(data).refusal is RefusalClass.XML_FORBIDDEN


def test_a_refusal_never_repeats_what_stands_in_the_envelope() -> None:
    for place in (b"<Subject>", b"<LegalBasis>", b"<MessageID>", b"<Service>", b"<CreatedAt>"):
        data = MINIMAL.replace(place, place + b"CANARY <x/>")
        error = refusal(data)
        assert "CANARY" not in str(error), place


def test_a_leap_second_and_a_missing_zone_are_refused() -> None:
    stamp = MINIMAL.split(b"<CreatedAt>")[1].split(b"<")[0]
    for wrong in (b"2016-12-31T23:59:60Z", b"2026-02-03T10:00:00", b"12026-02-03T10:00:00Z"):
        assert refusal(MINIMAL.replace(stamp, wrong)).refusal is RefusalClass.SCHEMA_INVALID
    right = checked(MINIMAL.replace(stamp, b"2026-02-03T10:00:00+01:00"))
    assert right.created_at.astimezone(UTC) == datetime(2026, 2, 3, 9, tzinfo=UTC)


def test_only_the_procedure_s_own_authors_may_speak() -> None:
    notice = checked(MINIMAL)
    full = f"{notice.author.scheme}:{notice.author.identifier}"
    envelope.check_tenant(notice, (full,))
    envelope.check_tenant(notice, (notice.author.identifier,))
    with pytest.raises(NoticeRefused) as caught:
        envelope.check_tenant(notice, ("ags:999",))
    assert caught.value.refusal is RefusalClass.TENANT_VIOLATION


@given(st.binary(max_size=300))
def test_any_bytes_give_a_notice_or_a_refusal(data: bytes) -> None:
    with suppress(NoticeRefused):
        checked(data)


@given(
    st.integers(0, len(MINIMAL)),
    st.integers(0, 40),
    st.one_of(st.binary(max_size=12), st.sampled_from([b"<", b"&#0;", b"]]>", b"<!--", b"\xff"])),
)
def test_any_change_of_a_good_envelope_does_too(at: int, length: int, put: bytes) -> None:
    with suppress(NoticeRefused):
        checked(MINIMAL[:at] + put + MINIMAL[at + length :])


@pytest.mark.parametrize("loose", [b"!JVBE", b"JV BE=RA", b"=JVBE", b"J"])
def test_base64_that_lax_decoders_take_is_refused(loose: bytes) -> None:
    # libxml2 is such a decoder, so the schema alone would let it pass
    error = refusal(MINIMAL.replace(b"JVBE", loose, 1))
    assert error.refusal in (RefusalClass.SCHEMA_INVALID, RefusalClass.ATTACHMENT_REJECTED)
    assert (error.path or "").startswith("/Notice/Document")
