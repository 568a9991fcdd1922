"""Replies: offered until acknowledged, whole and checked, or left where they are."""

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from postfach_fitconnect import FitConnect, Reference, Service
from postfach_fitconnect.api import Api
from postfach_fitconnect.assumed import Problem
from postfach_fitconnect.ending import NotNow
from postfach_fitconnect.jwe import Recipient, opened, whole
from postfach_fitconnect.replies import Replies
from postfach_fitconnect.replykey import ReplyKey
from postfach_fitconnect.testkit import DESTINATION, Far, Keys, Pair, answer, pair, problem
from postfach_fitconnect.testkit.parcels import deposit, giving, left, parcel, raising
from postfach_http import Answer, Lost, NotConnected
from postfach_mailbox import Held, Item, Pending

pytestmark = pytest.mark.slow

DATA, PDF = b'{"text": "Canary"}', b"%PDF Canary"


def pem(of: Pair) -> bytes:
    return of.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def settings(settings: FitConnect, keys: Keys, tmp_path: Path) -> FitConnect:
    (tmp_path / "reply.pem").write_bytes(pem(keys.ours))
    return settings.model_copy(update={"reply_key_file": tmp_path / "reply.pem"})


@pytest.fixture
def case(service: Service, far: Far) -> str:
    deposit(service, parcel())
    return far.only.case


def only(service: Service) -> Item:
    (item,) = service.collect(None).items
    return item


def test_a_submission_says_whom_to_encrypt_replies_for(
    service: Service, far: Far, keys: Keys
) -> None:
    deposit(service, parcel())
    assert far.only.submitted is not None
    token = far.only.submitted["encryptedMetadata"].encode()
    metadata = json.loads(opened(token, keys.encryption.private, keys.encryption.kid))
    jwk = metadata["replyChannel"]["fitConnect"]["encryptionPublicKey"]
    assert jwk["kid"] == keys.ours.thumbprint
    assert set(jwk) == {"kty", "n", "e", "kid", "alg", "key_ops"}


def test_a_reply_names_its_notice_and_its_documents(service: Service, far: Far, case: str) -> None:
    reply = far.reply(case, DATA, antwort__pdf=PDF)
    item = only(service)
    assert (item.id, item.kind) == (reply, "reply")
    assert item.at.isoformat() == "2026-03-01T09:00:00+00:00"
    about = Reference(submission=far.only.id, destination=DESTINATION, case=case)
    assert item.about == about.text
    assert item.reply is not None
    names = [(each.filename, each.content_type, each.size) for each in item.reply.documents]
    assert names == [
        ("data.json", "application/json", len(DATA)),
        ("antwort.pdf", "application/pdf", len(PDF)),
    ]
    assert not [each for each in item.evidence if each.in_receipt and b"Canary" in each.data]
    for number, data in enumerate((DATA, PDF)):
        into = io.BytesIO()
        fetched = service.fetch(reply, number, into)
        assert into.getvalue() == data
        facts = item.reply.documents[number]
        assert (fetched.size, fetched.sha256) == (facts.size, facts.sha256)


@pytest.mark.parametrize("number", [-1, 2])
def test_there_is_no_other_document(service: Service, far: Far, case: str, number: int) -> None:
    reply = far.reply(case, DATA, a__pdf=PDF)
    with pytest.raises(LookupError):
        service.fetch(reply, number, io.BytesIO())


def test_a_reply_is_offered_until_it_is_acknowledged(service: Service, far: Far, case: str) -> None:
    reply = far.reply(case, DATA)
    assert [only(service).id, only(service).id] == [reply, reply]
    service.acknowledge(reply)
    assert service.collect(None).items == ()
    service.acknowledge(reply)
    far.before("PUT /v2/replies", giving(problem(Problem.REPLY_UNKNOWN)))
    service.acknowledge(reply)


@pytest.mark.parametrize(
    "found",
    [answer(500), answer(404), answer(403), answer(429), problem(Problem.REPLY_UNKNOWN, 400)],
    ids=["500", "404 of anybody", "403", "429", "400"],
)
def test_an_acknowledgement_that_was_not_taken_is_said(
    service: Service, far: Far, found: Answer
) -> None:
    far.before("PUT /v2/replies", giving(found))
    with pytest.raises(NotNow):
        service.acknowledge(DESTINATION)


def test_a_reply_to_a_case_of_no_or_of_several_submissions_names_none(
    service: Service, far: Far, case: str
) -> None:
    far.reply(DESTINATION, DATA)
    assert only(service).about is None
    far.replies.clear()
    far.reply(case, DATA)
    body = {
        "caseId": case,
        "destinationId": DESTINATION,
        "submissions": [{"submissionId": far.only.id}, {"submissionId": case}],
    }
    far.before("GET /v2/cases", giving(answer(200, body)))
    assert only(service).about is None


def spoil(far: Far, reply: str, how: str, keys: Keys) -> None:
    """Make a reply other than it has to be."""
    found = far.replies[reply]
    ours = Recipient(key=keys.ours.private.public_key(), kid=keys.ours.thumbprint)
    stranger = Recipient(key=keys.stranger.private.public_key(), kid=keys.ours.thumbprint)
    changes: dict[str, Any] = {
        "data of others": {"encryptedData": whole(ours, "application/json", b"{}")[0].decode()},
        "for a stranger": {"encryptedData": whole(stranger, "application/json", DATA)[0].decode()},
        "no metadata": {"encryptedMetadata": whole(ours, "application/json", b"{}")[0].decode()},
        "no JSON": {"encryptedMetadata": whole(ours, "application/json", b"{")[0].decode()},
        "no JWE": {"encryptedMetadata": "x"},
        "no time": {"createdAt": "yesterday"},
        "no zone": {"createdAt": "2026-03-01T10:00:00"},
        "no case": {"caseId": None},
        "another": {"replyId": found["caseId"]},
        "more documents": {"attachments": [*found["attachments"], DESTINATION]},
        "fewer documents": {"attachments": []},
        "no list": {"attachments": 5},
    }
    found.update(changes.get(how, {}))
    key = (reply, found["attachments"][0]) if found["attachments"] not in ([], 5) else None
    if how == "document of others" and key is not None:
        far.documents[key] = whole(ours, "application/pdf", b"%PDF other")[0]
    if how == "altered document" and key is not None:
        far.documents[key] = far.documents[key][:-3] + b"AAA"
    if how == "large document" and key is not None:
        far.documents[key] = whole(ours, "application/pdf", bytes(40_000))[0]


@pytest.mark.parametrize(
    "how",
    [
        "data of others", "for a stranger", "no metadata", "no JSON", "no JWE", "no time",
        "no zone", "no case", "another", "more documents", "fewer documents", "no list",
        "document of others", "altered document", "large document",
    ],
)  # fmt: skip
def test_a_reply_that_is_not_right_stays_and_hinders_no_other(
    settings: FitConnect, far: Far, keys: Keys, case: str, how: str
) -> None:
    service = Service(settings.model_copy(update={"max_file": 1000}), Api(settings, far))
    bad, good = far.reply(case, DATA, a__pdf=PDF), far.reply(case, DATA, a__pdf=PDF)
    spoil(far, bad, how, keys)
    assert [each.id for each in service.collect(None).items] == [good]
    assert far.acknowledged == []
    assert service.health().status == "degraded"
    if "document" not in how or how.endswith("documents"):
        with pytest.raises(NotNow):
            service.fetch(bad, 1, io.BytesIO())


@pytest.mark.parametrize(
    "play",
    [raising(Lost("x")), raising(NotConnected("x")), giving(answer(500)), giving(answer(404)),
     giving(answer(200, b"{"))],
    ids=["lost", "away", "500", "404", "no JSON"],
)  # fmt: skip
@pytest.mark.parametrize("step", ["GET /v2/replies?", "GET /v2/replies/", "GET /v2/cases"])
def test_who_cannot_be_asked_does_not_say_that_nothing_came_back(
    service: Service, far: Far, case: str, step: str, play: Callable[[], Answer]
) -> None:
    far.reply(case, DATA)
    far.before(step, play)
    with pytest.raises(NotNow):
        service.collect(None)


@pytest.mark.parametrize("error", [Lost("x"), None], ids=["lost", "500"])
def test_what_was_fetched_already_is_not_lost_by_the_next_one(
    service: Service, far: Far, case: str, error: Exception | None
) -> None:
    first, second, third = (far.reply(case, DATA) for _ in range(3))
    play = raising(error) if error is not None else giving(answer(500))
    far.before(f"GET /v2/replies/{second}", play)
    got = [each.id for each in service.collect(None).items]
    assert got == ([first] if error is not None else [first, third])
    assert [each.id for each in service.collect(None).items] == [first, second, third]


def test_many_replies_come_by_and_by(service: Service, far: Far, case: str) -> None:
    wanted = [far.reply(case, DATA) for _ in range(20)]
    got: list[str] = []
    while items := service.collect(None).items:
        assert len(items) <= 16
        for each in items:
            got.append(each.id)
            service.acknowledge(each.id)
    assert got == wanted


def test_only_so_many_documents_are_decrypted_at_once(
    settings: FitConnect, far: Far, case: str
) -> None:
    reply = far.reply(case, DATA, a__pdf=PDF)
    api = Api(settings, far)
    replies = Replies(api, ReplyKey(Path(str(settings.reply_key_file))), max_file=99, at_once=1)
    (document,) = replies.open(reply, left).metadata.attachments
    gate, begun = threading.Event(), threading.Event()
    where = f"GET /v2/replies/{reply}/attachments"

    def slow() -> Answer:
        begun.set()
        assert gate.wait(10)
        return answer(200, far.documents[reply, document.id], "application/jose")

    far.before(where, slow)
    first = threading.Thread(target=lambda: replies.document(reply, document, left))
    first.start()
    assert begun.wait(10)
    with pytest.raises(NotNow, match="large_at_once"):
        replies.document(reply, document, lambda: 0.01)
    gate.set()
    first.join()
    assert replies.document(reply, document, left) == PDF


def test_without_a_key_nothing_is_asked(again: Service, settings: FitConnect, far: Far) -> None:
    service = Service(settings.model_copy(update={"reply_key_file": None}), Api(settings, far))
    assert service.collect(None).items == ()
    with pytest.raises(NotNow):
        service.acknowledge("x")
    assert far.calls == []


def test_the_key_may_be_a_jwk(settings: FitConnect, keys: Keys) -> None:
    file = Path(str(settings.reply_key_file))
    by_pem = ReplyKey(file).public()
    file.write_text(json.dumps(keys.ours.key.as_dict(private=True)))
    assert ReplyKey(file).public() == by_pem


def test_a_key_that_cannot_be_used_holds_before_anything_is_made(
    service: Service, settings: FitConnect, far: Far, keys: Keys, tmp_path: Path
) -> None:
    file = Path(str(settings.reply_key_file))
    public = json.dumps(keys.ours.key.as_dict(private=False)).encode()
    for content in (b"", b"{", b"{}", public, pem(pair("small", 2048)), b"-----BEGIN"):
        file.write_bytes(content)
        outcome, _ = deposit(service, parcel())
        assert isinstance(outcome, Held), content
        assert outcome.reason.code == "REPLY_KEY"
        assert str(tmp_path) not in outcome.reason.text
    file.unlink()
    assert isinstance(deposit(service, parcel())[0], Held)
    assert far.submissions == {}
    file.write_bytes(pem(keys.ours))
    assert isinstance(deposit(service, parcel())[0], Pending)
