"""Receipts and sealed notices: valid for two validators, canonical, never claiming too much."""

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta, timezone
from functools import cache

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hub import schemas, seal
from hub.model import MailboxAddress, Notice
from hub.receipt import (
    MOST_ENVELOPE,
    MOST_EVIDENCE,
    Attempt,
    DocumentDigest,
    Drop,
    MailboxEvidence,
    Outcome,
    Reason,
    Receipt,
    render,
    render_sealed_notice,
)
from hub.seal.policy import POLICY
from tests import certificates as made
from tests import envelopes

NS = {"e": schemas.NAMESPACE}
HEX = "0123456789abcdef" * 4
MINIMAL = Receipt(
    receipt_id="1f0c3a52-7a41-4f36-9c61-000000000001",
    outcome=Outcome.FAILED,
    issued_at=made.NOW,
    issuer="hub.example.mv",
    log_id="log-1",
    log_digest=HEX,
)
FULL = replace(
    MINIMAL,
    outcome=Outcome.DEPOSITED,
    message_id="urn:de:xta:messageid:bauamt:0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e02",
    case_reference="4711/26 <&>",
    mailbox=MailboxAddress(id="anna", scheme="archive"),
    documents=(
        DocumentDigest(id="d1", handed_in=HEX, size=1),
        DocumentDigest(id="d2", handed_in=HEX, size=2, deposited=HEX[::-1]),
    ),
    accepted_at=made.NOW,
    first_attempt_at=made.NOW,
    deposited_at=made.NOW,
    deposited_source="mailbox",
    first_retrieved_at=made.NOW,
    attempts=(Attempt(at=made.NOW, code="DEFERRED"), Attempt(at=made.NOW, code="DEPOSITED")),
    reason=Reason(code="9032", text="why", mailbox_code="M-1", line=1, path="/Notice"),
    warnings=(Reason(code="LATE", text="slow"), Reason(code="LATE", text="slower")),
    evidence=(
        MailboxEvidence(name="answer", media_type="application/json", data=b"{}"),
        MailboxEvidence(name="letter", media_type="text/plain", data=b"x", in_receipt=False),
    ),
)


@cache
def second_validator(name: str) -> xmlschema.XMLSchema10:
    return xmlschema.XMLSchema10(str(schemas.folder() / f"{name}.xsd"), allow="local")


@cache
def sealer() -> seal.Seal:
    own = made.issue("hub", None)
    return seal.Seal.of(own.key, own.certificate, (), POLICY[0])


def valid(name: str, document: bytes) -> bool:
    """Whether libxml2 and xmlschema accept the document with a seal; they must agree."""
    signed = sealer().sign(document, made.NOW)
    first = schemas.schema(name).validate(etree.fromstring(signed))
    assert first == second_validator(name).is_valid(signed.decode())
    return first


def text(document: bytes, path: str) -> str:
    return str(etree.fromstring(document).xpath(f"string({path})", namespaces=NS))


@pytest.mark.parametrize("receipt", [MINIMAL, FULL], ids=["minimal", "full"])
def test_a_receipt_is_valid_and_canonical(receipt: Receipt) -> None:
    """With the seal as its last child, which the schema requires."""
    document = render(receipt)
    assert valid("receipt", document)
    assert document == etree.tostring(etree.fromstring(document), method="c14n")
    assert not schemas.schema("receipt").validate(etree.fromstring(document))


def test_the_same_event_gives_the_same_bytes() -> None:
    """Nothing of the moment or of the machine enters."""
    assert render(FULL) == render(replace(FULL))


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_has_its_event_and_suffix_in_the_schema(outcome: Outcome) -> None:
    """All kinds of receipts are final now, also those that are not yet issued."""
    receipt = replace(
        FULL,
        outcome=outcome,
        drop=Drop(stem="x") if outcome is Outcome.REJECTED else None,
        settled_as="failed" if outcome is Outcome.SETTLED else None,
        relayed_at=FULL.deposited_at,
        relayed_source=FULL.deposited_source,
    )
    assert valid("receipt", render(receipt))
    assert outcome.suffix in SUFFIXES
    assert (outcome.event is None) == (outcome.suffix == "status")


SUFFIXES = {
    "accepted",
    "rejected",
    "deposited",
    "failed",
    "unresolved",
    "settled",
    "posted",
    "post-result",
    "retrieved",
    "not-retrieved",
    "status",
}


@pytest.mark.parametrize(("settled", "event"), [("deposited", ""), ("failed", "Failure")])
def test_a_settled_receipt_names_what_was_decided(settled: str, event: str) -> None:
    """Its event follows the decision."""
    document = render(replace(MINIMAL, outcome=Outcome.SETTLED, settled_as=settled))
    assert text(document, "//e:Outcome/@as") == settled
    assert text(document, "//e:Event").endswith(f"ContentConsignment{event}")


@pytest.mark.parametrize(
    "change",
    [
        {"deposited_at": None},
        {"deposited_source": None},
        {"evidence": ()},
        {"outcome": Outcome.REJECTED},
        {"outcome": Outcome.POSTED},
        {"outcome": Outcome.POSTED_ON, "relayed_at": FULL.issued_at},
        {"drop": Drop(stem="x")},
        {"outcome": Outcome.SETTLED},
        {"settled_as": "deposited"},
        {"evidence": (MailboxEvidence(name="a", media_type="a/b", data=b"x" * 65537),)},
    ],
    ids=str,
)
def test_a_receipt_that_claims_what_was_not_confirmed_is_not_made(
    change: dict[str, object],
) -> None:
    """A positive one needs the mailbox's time, its source and its own answer."""
    with pytest.raises(ValueError, match=r"deposited|posted|drop|settled|64 KiB"):
        render(replace(FULL, **change))  # type: ignore[arg-type]  # one field of Receipt each


@pytest.mark.parametrize("change", [{"deposited_at": None}, {"evidence": ()}], ids=str)
def test_no_receipt_says_that_a_state_is_shown_without_the_mailboxs_word(
    change: dict[str, object],
) -> None:
    shown = replace(FULL, outcome=Outcome.STATUS_SET)
    assert text(render(shown), "//e:Outcome") == "STATUS_SET"
    with pytest.raises(ValueError, match="missing"):
        render(replace(shown, **change))  # type: ignore[arg-type]  # one field of Receipt each


def test_evidence_that_the_plugin_keeps_back_is_named_by_digest_only() -> None:
    """The bytes lie in the vault."""
    document = render(FULL)
    assert text(document, "//e:MailboxEvidence[1]/e:Data") == "e30="
    assert etree.fromstring(document).find(".//e:MailboxEvidence[2]/e:Data", NS) is None
    assert text(document, "//e:MailboxEvidence[2]/e:Digest") == hashlib.sha256(b"x").hexdigest()


@pytest.mark.slow
@given(words=st.text(max_size=1100), data=st.binary(max_size=50))
def test_no_text_of_a_stranger_makes_a_receipt_invalid(words: str, data: bytes) -> None:
    """Control characters, lone surrogates, lengths, empty texts."""
    reason = Reason(code=words, text=words, mailbox_code=words, path=words)
    receipt = replace(
        FULL,
        outcome=Outcome.REJECTED,
        drop=Drop(stem=words),
        attempts=(Attempt(at=made.NOW, code=words),),
        reason=reason,
        warnings=(reason,),
        evidence=(MailboxEvidence(name=words, media_type=words, data=data),),
    )
    assert valid("receipt", render(receipt))


def test_the_largest_evidence_is_accepted() -> None:
    """64 KiB, and an empty answer too."""
    for data in (b"", b"x" * MOST_EVIDENCE):
        evidence = (MailboxEvidence(name="a", media_type="a/b", data=data),)
        assert valid("receipt", render(replace(FULL, evidence=evidence)))


def test_times_are_written_in_utc_and_never_later_than_they_are() -> None:
    """Milliseconds are cut, not rounded; without a fraction none is claimed."""
    berlin = timezone(timedelta(hours=1))
    exact = render(replace(MINIMAL, issued_at=made.NOW.astimezone(berlin)))
    assert text(exact, "//e:IssuedAt") == "2026-02-03T10:00:00Z"
    late = render(replace(MINIMAL, issued_at=made.NOW + timedelta(microseconds=999_999)))
    assert text(late, "//e:IssuedAt") == "2026-02-03T10:00:00.999Z"


def broken(document: bytes) -> list[bytes]:
    """Return the document with one fault each."""
    changes = (
        lambda root: root.remove(root[0]),
        lambda root: root.insert(0, root[2]),
        lambda root: root.append(root[0]),
        lambda root: root.set("version", "2.0"),
        lambda root: root.set("more", "x"),
        lambda root: setattr(root[0], "text", "x y"),
        lambda root: etree.SubElement(root[0], "x"),
        lambda root: setattr(root[-1], "text", ""),
    )
    results = []
    for change in changes:
        root = etree.fromstring(document)
        change(root)
        results.append(etree.tostring(root, method="c14n"))
    return results


def test_both_validators_refuse_the_same_faults() -> None:
    """libxml2 and xmlschema agree, so either may be used to check receipts."""
    for document in broken(render(FULL)):
        assert not valid("receipt", document)
    for document in broken(sealed_notice()):
        assert not valid("sealed-notice", document)


def notice() -> tuple[Notice, bytes]:
    data = (schemas.folder() / "examples" / "notice-reference.xml").read_bytes()
    return envelopes.read(data), data


def sealed_notice(size: int | None = None) -> bytes:
    read, data = notice()
    return render_sealed_notice(
        read,
        envelope=data if size is None else b"x" * size,
        envelope_sha256=hashlib.sha256(data).hexdigest(),
        documents=(DocumentDigest(id="d1", handed_in=HEX, size=1, deposited=HEX),),
        accepted_at=made.NOW,
        issuer="hub.example.mv",
    )


def test_a_sealed_notice_is_valid_canonical_and_holds_the_envelope() -> None:
    """Byte for byte, so that the procedure's own signature in it stays good."""
    document = sealed_notice()
    assert valid("sealed-notice", document)
    assert document == etree.tostring(etree.fromstring(document), method="c14n")
    held = etree.fromstring(document).findtext("e:Envelope", None, NS)
    assert held is not None
    assert notice()[1] == base64.b64decode(held)


@pytest.mark.parametrize(("size", "held"), [(MOST_ENVELOPE, True), (MOST_ENVELOPE + 1, False)])
def test_a_large_envelope_is_left_out_and_its_digest_stays(size: int, held: bool) -> None:
    """64 KiB is the limit."""
    document = sealed_notice(size)
    assert valid("sealed-notice", document)
    assert (b"<Envelope>" in document) == held
    assert b"<EnvelopeDigest" in document


def test_digests_of_other_documents_are_refused() -> None:
    """A sealed notice vouches for the notice's documents, all of them, in order."""
    read, data = notice()
    for ids in ((), ("d2",), ("d1", "d1")):
        with pytest.raises(ValueError, match="other documents"):
            render_sealed_notice(
                read,
                envelope=data,
                envelope_sha256=HEX,
                documents=tuple(DocumentDigest(id=one, handed_in=HEX, size=1) for one in ids),
                accepted_at=made.NOW,
                issuer="hub",
            )
