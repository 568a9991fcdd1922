"""Replies of a case: encrypted for the sender, listed, fetched, acknowledged."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwe
from joserfc.jwk import RSAKey

from postfach_fitconnect import FitConnect, Service
from postfach_fitconnect.assumed import Problem
from postfach_fitconnect.sandbox import ACTIVE, Handed
from postfach_fitconnect.sandbox.attempt import Attempt, Request
from postfach_fitconnect.sandbox.trial import OTHER_CLIENT, Trial, keyring, trying

pytestmark = pytest.mark.slow

PDF = b"%PDF-1.4 reply"
FILES = (Handed(filename="antwort.pdf", content_type="application/pdf", data=PDF),)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with trying(tmp_path_factory.mktemp("sandbox")) as trial:
        yield trial


def ours() -> RSAKey:
    return keyring().encryption("ours").key


def wanting(trial: Trial) -> Attempt:
    """Submit something that wants replies."""
    attempt = trial.attempt()
    channel = {"encryptionPublicKey": keyring().encryption("ours").jwk, "processStandards": []}
    attempt.metadata = lambda each: {**each, "replyChannel": {"fitConnect": channel}}
    assert attempt.run().status == 202
    return attempt


def opened(token: str | bytes) -> tuple[bytes, dict[str, Any]]:
    registry = jwe.JWERegistry(algorithms=["RSA-OAEP-256", "A256GCM"])
    found = jwe.decrypt_compact(token, ours(), registry=registry)
    return found.plaintext or b"", dict(found.protected)


def test_a_reply_is_offered_until_it_is_acknowledged(trial: Trial) -> None:
    attempt = wanting(trial)
    reply = trial.platform.replies.send(attempt.submission, b'{"text":"a"}', FILES, "Rückfrage")
    listed = {"replyId": reply.id, "caseId": attempt.case}
    assert listed in attempt.ask("/v2/replies?limit=500").json["replies"]
    shown = attempt.ask(f"/v2/replies/{reply.id}").json
    assert (shown["caseId"], shown["destinationId"]) == (attempt.case, ACTIVE)
    metadata, head = opened(shown["encryptedMetadata"])
    assert (head["alg"], head["enc"], "zip" in head) == ("RSA-OAEP-256", "A256GCM", False)
    found = json.loads(metadata)
    data, _ = opened(shown["encryptedData"])
    (each,) = found["contentStructure"]["attachments"]
    (name,) = shown["attachments"]
    answer = attempt.ask(f"/v2/replies/{reply.id}/attachments/{name}")
    document, _ = opened(answer.body)
    assert answer.headers["content-type"] == "application/jose"
    assert (found["subject"], data, document) == ("Rückfrage", b'{"text":"a"}', PDF)
    hashes = [found["contentStructure"]["data"]["hash"], each["hash"]]
    assert [one["content"] for one in hashes] == [
        hashlib.sha512(one).hexdigest() for one in (data, document)
    ]
    assert (each["attachmentId"], each["filename"]) == (name, "antwort.pdf")
    for _ in range(2):  # it may be said again
        assert attempt.ask(f"/v2/replies/{reply.id}/acknowledge", "PUT").status == 204
    assert listed not in attempt.ask("/v2/replies").json["replies"]
    assert attempt.ask(f"/v2/replies/{reply.id}").status == 200


def test_a_list_has_no_more_than_is_asked_for_oldest_first(trial: Trial) -> None:
    attempt = wanting(trial)
    made = [trial.platform.replies.send(attempt.submission, b"{}").id for _ in range(3)]
    ids = [each["replyId"] for each in attempt.ask("/v2/replies?limit=2").json["replies"]]
    assert ids == made[:2]


def test_a_reply_is_its_clients_alone(trial: Trial) -> None:
    reply = trial.platform.replies.send(wanting(trial).submission, b"{}", FILES)
    other = trial.attempt(client=OTHER_CLIENT)
    path = f"/v2/replies/{reply.id}"
    answers = [
        other.ask(path),
        other.ask(f"{path}/attachments/{reply.attachments[0]}"),
        other.ask(f"{path}/acknowledge", "PUT"),
    ]
    assert [each.problem for each in answers] == [Problem.REPLY_UNKNOWN] * 3
    assert other.ask("/v2/replies").json == {"replies": []}


def test_who_wants_no_replies_gets_none(trial: Trial) -> None:
    attempt = trial.attempt()
    assert attempt.run().status == 202
    with pytest.raises(ValueError, match="no key for replies"):
        trial.platform.replies.send(attempt.submission, b"{}")


def test_someone_at_the_sandbox_replies_and_the_client_fetches_it(
    trial: Trial, tmp_path: Path
) -> None:
    private = keyring().encryption("ours").key.private_key
    assert private is not None
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "reply.pem").write_bytes(pem)
    attempt = wanting(trial)
    for each in trial.platform.reply_records.all():
        trial.platform.replies.acknowledge(each.client, each.id)
    path = f"/reply?submission={attempt.submission}&subject=Frage&text=Wann&filename=a.pdf"
    headers: dict[str, str | None] = {"Content-Type": "application/pdf"}
    answer = trial.line.send(Request(method="POST", path=path, headers=headers, body=PDF))
    assert answer.status == 200
    settings = {**trial.settings, "reply_key_file": str(tmp_path / "reply.pem")}
    service = Service(FitConnect.model_validate(settings))
    (item,) = service.collect(None).items
    assert (item.id, item.reply and item.reply.subject) == (answer.json["reply"], "Frage")
    assert item.about is not None
    assert item.about.startswith(attempt.submission)
    service.acknowledge(item.id)
    assert service.collect(None).items == ()


def test_replies_are_there_after_a_restart(tmp_path: Path) -> None:
    with trying(tmp_path) as trial:
        attempt = wanting(trial)
        first, second = (
            trial.platform.replies.send(attempt.submission, b"{}", FILES) for _ in range(2)
        )
        trial.platform.replies.acknowledge(first.client, first.id)
    with trying(tmp_path) as trial:
        waiting = trial.platform.replies.waiting(first.client, 9)
        assert [each["replyId"] for each in waiting] == [second.id]
        kept = trial.platform.replies.document(first.client, first.id, first.attachments[0])
        assert opened(kept)[0] == PDF
