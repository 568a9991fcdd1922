"""Recognising addresses, checking notices against capabilities."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.errors import NoticeRefused
from hub.mailboxes import NotYetKnown, check, fitting, recognise
from hub.model import (
    SHA256,
    AssuranceLevel,
    Author,
    Code,
    Document,
    LegalBasis,
    MailboxAddress,
    Notice,
    Role,
    Status,
    StatusUpdate,
)
from postfach_mailbox.capabilities import Capabilities, Repeat

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def capabilities(**changes: Any) -> Capabilities:
    fields: dict[str, Any] = {
        "scheme": "archive",
        "address_pattern": "[a-z]+",
        "legal_bases": frozenset({"OZG9"}),
        "assurance_level": "substantial",
        "max_file": 1000,
        "max_total": 1500,
        "max_count": 2,
        "media_types": ("application/pdf",),
        "subject_max": 10,
        "sender_max": 10,
        "text_max": 10,
        "repeat": Repeat.IDEMPOTENT,
    }
    return Capabilities(**fields | changes)


def document(**changes: Any) -> Document:
    fields: dict[str, Any] = {
        "id": "d1",
        "content_type": "application/pdf",
        "filename": "bescheid.pdf",
        "size": 900,
        "role": Role.NOTICE,
        "digest_method": SHA256,
        "digest": "0" * 64,
        "reference": "bescheid.pdf",
        "line": 17,
    }
    return Document(**fields | changes)


def notice(**changes: Any) -> Notice:
    fields: dict[str, Any] = {
        "message_id": "urn:de:xta:messageid:a:1",
        "created_at": NOW,
        "author": Author(identifier="1"),
        "mailbox": MailboxAddress(id="anna"),
        "service": "urn:x",
        "message_type": Code(value="x"),
        "subject": "Bescheid",
        "legal_basis": LegalBasis.OZG9,
        "assurance_level": AssuranceLevel.SUBSTANTIAL,
        "documents": (document(),),
    }
    return Notice(**fields | changes)


def refusal(given: Notice, **changes: Any) -> NoticeRefused:
    with pytest.raises(NoticeRefused) as caught:
        check(given, capabilities(**changes), sandbox=False, now=NOW)
    assert caught.value.refusal == "MailboxRefused"
    return caught.value


KNOWN = capabilities()
DIGITS = capabilities(scheme="muk", address_pattern="[0-9]+")


def test_a_scheme_decides_even_while_its_mailbox_has_told_nothing() -> None:
    candidates = {"one": ("archive", None), "two": ("muk", DIGITS)}
    assert recognise(MailboxAddress(id="anna", scheme="archive"), candidates) == "one"
    assert recognise(MailboxAddress(id="anna", scheme="muk"), candidates) == "two"


def test_without_a_scheme_the_one_fitting_pattern_decides() -> None:
    candidates = {"one": ("archive", KNOWN), "two": ("muk", DIGITS)}
    assert recognise(MailboxAddress(id="anna"), candidates) == "one"
    assert recognise(MailboxAddress(id="4711"), candidates) == "two"


def test_an_address_that_fits_two_mailboxes_is_refused_with_their_schemes() -> None:
    candidates = {"one": ("archive", KNOWN), "two": ("other", KNOWN), "three": ("muk", None)}
    with pytest.raises(NoticeRefused, match="archive, other") as caught:
        recognise(MailboxAddress(id="anna"), candidates)
    assert caught.value.refusal == "MailboxRefused"
    assert "anna" not in str(caught.value)


@pytest.mark.parametrize("address", [MailboxAddress(id="?"), MailboxAddress(id="x", scheme="no")])
def test_an_address_that_fits_no_mailbox_is_refused_with_the_candidates(
    address: MailboxAddress,
) -> None:
    with pytest.raises(NoticeRefused, match="archive, muk"):
        recognise(address, {"one": ("archive", KNOWN), "two": ("muk", DIGITS)})


def test_an_address_waits_while_a_mailbox_that_could_fit_has_told_nothing() -> None:
    candidates = {"one": ("archive", KNOWN), "two": ("muk", None)}
    with pytest.raises(NotYetKnown, match="two") as caught:
        recognise(MailboxAddress(id="anna"), candidates)
    assert caught.value.mailboxes == ("two",)


def test_a_scheme_waits_while_a_mailbox_has_not_told_its_own() -> None:
    with pytest.raises(NotYetKnown):
        recognise(MailboxAddress(id="anna", scheme="muk"), {"one": (None, None)})


def test_a_notice_that_fits_is_taken() -> None:
    check(notice(), capabilities(), sandbox=False, now=NOW)
    check(notice(test=True), None, sandbox=True, now=NOW)


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"mailbox_use_excluded": True}, "9052", "/Notice/MailboxUse"),
        ({"test": True}, "9052", "/Notice/TestNotice"),
        ({"obsolete_after": NOW}, "9022", "/Notice/ObsoleteAfter"),
        (
            {"obsolete_after": NOW + HOUR, "not_before": NOW + HOUR},
            "9022",
            "/Notice/ObsoleteAfter",
        ),
        ({"mailbox": MailboxAddress(id="4711")}, "9070", "/Notice/Mailbox"),
        ({"legal_basis": LegalBasis.AO122A}, "9052", "/Notice/LegalBasis"),
        ({"assurance_level": AssuranceLevel.HIGH}, "9052", "/Notice/AssuranceLevel"),
        ({"subject": "x" * 11}, "9023", "/Notice/Subject"),
        ({"text": "x" * 11}, "9023", "/Notice/Text"),
        ({"author": Author(identifier="1", name="x" * 11)}, "9023", "/Notice/Author"),
        ({"documents": (document(size=1001),)}, "9023", "/Notice/Document[1]"),
        ({"documents": (document(), document())}, "9023", "/Notice/Document[2]"),
        ({"documents": (document(size=1),) * 3}, "9023", "/Notice/Document[3]"),
        ({"documents": (document(content_type="image/png"),)}, "9052", "/Notice/Document[1]"),
    ],
)
def test_what_the_mailbox_cannot_take_is_refused_with_code_and_place(
    changes: dict[str, Any], code: str, path: str
) -> None:
    found = refusal(notice(**changes))
    assert (found.code, found.path) == (code, path)


def test_a_refusal_for_a_document_names_its_line() -> None:
    assert refusal(notice(documents=(document(size=1001),))).line == 17


def test_a_real_notice_never_goes_to_a_sandbox() -> None:
    for told in (capabilities(), None):
        with pytest.raises(NoticeRefused):
            check(notice(), told, sandbox=True, now=NOW)


def test_times_that_leave_room_are_taken() -> None:
    later = replace(notice(), not_before=NOW + HOUR, obsolete_after=NOW + 2 * HOUR)
    check(later, capabilities(), sandbox=False, now=NOW)


def test_an_address_is_checked_in_its_normal_form() -> None:
    upper = notice(mailbox=MailboxAddress(id="ANNA"))
    assert refusal(upper).code == fitting.UNKNOWN_ID
    check(upper, capabilities(address_normal_form="lower"), sandbox=False, now=NOW)


def status(**changes: Any) -> StatusUpdate:
    fields: dict[str, Any] = {
        "message_id": "urn:de:xta:messageid:bauamt:1",
        "created_at": NOW,
        "author": Author(identifier="1"),
        "mailbox": MailboxAddress(id="anna"),
        "service": "urn:x",
        "application_id": "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05",
        "status": Status.RECEIVED,
    }
    return StatusUpdate(**fields | changes)


def test_a_status_goes_to_a_mailbox_that_shows_one_and_to_no_other() -> None:
    check(status(), capabilities(status=True), sandbox=False, now=NOW)
    with pytest.raises(NoticeRefused) as caught:
        check(status(), capabilities(), sandbox=False, now=NOW)
    assert (caught.value.code, caught.value.path) == ("9022", "/StatusUpdate/Mailbox")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"mailbox": MailboxAddress(id="ANNA")}, "Mailbox"),
        ({"test": True}, "TestNotice"),
        ({"obsolete_after": NOW}, "ObsoleteAfter"),
        ({"not_before": NOW + 2 * HOUR, "obsolete_after": NOW + HOUR}, "ObsoleteAfter"),
    ],
    ids=["id", "test", "past", "no-time"],
)
def test_what_bounds_a_notice_bounds_a_status(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(NoticeRefused) as caught:
        check(status(**changes), capabilities(status=True), sandbox=False, now=NOW)
    assert caught.value.path == f"/StatusUpdate/{path}"
