"""Names, sizes and digests of documents: what a recipient's machine may be given."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import envelope, schemas
from hub.errors import NoticeRefused
from hub.model import Document, Notice
from tests import envelopes

EXAMPLES = schemas.folder() / "examples"
LIMITS = envelope.Limits()
FULL = envelopes.read((EXAMPLES / "notice-full.xml").read_bytes())


def with_documents(*documents: Document) -> Notice:
    return dataclasses.replace(FULL, documents=documents)


def with_names(*names: str, content_type: str = "application/octet-stream") -> Notice:
    first = dataclasses.replace(FULL.documents[0], content_type=content_type)
    return with_documents(*(dataclasses.replace(first, filename=name) for name in names))


def fault(notice: Notice) -> NoticeRefused:
    with pytest.raises(NoticeRefused) as caught:
        envelope.check_names(notice)
    assert caught.value.refusal == "AttachmentRejected"
    assert caught.value.code == "9052"
    return caught.value


@pytest.mark.parametrize(
    "name",
    [
        "bescheid",
        "Bescheid Nr. 12-2026_v1.2 (Entwurf) [Kopie] + Anlage, 50 %, §3 & Co",
        "Übersicht \N{EN DASH} Straße größer.bin",
        "U\u0308bersicht",
        "решение",
        "決定通知",
        "notice.tar.bin",
        "console",
        "com10.x",
        "auxiliary.x",
        "_x",
        "x" * 255,
        "ä" * 127,
    ],
)
def test_a_plain_name_in_any_script_is_taken(name: str) -> None:
    envelope.check_names(with_names(name))


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", " ", "/", "a/b", "a\\b", "../a", "/etc/passwd", "C:a", "a:b", "\\\\h\\s"),
        *("%2e%2e%2fa", "a%00b", "a*", "a?", 'a"', "a<b", "a>b", "a|b", "$(id)", "`id`", "a;b"),
        *("a\nb", "a\tb", "a\x7fb", "a\x85b", "a\u202eb", "a\u2066b", "a\u200bb", "a\ufeffb"),
        *(
            "a\u2028b",
            "a\u2215b",
            "a\uff0fb",
            "a\u2024b",
            "a\ue000b",
            "a\ufffeb",
            "a\xa0b",
            "a\x00b",
        ),
        *(".htaccess", "-rf", "~a", " a", "a ", "a.", "a~", "\u0301a"),
        *("con", "CON.pdf", "nul.tar.gz", "Aux .x", "COM1", "lpt9.txt", "com¹.x"),
        *("x" * 256, "ä" * 128),
    ],
)
def test_what_is_no_single_plain_name_everywhere_is_refused(name: str) -> None:
    assert fault(with_names(name)).path == "/Notice/Document/@filename"


@pytest.mark.parametrize("name", ["x$", "con$", "conin$", "clock$"])
def test_a_dollar_is_in_no_name(name: str) -> None:
    fault(with_names(name))


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("bescheid.pdf.exe", "application/pdf"),
        ("bescheid.exe", "application/octet-stream"),
        ("bescheid.pdf          .EXE", "application/octet-stream"),
        ("bescheid.PDF.Lnk", "application/pdf"),
        ("bescheid.js", "text/javascript"),
        ("bescheid.pdf.html", "text/html"),
        ("bescheid.docx.zip", "application/zip"),
        ("bescheid.pdf", "text/html"),
        ("bescheid.txt", "application/pdf"),
        ("bescheid.PNG", "image/svg+xml"),
        ("bescheid.xml", "text/html"),
    ],
)
def test_a_name_that_misleads_about_the_type_is_refused(name: str, content_type: str) -> None:
    fault(with_names(name, content_type=content_type))


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("bescheid.docx.pdf", "application/pdf"),
        ("Bescheid.PDF", "Application/PDF"),
        ("daten.xml", "application/xoev+xml"),
        ("daten.xml", "text/xml"),
        ("plan.dwg", "image/vnd.dwg"),
        ("anlagen.zip", "application/zip"),
        ("v1.2", "application/pdf"),
    ],
)
def test_a_name_that_fits_its_type_or_promises_none_is_taken(name: str, content_type: str) -> None:
    envelope.check_names(with_names(name, content_type=content_type))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.pdf", "a.pdf"),
        ("a.pdf", "A.PDF"),
        ("Straße", "STRASSE"),
        ("Übersicht", "U\u0308bersicht"),
        ("ﬁn", "fin"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}", "a"),
    ],
)
def test_a_name_that_some_system_takes_for_another_is_there_twice(first: str, second: str) -> None:
    error = fault(with_names(first, second, content_type="application/pdf"))
    assert error.path == "/Notice/Document[2]/@filename"
    assert "too" in error.what


def passes(name: str) -> bool:
    try:
        envelope.check_names(with_names(name))
    except NoticeRefused:
        return False
    return True


@pytest.mark.slow
@given(st.text(max_size=40).filter(passes))
def test_a_name_that_passes_is_one_plain_component_of_a_path(name: str) -> None:
    assert name == name.strip(" .")
    assert not set(name) & set('/\\:*?"<>|$`;\0\n\r')
    assert 1 <= len(name.encode()) <= 255


def test_a_refused_name_is_not_shown() -> None:
    assert "CANARY" not in str(fault(with_names("CANARY/x")))


def test_sizes_up_to_the_limits_are_taken() -> None:
    sizes = [document.size for document in FULL.documents]
    envelope.check_sizes(FULL, envelope.Limits(document=max(sizes), drop=sum(sizes)))


@pytest.mark.parametrize(("document_less", "drop_less"), [(1, 0), (0, 1)])
def test_a_document_or_a_drop_over_its_limit_is_refused(document_less: int, drop_less: int) -> None:
    sizes = [document.size for document in FULL.documents]
    limits = envelope.Limits(document=max(sizes) - document_less, drop=sum(sizes) - drop_less)
    with pytest.raises(NoticeRefused) as caught:
        envelope.check_sizes(FULL, limits)
    assert (caught.value.refusal, caught.value.code) == ("LimitExceeded", "9023")


@pytest.mark.parametrize("more", [-1, 1])
def test_a_document_inside_is_as_long_as_said(more: int) -> None:
    first, second = FULL.documents
    odd = dataclasses.replace(second, size=second.size + more)
    with pytest.raises(NoticeRefused) as caught:
        envelope.check_sizes(with_documents(first, odd), LIMITS)
    assert caught.value.refusal == "AttachmentRejected"
    assert caught.value.path == "/Notice/Document[2]/@size"
    assert caught.value.line == second.line


def test_a_document_inside_has_the_digest_said_by_either_method() -> None:
    envelope.check_digests(FULL)
    for number, document in enumerate(FULL.documents):
        assert document.data is not None
        changed = dataclasses.replace(document, data=document.data[:-1] + b"x")
        documents = [*FULL.documents]
        documents[number] = changed
        with pytest.raises(NoticeRefused) as caught:
            envelope.check_digests(with_documents(*documents))
        assert caught.value.refusal == "AttachmentRejected"
        assert caught.value.path == f"/Notice/Document[{number + 1}]/Digest"


def test_a_file_of_the_drop_is_measured_elsewhere() -> None:
    first = dataclasses.replace(FULL.documents[0], data=None, reference="a.pdf", digest="0" * 128)
    envelope.check_sizes(with_documents(first), LIMITS)
    envelope.check_digests(with_documents(first))
