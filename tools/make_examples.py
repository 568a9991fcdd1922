r"""Writes the sealed examples in schemas/examples anew, and the CA that verifies them.

They are sealed with trial keys that are made here and thrown away: the CA lies beside them as
trial-ca.pem, is good for three years from the day of the story, and proves nothing. Each run gives
other bytes, so run it only when the format changes. Check one as of that day:

    xmlsec1 --verify --trusted-pem trial-ca.pem --id-attr:Id SignedProperties \
        --verification-gmt-time "2026-02-03 10:00:00" receipt-deposited.xml
"""

import hashlib
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub import envelope, seal, trial
from hub.model import MailboxAddress, Notice
from hub.receipt import (
    OWN_REASONS,
    OWN_REASONS_VERSION,
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
from hub.receipt.reply import Reply, ReplyFile, render_reply

FOLDER = Path(__file__).parents[1] / "schemas" / "examples"
DAY = datetime(2026, 2, 3, 10, 0, tzinfo=UTC)
HUB = "hub.example.mv"
FETCHED = b'{"letter":"0b6e8f52","retrieved_at":"2026-02-03T10:09:00Z"}'
ANSWER = b'{"letter":"0b6e8f52","provided_at":"2026-02-03T10:06:00Z"}'
RETRIEVED = {
    "first_retrieved_at": DAY + timedelta(minutes=9),
    "evidence": (MailboxEvidence(name="retrieval", media_type="application/json", data=FETCHED),),
}


POSTED = {
    "first_attempt_at": None,
    "relayed_at": DAY + timedelta(minutes=7),
    "relayed_source": "hub-clock",
    "evidence": (MailboxEvidence(name="job", media_type="application/json", data=ANSWER),),
}
LATER: list[tuple[Outcome, dict[str, Any]]] = [
    (Outcome.RETRIEVED, RETRIEVED),
    (Outcome.POSTED, POSTED),
    (Outcome.POSTED_ON, POSTED | {"relayed_source": "mailbox"}),
]


def _deposited(attempts: tuple[Attempt, ...]) -> dict[str, Any]:
    return {
        "attempts": attempts,
        "deposited_at": DAY + timedelta(minutes=6),
        "deposited_source": "mailbox",
        "evidence": (
            MailboxEvidence(name="answer", media_type="application/json", data=ANSWER),
            MailboxEvidence(
                name="letter", media_type="text/plain", data=b"kept by the hub", in_receipt=False
            ),
        ),
    }


def receipts(notice: Notice, documents: tuple[DocumentDigest, ...]) -> list[Receipt]:
    """Return one receipt of each kind that the hub issues, and one that a person decided."""
    attempts = (
        Attempt(at=DAY + timedelta(seconds=1), code="DEFERRED"),
        Attempt(at=DAY + timedelta(minutes=6), code="DEPOSITED"),
    )
    deposited = _deposited(attempts)
    waiting = {"attempts": attempts[:1], "reason": own("NOT_CONFIRMED", "not confirmed yet")}
    failed = {
        "attempts": attempts[:1],
        "reason": own("RECIPIENT_DELETED", "the account was closed; deliver by post", "CLOSED"),
    }
    unknown = {
        "attempts": (Attempt(at=attempts[0].at, code="UNKNOWN"),),
        "reason": own("OUTCOME_UNKNOWN", "outcome unknown; a person decides"),
    }
    decided = unknown | {
        "reason": own("DECIDED_BY_A_PERSON", "decided by a person: seen in the mailbox"),
        "settled_as": "deposited",
    }
    kinds: list[tuple[Outcome, dict[str, Any]]] = [
        (Outcome.ACCEPTED, waiting),
        (Outcome.DEPOSITED, deposited),
        (Outcome.FAILED, failed),
        (Outcome.UNRESOLVED, unknown),
        (Outcome.SETTLED, decided),
        *LATER,
        (Outcome.STATUS_SET, deposited | {"documents": ()}),
    ]
    common = {
        "message_id": notice.message_id,
        "case_reference": notice.case_reference,
        "mailbox": MailboxAddress(id=notice.mailbox.id, scheme="archive"),
        "documents": documents,
        "accepted_at": DAY,
        "first_attempt_at": attempts[0].at,
    }
    return [
        issued(number, outcome, common | more) for number, (outcome, more) in enumerate(kinds)
    ] + [issued(len(kinds), Outcome.REJECTED, REJECTED)]


REJECTED = {
    "drop": Drop(stem="bescheid-4711", envelope_sha256=hashlib.sha256(b"<Notice/>").hexdigest()),
    "reason": Reason(
        code="9050",
        text="unexpected element. Expected: Subject. Correct the envelope and hand it in again",
        line=11,
        path="/Notice/Subjekt",
        refusal="SchemaInvalid",
    ),
}


def reply(notice: Notice) -> Reply:
    """Return what the recipient of the example notice writes back, with a document."""
    proof = b"%PDF-1.4 proof"
    return Reply(
        message_id="urn:de:xta:messageid:hub.example.mv:0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e31",
        created_at=DAY + timedelta(hours=3),
        received_at=DAY + timedelta(hours=3, seconds=20),
        in_reply_to=notice.message_id,
        case_reference=notice.case_reference,
        mailbox=MailboxAddress(id=notice.mailbox.id, scheme="archive"),
        sender=None,
        subject="Ihr Schreiben vom 3. Februar",
        text="Anbei der Nachweis.",
        documents=(
            ReplyFile(
                filename="Nachweis.pdf",
                content_type="application/pdf",
                size=len(proof),
                sha256=hashlib.sha256(proof).hexdigest(),
                reference="bescheid-4711.02.document-00",
            ),
        ),
        evidence=(MailboxEvidence(name="mail", media_type="text/plain", data=b"as it came"),),
        log_id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
        log_digest=hashlib.sha256(b"entry of the reply").hexdigest(),
        issuer=HUB,
    )


def own(code: str, text: str, mailbox_code: str | None = None) -> Reason:
    """Return a reason of our own list."""
    return Reason(
        code=code,
        text=text,
        list_uri=OWN_REASONS,
        list_version=OWN_REASONS_VERSION,
        mailbox_code=mailbox_code,
    )


def issued(number: int, outcome: Outcome, content: dict[str, Any]) -> Receipt:
    """Return the receipt number `number` of the story, ten minutes after it began."""
    return Receipt(
        receipt_id=f"1f0c3a52-7a41-4f36-9c61-0000000000{number:02d}",
        outcome=outcome,
        issued_at=DAY + timedelta(minutes=10),
        issuer=HUB,
        log_id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
        log_digest=hashlib.sha256(f"entry {number}".encode()).hexdigest(),
        **content,
    )


def main() -> None:
    """Write all examples."""
    data = (FOLDER / "notice-reference.xml").read_bytes()
    notice = envelope.read(data, envelope.Limits())
    if not isinstance(notice, Notice):
        raise TypeError("the example is no notice")
    documents = tuple(
        DocumentDigest(id=one.id, handed_in=one.digest, size=one.size) for one in notice.documents
    )
    sealed_notice = render_sealed_notice(
        notice,
        envelope=data,
        envelope_sha256=hashlib.sha256(data).hexdigest(),
        documents=documents,
        accepted_at=DAY,
        issuer=HUB,
    )
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder)
        trial.make_trial_keys(keys, HUB, DAY)
        own_seal = seal.load("file:seal.p12", Path("seal.pass"), keys)
        (FOLDER / "trial-ca.pem").write_bytes((keys / "ca.pem").read_bytes())
    (FOLDER / "sealed-notice.xml").write_bytes(own_seal.sign(sealed_notice, DAY))
    (FOLDER / "reply.xml").write_bytes(own_seal.sign(render_reply(reply(notice)), DAY))
    for one in receipts(notice, documents):
        file = FOLDER / f"receipt-{one.outcome.suffix}.xml"
        file.write_bytes(own_seal.sign(render(one), one.issued_at))


if __name__ == "__main__":
    main()
