"""What the print service finds, and what it tells, beyond the contract's own tests."""

import hashlib
import io
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from postfach_mailbox import (
    Deferred,
    Delivery,
    DeliveryDocument,
    Deposited,
    Outcome,
    Refused,
)
from postfach_mailbox.notice import AddressData, AuthorData, CodeData, DocumentData, NoticeData
from postfach_mailbox_postal import PostalMailbox, cover, folder, ticket
from postfach_mailbox_postal.kit import PrintService

NEVER = time.clock_gettime(time.CLOCK_BOOTTIME) + 86400
KEY = hashlib.sha256(b"1").hexdigest()
LINES = ("Frau", "Erika Nachtigall", "Amselweg 1", "18055 Rostock")
PDF = "application/pdf"
NAME = f"{{{ticket.NAMESPACE}}}"
SENDER = "Bauamt, Postfach 1, 18055 Rostock"


def document(name: str, data: bytes, role: str = "attachment", **told: str) -> DeliveryDocument:
    facts = DocumentData.model_validate(
        {
            "id": "d1",
            "filename": name,
            "content_type": told.get("kind", PDF),
            "size": len(data),
            "role": role,
            "sha256": told.get("sha256", hashlib.sha256(data).hexdigest()),
        }
    )
    return DeliveryDocument(facts=facts, opener=lambda: io.BytesIO(data))


def delivery(*documents: DeliveryDocument, **told: object) -> Delivery:
    files = documents or (document("bescheid.pdf", b"notice", "notice"),)
    notice = {
        "message_id": "urn:de:xta:messageid:a:1",
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "author": AuthorData(identifier="1", name="Bauamt"),
        "mailbox": AddressData(id="anna"),
        "service": "urn:x",
        "message_type": CodeData(value="x"),
        "subject": "Ihre Baugenehmigung",
        "case_reference": "BA-2026-0815",
        "legal_basis": "OZG9",
        "assurance_level": "low",
        "documents": tuple(each.facts for each in files),
        "postal_address": LINES,
    }
    return Delivery(
        key=KEY,
        notice=NoticeData.model_validate(notice | told),
        documents=files,
        sealed_notice=document("bescheid-siegel.xml", b"<seal/>", kind="application/xml"),
        prepared=None,
        attempt=1,
        deadline=NEVER,
    )


def text_of(pdf: bytes) -> str:
    """Return what a PDF shows, as another program reads it."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext: not installed, not checked")
    done = subprocess.run(
        [program, "-layout", "-", "-"], input=pdf, capture_output=True, check=True, timeout=30
    )
    return done.stdout.decode()


def test_a_job_is_whole_in_order_and_says_what_lies_in_it(
    relay: PostalMailbox, tmp_path: Path
) -> None:
    answer = relay.deposit(
        delivery(document("a.pdf", b"notice", "notice"), document("b.pdf", b"plan"))
    )
    assert isinstance(answer, Deposited)
    job = tmp_path / "print" / "jobs" / KEY
    names = ["00-cover.pdf", "01.pdf", "02.pdf", "job.xml"]
    assert sorted(each.name for each in job.iterdir()) == names
    root = etree.fromstring((job / "job.xml").read_bytes())
    assert (root.get("key"), root.findtext(f"{NAME}Author")) == (KEY, "Bauamt")
    assert [each.text for each in root.iter(f"{NAME}Line")] == list(LINES)
    for element in [*root.iter(f"{NAME}Cover"), *root.iter(f"{NAME}Document")]:
        data = (job / str(element.get("file"))).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        assert (element.get("size"), element.get("sha256")) == (str(len(data)), digest)
    assert (job / "02.pdf").read_bytes() == b"plan"
    shown = b"".join(each.data for each in answer.evidence)
    assert hashlib.sha256((job / "job.xml").read_bytes()).hexdigest().encode() in shown
    assert b"Nachtigall" not in shown


def test_the_cover_sheet_shows_address_and_case_and_nothing_is_markup() -> None:
    hostile = ("Herr #strong[X] $x^2$", "*fett* _kursiv_ <b> @ref", "\\ // /* `code` ~", "Łódź Ğ Ș")
    notice = delivery(
        postal_address=hostile, subject='#read("/etc/passwd") #import "@preview/x:1.0.0"'
    ).notice
    sheet = cover.render(notice, SENDER, ('#eval("1").pdf',))
    shown = text_of(sheet)
    for line in (*hostile, "BA-2026-0815", "Bauamt", notice.subject, SENDER, '#eval("1").pdf'):
        assert " ".join(line.split()) in " ".join(shown.split())
    assert "root:" not in shown
    assert sheet == cover.render(notice, SENDER, ('#eval("1").pdf',))


def test_the_address_lies_in_the_window_of_a_din_envelope() -> None:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext: not installed, not checked")
    sheet = cover.render(delivery().notice, SENDER, ())
    done = subprocess.run(
        [program, "-bbox", "-", "-"], input=sheet, capture_output=True, check=True, timeout=30
    )
    words = etree.fromstring(done.stdout, etree.HTMLParser()).iter("{*}word", "word")
    found = {each.text: each for each in words}
    points = 72 / 25.4
    for line in LINES:
        for word in line.split():
            left, top = (float(found[word].get(key, "")) / points for key in ("xmin", "ymin"))
            right, bottom = (float(found[word].get(key, "")) / points for key in ("xmax", "ymax"))
            assert 20 <= left < right <= 105
            assert 62 <= top < bottom <= 90
    assert float(found["Absender"].get("ymin", "")) / points > 92


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"postal_address": ()}, "CONTENT_INVALID"),
        ({"postal_address": tuple("1234567")}, "CONTENT_INVALID"),
    ],
    ids=["none", "too long"],
)
def test_without_an_address_that_fits_nothing_is_posted(
    relay: PostalMailbox, service: PrintService, changed: dict[str, object], code: str
) -> None:
    answer = relay.deposit(delivery(**changed))
    assert isinstance(answer, Refused)
    assert answer.reason.code == code
    assert service.deposited == []


def test_only_pdf_is_printed(relay: PostalMailbox, service: PrintService) -> None:
    answer = relay.deposit(delivery(document("a.xml", b"<x/>", "notice", kind="application/xml")))
    assert isinstance(answer, Refused)
    assert answer.reason.code == "TYPE_REFUSED"
    assert service.deposited == []


def test_a_document_that_is_not_the_announced_one_is_not_printed(
    relay: PostalMailbox, service: PrintService
) -> None:
    answer = relay.deposit(delivery(document("a.pdf", b"notice", "notice", sha256="0" * 64)))
    assert isinstance(answer, Deferred)
    assert service.deposited == []


def test_a_letter_that_was_taken_away_is_not_made_again(
    relay: PostalMailbox, service: PrintService
) -> None:
    first = relay.deposit(delivery())
    assert service.deposited == [KEY]
    assert relay.deposit(delivery()) == first
    assert service.deposited == [KEY]


class Dies(BaseException):
    """The process ends here."""


CALLS = ("open", "mkdir", "fsync", "rename", "unlink")


def strike(monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> list[str]:
    """Let the call number `at` of those that write fail; return the calls that came."""
    seen: list[str] = []

    def failing(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            seen.append(name)
            if len(seen) == at:
                raise error
            return real(*arguments, **more)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, failing(name, getattr(os, name)))
    return seen


def calls_of_a_deposit(relay: PostalMailbox, monkeypatch: pytest.MonkeyPatch) -> int:
    with monkeypatch.context() as patched:
        seen = strike(patched, 0, Dies())
        relay.deposit(delivery())
    return len(seen)


@pytest.mark.parametrize("error", [Dies(), OSError(28, "No space left on device")], ids=type)
def test_whatever_call_it_dies_or_fails_at_there_is_one_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    trial = PostalMailbox(PostalMailbox.Config(path=tmp_path / "trial", sender=SENDER))
    PrintService(tmp_path / "trial", tmp_path / "trial-printed").set_up()
    points = calls_of_a_deposit(trial, monkeypatch)
    assert points > 20
    for at in range(1, points + 1):
        root = tmp_path / f"at{at}"
        service = PrintService(root, tmp_path / f"printed{at}").set_up()
        relay = PostalMailbox(PostalMailbox.Config(path=root, sender=SENDER))
        answer: Outcome | None = None
        with monkeypatch.context() as patched:
            strike(patched, at, error)
            with suppress(Dies):
                answer = relay.deposit(delivery())
        early = service.deposited  # the print service may take it at any moment
        if isinstance(answer, Deferred):
            assert early == [], f"call {at}: it says that nothing was handed over"
        again = relay.deposit(delivery())
        assert isinstance(again, Deposited), f"call {at}: {again}"
        assert service.deposited == [KEY], f"call {at}: {answer}"


def test_two_at_one_letter_wait_for_each_other_and_no_longer_than_they_may(
    relay: PostalMailbox, service: PrintService, tmp_path: Path
) -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    with folder.opened(tmp_path / "print", KEY, NEVER):
        answer = relay.deposit(replace(delivery(), deadline=now + 0.2))
        assert isinstance(answer, Deferred)
        assert time.clock_gettime(time.CLOCK_BOOTTIME) < now + 5
    assert service.deposited == []
    assert isinstance(relay.deposit(delivery()), Deposited)
