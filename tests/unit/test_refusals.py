"""Refusals: with which class, line and path, in which order, and that no value is shown."""

import contextlib
import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import envelope
from hub.diagnosis import Diagnosis
from hub.envelope import wellformed
from hub.errors import NoticeRefused, RefusalClass
from tests.envelopes import (
    DOCUMENT,
    EXAMPLES,
    LIMITS,
    MIB,
    MINIMAL,
    changed,
    read,
    refusal,
    take,
    with_data,
)


def bad_examples() -> list[dict[str, str]]:
    with (EXAMPLES / "bad" / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [row for row in rows if row["file"].startswith(("notice-", "status-"))]


@pytest.mark.parametrize("row", bad_examples(), ids=lambda row: row["file"])
def test_each_bad_example_is_refused_with_its_class_and_path(row: dict[str, str]) -> None:
    error = refusal((EXAMPLES / "bad" / row["file"]).read_bytes())
    assert (error.refusal, error.path or "") == (row["expect"], row["path"])
    assert error.exit_code == 65
    assert error.fix


def test_each_bad_example_stands_in_the_index() -> None:
    listed = {row["file"] for row in bad_examples()}
    assert listed == {path.name for path in (EXAMPLES / "bad").glob("*-*.xml")}


def test_a_refusal_names_line_path_and_what_was_expected() -> None:
    error = refusal(changed(">substantial<", ">normal<"))
    assert (error.code, error.line, error.path) == ("9050", 11, "/Notice/AssuranceLevel")
    assert error.what == "the value does not fit; expected: low, substantial or high"
    assert "MessageID may stay" in error.fix


def test_a_line_beyond_65535_is_right() -> None:
    text = "\n" * 70_000
    error = refusal(changed("  <LegalBasis>OZG9", f"  <Text>{text}</Text>\n  <LegalBasis>OZG10"))
    assert (error.line, error.path) == (70_011, "/Notice/LegalBasis")


def test_elements_on_one_line_are_told_apart() -> None:
    one_line = "".join(line.strip() for line in MINIMAL.splitlines())
    error = refusal(one_line.replace(">low<", ">x<").replace('role="notice"', 'role="x"'))
    assert (error.line, error.path) == (1, "/Notice/Document/@role")


def test_what_is_required_is_named_where_an_element_is_missing() -> None:
    error = refusal(MINIMAL.replace(DOCUMENT, ""))
    assert error.what.startswith("an element is missing; expected: MailboxUse or ")
    assert error.what.endswith("or Document")


def test_detail_is_added_where_it_speaks_of_the_same_place() -> None:
    text = changed('size="594"', 'size="x"').encode()

    def explain(path: str) -> str:
        diagnosis = Diagnosis(line=12, path=path, expected="pattern [1-9]")
        with pytest.raises(NoticeRefused) as caught:
            envelope.read(text, LIMITS, lambda data: diagnosis if data == text else None)
        return caught.value.what

    assert explain("/Notice/Document/@size").endswith("(pattern [1-9])")
    assert "pattern" not in explain("/Notice/Subject")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0b6e8f52-", "CANARY-"),
        (">130030000000<", "> CANARY <"),
        (">anna<", ">CANARY CANARY<"),
        (">Bescheid<", ">\nCANARY<"),
        (">Ihr Bescheid<", "><b>CANARY</b><"),
        (">OZG9<", ">CANARY<"),
        ("2026-02-03T10", "CANARY"),
        ('"bescheid.pdf"', '"../CANARY.pdf"'),
        ('"bescheid.pdf"', '"CANARY.exe"'),
        ('size="594"', 'size="CANARY"'),
        ('role="notice"', 'role="notice" geheim="CANARY"'),
        ("<Data>\n", "<Data>CANARY!\n"),
        ("</Notice>", "CANARY</Notice>"),
        ("</Notice>", "<x xmlns='CANARY'>CANARY</x></Notice>"),
        ('xmlns="urn:postfachdienst:envelope:1"', 'xmlns="urn:CANARY"'),
        ("</Notice>", "<CANARY·CANARY/></Notice>"),
        ("</Notice>", "<CANARY"),
        ("</Notice>", "&CANARY;</Notice>"),
        ("</Notice>", "<?x CANARY?></Notice>"),
        ("</Notice>", "<x xmlns='}&apos;. Expected is ( {urn:CANARY}CANARY )'/></Notice>"),
    ],
)
def test_a_refusal_shows_no_value_of_the_envelope(old: str, new: str) -> None:
    assert "CANARY" not in str(refusal(changed(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2026-02-03T10:00:00+01:00", "0000-02-03T10:00:00+01:00"),
        ("2026-02-03T10:00:00+01:00", "0001-01-01T00:00:00+14:00"),
        ("2026-02-03T10:00:00+01:00", "9999-12-31T23:59:59-14:00"),
        ("2026-02-03T10:00:00+01:00", "2026-02-03T24:00:00Z"),
        ("2026-02-03T10:00:00+01:00", "2016-12-31T23:59:60Z"),
        ("2026-02-03T10:00:00+01:00", "2026-02-03T10:00:00+14:01"),
        (":beispielamt:", f":{'x' * 42}:"),
        (":beispielamt:", "::"),
        (":beispielamt:", ":ämter:"),
        (">Ihr Bescheid<", "> <"),
        (">Ihr Bescheid<", f">{'x' * 1025}<"),
        (">Ihr Bescheid<", ">a&#10;b<"),
        (">anna<", ">an\u202ena<"),
        (">anna<", ">an\u200bna<"),
        (">anna<", ">an\u00a0na<"),
        (">anna<", f">{'a' * 256}<"),
        ('"application/pdf"', '"application/pdf; x=y"'),
        ("</Notice>", "<ds:KeyInfo xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/></Notice>"),
        ("</Notice>", DOCUMENT * 100 + "</Notice>"),
        ('role="notice"', 'role="attachment"'),
        (' version="1.0">', ' version="1.1">'),
        (' version="1.0">', ' version="1.0" xml:base="file:///">'),
    ],
)
def test_what_the_format_does_not_allow_is_schema_invalid(old: str, new: str) -> None:
    assert refusal(changed(old, new)).refusal is RefusalClass.SCHEMA_INVALID


@pytest.mark.parametrize(
    "digits", ["", " ", "YQ", "YQ=", "YR==", "YWF=", "=", "Y Q = =!", "YQ==YQ=="]
)
def test_base64_is_taken_in_its_one_strict_form_only(digits: str) -> None:
    error = refusal(with_data(digits))
    assert (error.refusal, error.path) == ("SchemaInvalid", "/Notice/Document/Data")


@pytest.mark.parametrize("ending", [".xml", ".XML", ".part", ".tmp", ".filepart", ".tar.part"])
def test_a_reference_is_never_named_like_an_envelope_or_an_unfinished_file(ending: str) -> None:
    text = (EXAMPLES / "notice-reference.xml").read_text("utf-8")
    error = refusal(text.replace("notice-reference.pdf", f"notice{ending}"))
    assert (error.refusal, error.path) == ("SchemaInvalid", "/Notice/Document/Reference")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../b", "a b", "a\\b", "x" * 201, "ä.pdf"])
def test_a_reference_is_a_plain_file_name(name: str) -> None:
    text = (EXAMPLES / "notice-reference.xml").read_text("utf-8")
    assert refusal(text.replace("notice-reference.pdf", name)).refusal == "SchemaInvalid"


def test_a_file_of_the_drop_is_one_document_only() -> None:
    text = (EXAMPLES / "notice-reference.xml").read_text("utf-8")
    document = text[text.index("  <Document") : text.index("</Notice>")]
    second = document.replace('"d1"', '"d2"').replace('"notice"', '"attachment"')
    error = refusal(text.replace(document, document + second))
    assert (error.refusal, error.path) == ("SchemaInvalid", "/Notice/Document[2]")
    assert "same id or reference" in error.what


def test_an_envelope_over_the_limit_is_not_even_decoded() -> None:
    with pytest.raises(NoticeRefused) as caught:
        envelope.read(b"\xff" * 11, envelope.Limits(envelope=10))
    assert (caught.value.refusal, caught.value.code) == ("LimitExceeded", "9023")


def nested(depth: int) -> str:
    inner = depth - 1  # Notice is the first level
    return changed("</Notice>", f"{'<x>' * inner}{'</x>' * inner}</Notice>")


ATTRIBUTES = " ".join(f'a{n}="1"' for n in range(wellformed.MAX_ATTRIBUTES))
ROOM = MIB - len("Ihr Bescheid")  # bytes left beside the example's subject
DECLARATIONS = " ".join(f'xmlns:a{n}="urn:x"' for n in range(wellformed.MAX_ATTRIBUTES))


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (nested(64), nested(65)),
        (f"<Subject {ATTRIBUTES}>", f'<Subject {ATTRIBUTES} b="1">'),
        (f"<Subject {DECLARATIONS} b='1'>", f'<Subject {DECLARATIONS} xmlns:b="urn:x" b="1">'),
        (f"<Subject>{'x' * ROOM}", f"<Subject>{'x' * ROOM}y"),
        (f"<Subject>{'ä' * (ROOM // 2)}", f"<Subject>{'ä' * (ROOM // 2)}y"),
        (f"<Subject>{'x' * ROOM}<b/>", f"<Subject>{'x' * ROOM}<b/>y"),
        (f'<Subject a="{"x" * MIB}">', f'<Subject a="{"x" * MIB}y">'),
        (f'<Subject {"a" * 1024}="">', f'<Subject {"a" * 1025}="">'),
        (f"<Subject>{'<b/>' * 4000}", f"<Subject>{'<b/>' * 4096}"),
    ],
    ids=[
        "depth",
        "attributes",
        "namespaces",
        "text",
        "bytes",
        "pieces",
        "value",
        "name",
        "elements",
    ],
)
def test_a_limit_holds_to_the_last_one_before_the_schema(within: str, beyond: str) -> None:
    texts = [t if t.startswith("<?xml") else changed("<Subject>", t) for t in (within, beyond)]
    assert [refusal(text).refusal for text in texts] == ["SchemaInvalid", "LimitExceeded"]


@pytest.mark.slow
@pytest.mark.parametrize("filler", ["A", " A", " " * 4096 + "A"])
def test_a_document_over_5_mib_is_too_large_however_it_is_written(filler: str) -> None:
    digits = filler * (7 * MIB // len(filler.strip()) if len(filler) < 3 else 2100)
    error = refusal(with_data(digits))
    assert (error.refusal, error.path) == ("LimitExceeded", "/Notice/Document/Data")


def test_data_anywhere_else_is_a_text_like_others() -> None:
    assert refusal(changed("<Subject>", f"<Data>{'x' * (MIB + 1)}</Data><Subject>")).refusal == (
        "LimitExceeded"
    )


@pytest.mark.parametrize(("document", "drop"), [(593, 10_000), (10_000, 593)])
def test_announced_sizes_over_the_limits_are_refused_on_reading(document: int, drop: int) -> None:
    with pytest.raises(NoticeRefused) as caught:
        envelope.read(MINIMAL.encode(), envelope.Limits(document=document, drop=drop))
    assert (caught.value.refusal, caught.value.code) == ("LimitExceeded", "9023")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\xff<!DOCTYPE x>", "XmlMalformed"),
        (b"<?xml version='1.1'?><!DOCTYPE x><x/>", "XmlMalformed"),
        (b"<!DOCTYPE x [", "XmlForbidden"),
        (b"<x><!-- --", "XmlMalformed"),
        (b"<x><!-- --><", "XmlForbidden"),
        (b"<x>" * 65 + b"<!-- -->", "LimitExceeded"),
        (b"<?xml-stylesheet href='x'?><x/>", "XmlForbidden"),
        (b"<x xmlns:xi='http://www.w3.org/2001/XInclude'/>", "XmlForbidden"),
        (b"<\x00x\x00/\x00>\x00", "XmlMalformed"),
        (b"\xef\xbb\xbf\xef\xbb\xbf<x/>", "XmlMalformed"),
        (b"<a:x/>", "XmlMalformed"),
        (b"<x/>", "SchemaInvalid"),
    ],
)
def test_the_first_layer_that_finds_fault_speaks(text: bytes, expected: str) -> None:
    assert refusal(text).refusal == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_and_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(NoticeRefused):
        read(data)


@given(
    st.integers(0, len(MINIMAL) - 1),
    st.integers(0, 30),
    st.one_of(st.binary(max_size=6), st.sampled_from([b"<!-- -->", b"<x/>", b"&#0;", b"]]>"])),
)
def test_any_damage_ends_in_a_notice_or_a_refusal(start: int, length: int, new: bytes) -> None:
    data = MINIMAL.encode()
    with contextlib.suppress(NoticeRefused):
        take(data[:start] + new + data[start + length :])
