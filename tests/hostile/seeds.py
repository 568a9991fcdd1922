"""Bytes that each parser takes, for a fuzzer to begin with, and how it spoils them."""

import functools
import json
import random
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from hub import schemas
from hub.evidence import Entry, canonical
from postfach_fitconnect import jwe
from postfach_fitconnect.keys import base64url
from postfach_fitconnect.sets import Expected
from postfach_mailbox import Capabilities, Deposited, Evidence, Item, Repeat, ReplyData
from postfach_mailbox.frames import Answer, Kept, Started
from postfach_mailbox.notice import Collected
from postfach_mailbox.wire import pack
from tests.flow.papers import Paper, drop
from tests.flow.world import HUB_TOML, USUAL

EXAMPLES = schemas.folder() / "examples"
ID = "6e1f3a52-0000-4000-8000-00000000d001"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXPECTED = Expected(service="https://a.example", destination=ID, submission=ID, case=ID)
REPLY = b'{"about": "k", "subject": "s", "documents": []}'
# What spoils: by itself, or in the place of a value of JSON.
TOKENS = (
    *(
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"<!DOCTYPE a [",
        b"<!--",
        b"<?a?>",
        b"]]>",
        b"&#0;",
        b"&a;",
    ),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"../", b"%00", b"\r\n\r\n", b"0" * 5000, b"-", b"9" * 400),
    *(b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n", b"ffffffff"),
    *(b"Mon, 01 Jan 0001 00:00:00 +2359", b"Fri, 31 Dec 9999 23:59:59 -99999999999999"),
    *(b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"[" * 3000, b'{"a":' * 3000),
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 10**400, 1e308, float("inf"), float("nan"), "", " ", "\0"),
    *(
        "\ud800",
        "a" * 1025,
        "a" * 70_000,
        [],
        {},
        [[]],
        {"a": None},
        ["\ud800"],
        "../../etc/passwd",
    ),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0999-01-01T00:00:00Z"),
    *("2026-02-30T10:00:00Z", "P999999999D", 99999999999999, "-1", "1e999", "NaN", "\u202e"),
)
MOST = 200_000  # bytes of what is given to a parser


def spoilt(data: bytes, dice: random.Random) -> bytes:
    """Return bytes, changed in some places: as bytes, or as JSON if they are that."""
    if dice.random() < 0.5 and (changed := _as_json(data, dice)) is not None:
        data = changed
        if dice.random() < 0.7:
            return data[:MOST]
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        data = _as_bytes(data, dice)
    return data[:MOST]


def _as_bytes(data: bytes, dice: random.Random) -> bytes:
    start = dice.randint(0, len(data))
    end = min(len(data), start + dice.choice((0, 1, 2, 8, 64, 1000)))
    instead = dice.choice(
        (
            b"",
            dice.randbytes(dice.choice((1, 2, 8))),
            dice.choice(TOKENS),
            data[start:end] * dice.choice((2, 3, 200)),
            data[dice.randint(0, len(data)) :][:100],
        )
    )
    return data[:start] + instead + data[end:]


def _as_json(data: bytes, dice: random.Random) -> bytes | None:
    """Change one value; what stands before the first brace stays: a length, or a status."""
    at = data.find(b"{")
    if at < 0 or at > 8:
        return None
    try:
        found = json.loads(data[at:])
    except (ValueError, RecursionError):
        return None
    places: list[tuple[Any, Any]] = []
    todo = [found]
    while todo:
        one = todo.pop()
        pairs = list(one.items() if isinstance(one, dict) else enumerate(one))
        places += [(one, key) for key, _ in pairs]
        todo += [value for _, value in pairs if isinstance(value, dict | list)]
    if not places:
        return None
    holder, key = dice.choice(places)
    if isinstance(holder, dict) and dice.random() < 0.2:
        holder[str(dice.choice(VALUES))] = holder.pop(key)
    else:
        holder[key] = dice.choice(VALUES)
    changed = json.dumps(found).encode()
    head = struct.pack("!I", len(changed)) if at == 4 else data[:at]
    return head + changed


def envelopes() -> Iterator[bytes]:
    for path in sorted(EXAMPLES.glob("*.xml")) + sorted((EXAMPLES / "bad").glob("*.xml")):
        yield path.read_bytes()
    yield drop(Paper(inline=True), text="a", lines="b|c").envelope


def sealed() -> Iterator[bytes]:
    for name in ("sealed-notice", "receipt-deposited", "receipt-status", "reply"):
        yield (EXAMPLES / f"{name}.xml").read_bytes()


@functools.cache
def trust() -> bytes:
    return (EXAMPLES / "trial-ca.pem").read_bytes()


def entries() -> Iterator[bytes]:
    yield canonical(Entry(kind="notice.accepted", at=AT, subject={"notice": 1, "receipt": "a"}))


def configs() -> Iterator[bytes]:
    yield HUB_TOML.format(**USUAL).encode()
    yield b'[a.b]\nc = """\nd"""\n[[e]]\nf = {g = 1, "h" = [2026-01-01, 1e9, inf]}\n'


def names() -> Iterator[bytes]:
    yield b"0123456789abcdef012345.1b.stem.xml"
    yield b"ffffffffffff0123456789.0.stem.xml"
    yield b"6e1f3a52.xml"
    yield b"a" * 196 + b".xml"


def frames() -> Iterator[bytes]:
    proof = (Evidence(name="a.json", media_type="application/json", data=b"{}"),)
    reply = Item(id="a", kind="reply", at=AT, evidence=proof, reply=ReplyData(subject="s"))
    can = Capabilities(
        scheme="a",
        address_pattern="[a-z]{1,9}",
        legal_bases=frozenset({"NONE"}),
        assurance_level="high",
        max_file=1,
        max_total=1,
        max_count=1,
        repeat=Repeat.NEITHER,
    )
    done = Deposited(reference="a", provided_at=AT, source="mailbox", evidence=proof)
    for frame in (
        Started(capabilities=can, operations=()),
        Kept(id=1, reference="a"),
        Answer(id=1, value=done),
        *(Answer(id=number, value=Collected(items=(reply,))) for number in range(1, 12)),
    ):
        yield pack(frame)


def http() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Sun, 01 Mar 2026 12:00:00 GMT\r\n\r\nok"
    yield (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
        b"\r\n1\r\na\r\n0\r\n\r\n"
    )
    yield b"HTTP/1.1 503 X\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def answers() -> Iterator[bytes]:
    for told in (
        {"messageId": ID, "createdDate": "2026-03-01T12:00:00.000Z"},
        {"applicationId": ID, "createdDate": "2026-03-01T12:00:00.000Z"},
        {"orderId": ID, "state": "DEPOSITED", "at": "2026-03-01T12:00:00Z"},
        {"orderId": ID, "state": "REFUSED", "reason": "x", "at": "2026-03-01T12:00:00Z"},
        {"code": "MAILBOX_UNKNOWN", "message": "m"},
        {"type": "about:blank", "title": "t", "status": 400},
    ):
        for status in range(14):
            yield bytes([status]) + json.dumps(told).encode()
    yield b"\0Mon, 02 Mar 2026 12:00:00 +0100"


def fitconnect() -> Iterator[bytes]:
    digest = {"type": "sha512", "content": "a"}
    announced = {"attachmentId": ID, "filename": "a.pdf", "mimeType": "application/pdf"}
    own = {"hash": digest, "submissionSchema": {"schemaUri": "a", "mimeType": "application/json"}}
    held = {"data": own, "attachments": [announced | {"hash": digest}]}
    event: dict[str, Any] = {"https://schema.fitko.de/fit-connect/events/accept-submission": {}}
    head = {"typ": "secevent+jwt", "alg": "PS512", "kid": "k"}
    claims = {"jti": "j", "iat": 1, "iss": EXPECTED.service, "sub": "s", "txn": "t"}
    parts = [base64url(json.dumps(each).encode()) for each in (head, claims | {"events": event})]
    recipient = jwe.Recipient(key=key().public_key(), kid="kid")
    letter, _ = jwe.whole(recipient, "application/json", b"{}")
    secret = {each: letter.decode() for each in ("encryptedMetadata", "encryptedData")}
    yield (
        b"\0" + json.dumps({"access_token": "a", "expires_in": 60, "token_type": "Bearer"}).encode()
    )
    yield b"\0" + json.dumps({"contentStructure": held, "subject": "s"}).encode()
    yield b"\0" + b".".join([*parts, b"AAAA"])
    yield b"\0" + letter
    yield b"\0" + json.dumps({"replies": [{"replyId": ID}]}).encode()
    yield b"\0" + json.dumps({"caseId": ID, "submissions": [{"submissionId": ID}]}).encode()
    reply = {"replyId": ID, "caseId": ID, "createdAt": "2026-03-01T12:00:00Z", "attachments": []}
    yield b"\0" + json.dumps(reply | secret).encode()


@functools.cache
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def replies() -> Iterator[bytes]:
    paper = {"filename": "a.pdf", "contentType": "application/pdf", "size": 1, "sha256": "0" * 64}
    one = {"replyId": ID, "at": "2026-03-01T12:00:00Z", "subject": "s", "documents": [paper]}
    yield b"\0" + json.dumps({"replies": [one, one]}).encode()
    yield b"\0" + REPLY
    yield b"\0[]"


def mails() -> Iterator[bytes]:
    head = (
        b"From: A <a@a.example>\r\nTo: answer@a.example\r\nDate: Sun, 1 Mar 2026 12:00:00 +0100\r\n"
    )
    yield head + b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHallo\r\n"
    yield (
        head + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n'
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="a.pdf"\r\n\r\nJVBERi0=\r\n--b--\r\n'
    )


def printed() -> Iterator[bytes]:
    yield (
        b'<?xml version="1.0"?><PrintResults xmlns="urn:postfachdienst:postal:1" version="1.0">'
        b'<Result key="' + b"a" * 64 + b'" outcome="posted" at="2026-03-01T12:00:00Z" code="x"/>'
        b"</PrintResults>"
    )


def clamd() -> Iterator[bytes]:
    yield b"stream: OK\0"
    yield b"stream: Eicar-Test FOUND\0"
    yield b"INSTREAM size limit exceeded. ERROR\0"


def corpus(folder: Path, seeds: Iterator[bytes]) -> None:
    """Write seeds as files, as fuzzers want them."""
    for number, data in enumerate(seeds):
        (folder / f"seed-{number:03}").write_bytes(data)
