"""What is taken, and rejected by the destination, which can open it: each really sent over TLS."""

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import RSAKey

from postfach_fitconnect.assumed import EVENT_PROBLEM, EventType
from postfach_fitconnect.sandbox import Destination, State
from postfach_fitconnect.sandbox.attempt import SCHEMA, SERVICE, Attempt, hashed
from postfach_fitconnect.sandbox.platform import DESTINATIONS
from postfach_fitconnect.sandbox.receiving import EICAR, Handed
from postfach_fitconnect.sandbox.trial import BITS, Trial, trying

pytestmark = pytest.mark.slow

CHECKING = "6e1f3a52-0000-4000-8000-00000000d004"  # takes one schema, and looks at the data
Spoil = Callable[[Attempt], object]
Json = dict[str, Any]


def check(data: bytes) -> None:
    if "text" not in json.loads(data):
        raise ValueError("canary")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    checking = Destination(services={SERVICE: frozenset({SCHEMA})}, check=check)
    with trying(tmp_path_factory.mktemp("sandbox"), {**DESTINATIONS, CHECKING: checking}) as trial:
        yield trial


@functools.cache
def stranger() -> RSAKey:
    key = rsa.generate_private_key(65537, BITS).public_key()
    return RSAKey(key, key)


def key(part: str) -> Spoil:
    return lambda attempt: attempt.keys.update({part: stranger()})


def last_changed(number: int) -> Callable[[bytes], bytes]:
    """Change the first character of one of the five parts."""

    def change(token: bytes) -> bytes:
        parts = token.split(b".")
        parts[number] = (b"B" if parts[number][:1] == b"A" else b"A") + parts[number][1:]
        return b".".join(parts)

    return change


def altered(part: str, number: int) -> Spoil:
    return lambda attempt: attempt.altered.update({part: last_changed(number)})


def clear(part: str, data: bytes) -> Spoil:
    """Encrypt other bytes than the metadata say."""
    return lambda attempt: attempt.clear.update({part: data})


def metadata(change: Callable[[Json], object]) -> Spoil:
    return lambda attempt: setattr(attempt, "metadata", change)


def data(content: bytes) -> Spoil:
    return lambda attempt: setattr(attempt, "data", content)


def structure(name: str, value: object) -> Spoil:
    return metadata(lambda each: each["contentStructure"].update({name: value}))


def first(**fields: object) -> Spoil:
    """Change what the metadata say of the first attachment."""
    return metadata(lambda each: each["contentStructure"]["attachments"][0].update(fields))


def own(**fields: object) -> Spoil:
    return metadata(lambda each: each["contentStructure"]["data"].update(fields))


def cty(part: str, value: str) -> Spoil:
    return lambda attempt: attempt.jose.update({part: {"cty": value}})


def infected(attempt: Attempt) -> None:
    attempt.files[1] = Handed(filename="b.txt", content_type="text/plain", data=b"x" + EICAR)


def forget_one(each: Json) -> None:
    del each["contentStructure"]["attachments"][1]


def one_more(each: Json) -> None:
    listed = each["contentStructure"]["attachments"]
    listed.append({**listed[0], "attachmentId": str(uuid4())})


OTHER_SCHEMA = {"schemaUri": "urn:a", "mimeType": "application/json"}
REPLY_KEY = {"kty": "RSA", "n": "A" * 512, "e": "AQAB", "kid": "a", "alg": "RSA-OAEP-256"}


def replies(**changes: object) -> Spoil:
    wanted = {"encryptionPublicKey": {**REPLY_KEY, "key_ops": ["wrapKey"], **changes}}
    channel = {"fitConnect": {**wanted, "processStandards": []}}
    return metadata(lambda each: each.update(replyChannel=channel))


# Each is valid but for the one thing that its name says.
REJECTED: dict[str, tuple[Spoil, str]] = {
    "metadata for another key": (key("metadata"), "encryption-issue"),
    "data for another key": (key("data"), "encryption-issue"),
    "attachment for another key": (key("0"), "encryption-issue"),
    "metadata: tag altered": (altered("metadata", 4), "encryption-issue"),
    "data: cipher text altered": (altered("data", 3), "encryption-issue"),
    "attachment: IV altered": (altered("1", 2), "encryption-issue"),
    "attachment: key altered": (altered("1", 1), "encryption-issue"),
    "attachment: another type outside": (cty("0", "text/plain"), "encryption-issue"),
    "data: another type outside": (cty("data", "application/xml"), "encryption-issue"),
    "metadata are no JSON": (clear("metadata", b"{"), "syntax-violation"),
    "metadata are a list": (clear("metadata", b"[]"), "syntax-violation"),
    "metadata: a name twice": (clear("metadata", b'{"a":1,"a":2}'), "syntax-violation"),
    "metadata: empty": (clear("metadata", b"{}"), "schema-violation"),
    "metadata of another schema": (
        metadata(lambda each: each.update({"$schema": "urn:canary"})),
        "schema-violation",
    ),
    "metadata: a field too many": (
        metadata(lambda each: each.update(canary=1)),
        "schema-violation",
    ),
    "metadata: no structure": (
        metadata(lambda each: {**each, "contentStructure": None}),
        "schema-violation",
    ),
    "metadata: attachments no list": (structure("attachments", {}), "schema-violation"),
    "metadata: hash of another kind": (
        first(hash={"type": "sha256", "content": "0" * 64}),
        "schema-violation",
    ),
    "metadata: hash in capitals": (
        first(hash={"type": "sha512", "content": "A" * 128}),
        "schema-violation",
    ),
    "metadata: unknown purpose": (first(purpose="canary"), "schema-violation"),
    "metadata: name with a path": (first(filename="../canary"), "schema-violation"),
    "metadata: no media type": (first(mimeType="canary"), "schema-violation"),
    "metadata: attachment no UUID": (first(attachmentId="canary"), "schema-violation"),
    "metadata: reply key for signatures": (replies(alg="PS512"), "schema-violation"),
    "metadata: reply key with private part": (replies(d="canary"), "schema-violation"),
    "metadata of another service": (
        metadata(lambda each: each["publicServiceType"].update(identifier="urn:canary:a")),
        "unsupported-service",
    ),
    "metadata: hash of other data": (own(hash=hashed(b"canary")), "hash-mismatch"),
    "metadata: hash of another attachment": (first(hash=hashed(b"canary")), "hash-mismatch"),
    "data are others": (clear("data", b'{"canary":1}'), "hash-mismatch"),
    "attachment is another": (clear("1", b"canary"), "hash-mismatch"),
    "data are no JSON": (data(b"canary"), "syntax-violation"),
    "data too large": (data(b'{"text":"' + b"x" * 4_200_000 + b'"}'), "schema-violation"),
    "an attachment is not in the metadata": (metadata(forget_one), "attachments-mismatch"),
    "one more in the metadata": (metadata(one_more), "attachments-mismatch"),
    "another id in the metadata": (first(attachmentId=str(uuid4())), "attachments-mismatch"),
    "malware": (infected, "malware"),
}


def problems(attempt: Attempt) -> list[Json]:
    """Return the problems of the reject, which is the log's last event."""
    (value,) = [each["events"].get(EventType.REJECT) for each in attempt.events[-1:]]
    return list(value["problems"])


@pytest.mark.parametrize("name", REJECTED)
def test_what_is_wrong_inside_is_rejected(trial: Trial, name: str) -> None:
    spoil, slug = REJECTED[name]
    attempt = trial.attempt()
    spoil(attempt)
    assert attempt.run().status == 202
    (problem,) = problems(attempt)
    assert problem["type"] == f"{EVENT_PROBLEM}{slug}"
    assert problem["title"]
    assert "anary" not in json.dumps(problem)  # nothing of what was sent
    record = trial.platform.records.get(attempt.submission)
    assert record is not None
    assert record.state is State.REJECTED
    arrival = trial.platform.arrivals.all()[-1]
    assert (arrival.facts["submission"], arrival.facts["problems"]) == (record.id, [problem])


def test_what_is_right_is_not(trial: Trial) -> None:
    attempt = trial.attempt()
    replies()(attempt)
    for part in ("metadata", "data", "0"):
        attempt.jose[part] = {"cty": None}  # it need not be there
    assert attempt.run().status == 202
    assert [*attempt.events[-1]["events"]] == [EventType.ACCEPT]


@pytest.mark.parametrize(
    ("spoil", "slug"),
    [
        (own(submissionSchema=OTHER_SCHEMA), "unsupported-schema"),
        (data(b"{}"), "schema-violation"),
    ],
)
def test_a_destination_takes_what_it_says(trial: Trial, spoil: Spoil, slug: str) -> None:
    wrong, right = trial.attempt(CHECKING), trial.attempt(CHECKING)
    spoil(wrong)
    assert [wrong.run().status, right.run().status] == [202, 202]
    assert [each["type"] for each in problems(wrong)] == [f"{EVENT_PROBLEM}{slug}"]
    assert "anary" not in json.dumps(problems(wrong))
    assert [*right.events[-1]["events"]] == [EventType.ACCEPT]
