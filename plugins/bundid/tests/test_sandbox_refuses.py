"""Wrong requests, each sent over TLS, and the valid one beside them."""

import functools
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from postfach_mailbox_bundid.assumed import ANSWERS, Code
from postfach_mailbox_bundid.sandbox import SUBSTANTIAL
from postfach_mailbox_bundid.sandbox.attempt import Attempt, send
from postfach_mailbox_bundid.sandbox.desk import OTHER, SENDER, Desk

Spoil = Callable[[Attempt], None]


@functools.cache
def stranger_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def claim(name: str, value: object) -> Spoil:
    return lambda attempt: attempt.claims.update({name: value})


def later(seconds: int) -> Spoil:
    """Move the token's times."""

    def spoil(attempt: Attempt) -> None:
        for name in ("iat", "exp"):
            attempt.claims[name] += seconds

    return spoil


def header(name: str, value: str | None) -> Spoil:
    return lambda attempt: attempt.headers.update({name: value})


def outer(name: str, value: object) -> Spoil:
    return lambda attempt: attempt.outer.update({name: value})


Parts = list[tuple[str, bytes]]


def parts(change: Callable[[Parts], Parts]) -> Spoil:
    return lambda attempt: setattr(attempt, "parts", change)


def sign_elsewhere(attempt: Attempt) -> None:
    attempt.key = stranger_key()


def serialise_again(attempt: Attempt) -> None:
    """Sign the same JSON, written otherwise."""
    attempt.announced, attempt.files = False, []
    attempt.signed = json.dumps(attempt.fields, indent=1).encode()


def in_lines(attempt: Attempt) -> None:
    signature = json.loads(attempt.envelope())["sha512sum"]
    attempt.outer["sha512sum"] = f"{signature[:64]}\n{signature[64:]}"


def stranger_token(attempt: Attempt) -> None:
    attempt.token_key = stranger_key()


def algorithm(name: str) -> Spoil:
    return lambda attempt: attempt.jose.update({"alg": name})


def rs256(attempt: Attempt) -> None:
    attempt.jose["alg"], attempt.hash = "RS256", SHA256()


def rs384(attempt: Attempt) -> None:
    attempt.jose["alg"], attempt.hash = "RS384", SHA384()


def truncate(attempt: Attempt) -> None:
    """Leave out the mark of the end."""
    attempt.end = b""


def trail(attempt: Attempt) -> None:
    attempt.end = b"--\r\nx"


def middle(attempt: Attempt) -> None:
    """End a part in the middle of its headers."""
    attempt.end = b"\r\nContent-Disposition"


def json_part(header: str) -> Spoil:
    """Give the envelope's part one more header."""
    return parts(lambda each: [(f"{each[0][0]}\r\n{header}", each[0][1]), *each[1:]])


# Each is valid but for the one thing that its name says.
WRONG: dict[str, tuple[Spoil, Code]] = {
    # who calls
    "no token": (header("Authorization", None), Code.TOKEN_INVALID),
    "basic instead of bearer": (header("Authorization", "Basic YTpi"), Code.TOKEN_INVALID),
    "token signed with another key": (stranger_token, Code.TOKEN_INVALID),
    "token without signature": (algorithm("none"), Code.TOKEN_INVALID),
    "token RS256": (rs256, Code.TOKEN_INVALID),
    "token RS384": (rs384, Code.TOKEN_INVALID),
    "token that says another algorithm": (algorithm("PS512"), Code.TOKEN_INVALID),
    "token expired": (later(-1800 - 120), Code.TOKEN_INVALID),
    "token of the future": (later(120), Code.TOKEN_INVALID),
    "token for a day": (claim("exp", 4_000_000_000), Code.TOKEN_INVALID),
    "token's time as text": (claim("iat", "now"), Code.TOKEN_INVALID),
    "token of another signer": (claim("signer", "other"), Code.TOKEN_INVALID),
    "token with a claim too many": (claim("aud", "x"), Code.TOKEN_INVALID),
    "token without role": (claim("roles", []), Code.ROLE_MISSING),
    "token with another role": (claim("roles", ["ADMIN"]), Code.ROLE_MISSING),
    # the request
    "JSON instead of multipart": (header("Content-Type", "application/json"), Code.TYPE_REFUSED),
    "no boundary": (header("Content-Type", "multipart/form-data"), Code.REQUEST_INVALID),
    "another boundary": (
        header("Content-Type", "multipart/form-data; boundary=other"),
        Code.REQUEST_INVALID,
    ),
    "chunked": (header("Transfer-Encoding", "chunked"), Code.REQUEST_INVALID),
    "cut off": (truncate, Code.REQUEST_INVALID),
    "no envelope": (parts(lambda each: each[1:]), Code.REQUEST_INVALID),
    "envelope last": (parts(lambda each: [*each[1:], each[0]]), Code.REQUEST_INVALID),
    "envelope twice": (parts(lambda each: [each[0], *each]), Code.REQUEST_INVALID),
    "envelope of another type": (json_part("Content-Type: text/xml"), Code.REQUEST_INVALID),
    "part of another name": (
        parts(lambda each: [each[0], (each[1][0].replace('"files"', '"file"'), each[1][1])]),
        Code.REQUEST_INVALID,
    ),
    "part in another encoding": (
        json_part("Content-Transfer-Encoding: base64"),
        Code.REQUEST_INVALID,
    ),
    "text behind the last boundary": (trail, Code.REQUEST_INVALID),
    "another boundary at first": (
        lambda attempt: setattr(attempt, "begin", b"--other"),
        Code.REQUEST_INVALID,
    ),
    "last boundary without its line's end": (
        lambda attempt: setattr(attempt, "end", b"--\rx"),
        Code.REQUEST_INVALID,
    ),
    "end in the middle": (middle, Code.REQUEST_INVALID),
    "name without quotes": (
        parts(lambda each: [(each[0][0].replace('"', ""), each[0][1])]),
        Code.REQUEST_INVALID,
    ),
    "name quoted wrongly": (
        parts(lambda each: [each[0], (each[1][0].replace("bescheid", 'b"'), each[1][1])]),
        Code.REQUEST_INVALID,
    ),
    "headers that are too long": (
        json_part(f"Content-Type: application/json; {'x' * 5000}"),
        Code.REQUEST_INVALID,
    ),
    "a header twice": (
        json_part("Content-Type: application/json\r\nContent-Type: application/json"),
        Code.REQUEST_INVALID,
    ),
    # the envelope
    "envelope is no JSON": (parts(lambda each: [(each[0][0], b"{")]), Code.REQUEST_INVALID),
    "envelope is a list": (
        parts(lambda each: [(each[0][0], b'["content", "sha512sum"]')]),
        Code.REQUEST_INVALID,
    ),
    "envelope without signature": (outer("sha512sum", None), Code.REQUEST_INVALID),
    "envelope with a field too many": (outer("sha256sum", "x"), Code.REQUEST_INVALID),
    "author's token outside the bridge": (outer("authorToken", "x"), Code.REQUEST_INVALID),
    "content as object": (outer("content", {}), Code.REQUEST_INVALID),
    "envelope too large": (outer("content", "x" * 2_100_000), Code.TOO_LARGE),
    "signature no base64": (outer("sha512sum", "%%%%"), Code.SIGNATURE_INVALID),
    "signature in lines": (in_lines, Code.SIGNATURE_INVALID),
    "signature is a mere hash": (outer("sha512sum", "0" * 128), Code.SIGNATURE_INVALID),
    "signature of another key": (sign_elsewhere, Code.SIGNATURE_INVALID),
    "signature of JSON written otherwise": (serialise_again, Code.SIGNATURE_INVALID),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_refused_and_leaves_nothing(desk: Desk, name: str) -> None:
    spoil, code = WRONG[name]
    attempt = desk.message()
    spoil(attempt)
    before = desk.service.arrivals.all()
    heard = desk.send(attempt)
    assert (heard.code, heard.status) == (code, ANSWERS[code].status), heard.body
    assert heard.body["message"]
    assert desk.service.arrivals.all() == before


def test_the_envelopes_type_may_be_said(desk: Desk) -> None:
    attempt = desk.message()
    json_part("content-type: application/json; charset=utf-8")(attempt)
    assert desk.send(attempt).status == 200


def test_there_are_enough_of_them() -> None:
    assert len(WRONG) >= 30


def test_the_valid_request_is_taken(desk: Desk) -> None:
    attempt = desk.message()
    heard = desk.send(attempt)
    assert heard.status == 200
    arrival = desk.service.arrivals.all()[-1]
    assert (arrival.facts["kind"], arrival.facts["id"]) == ("message", heard.body["messageId"])
    assert datetime.fromisoformat(heard.body["createdDate"]).utcoffset() == timedelta(0)
    kept = [desk.service.arrivals.read(arrival.id, name) for name in ("file-01", "file-02")]
    assert kept == [each.data for each in attempt.files]
    assert [each["filename"] for each in arrival.facts["attachments"]] == [
        each.filename for each in attempt.files
    ]
    content = desk.service.arrivals.read(arrival.id, "content.json")
    assert content.decode() == json.loads(attempt.envelope())["content"]


@pytest.mark.parametrize("which", ["none", OTHER])
def test_who_is_not_known_is_refused(desk: Desk, which: str) -> None:
    client = None if which == "none" else desk.files.clients[which].pem
    attempt = Attempt(desk.certificates.clients[OTHER], SUBSTANTIAL)
    heard = attempt.send(desk.port, desk.files.ca, client)
    assert (heard.code, heard.status) == (Code.CERTIFICATE_REFUSED, 403)


def test_a_token_of_another_sender_than_the_certificate_is_refused(desk: Desk) -> None:
    heard = desk.send(Attempt(desk.certificates.clients[OTHER], SUBSTANTIAL))
    assert (heard.code, heard.status) == (Code.TOKEN_INVALID, 401)


@pytest.mark.parametrize(("which", "alert"), [("expired", "expired"), ("stranger", "unknown ca")])
def test_a_bad_certificate_fails_the_handshake(desk: Desk, which: str, alert: str) -> None:
    bad = {"expired": desk.files.expired, "stranger": desk.files.stranger}[which]
    with pytest.raises(OSError, match=alert):
        desk.message().send(desk.port, desk.files.ca, bad.pem)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "/v6/mailbox/message", 404, Code.NOT_FOUND),
        ("POST", "/v6/mailbox/messages", 405, Code.REQUEST_INVALID),
        ("GET", "/v6/mailbox/messages", 405, Code.REQUEST_INVALID),
    ],
)
def test_a_wrong_path_says_nothing_of_a_mailbox(
    desk: Desk, method: str, path: str, status: int, code: Code
) -> None:
    attempt, client = desk.message(), desk.files.clients[SENDER].pem
    ask = functools.partial(send, desk.port, desk.files.ca, client, method=method, path=path)
    head = attempt.head("multipart/form-data; boundary=limit")
    heard = ask(headers=head, body=attempt.body())
    assert (heard.status, heard.code) == (status, code)
    anonymous = ask(headers={}, body=b"")
    assert (anonymous.status, anonymous.code) == (401, Code.TOKEN_INVALID)


def test_a_length_that_is_too_short_stores_nothing(desk: Desk) -> None:
    attempt = desk.message()
    attempt.headers["Content-Length"] = str(len(attempt.body()) - len("--limit--\r\n"))
    before = desk.service.arrivals.all()
    assert desk.send(attempt).status == 400
    assert desk.service.arrivals.all() == before


def test_a_connection_that_ends_too_early_stores_nothing(desk: Desk) -> None:
    attempt, before = desk.message(), desk.service.arrivals.all()
    attempt.headers["Content-Length"] = str(len(attempt.body()) + 1)
    attempt.end = b""  # so that the server cannot know the end before it has come
    with pytest.raises(TimeoutError):
        attempt.send(desk.port, desk.files.ca, desk.files.clients[SENDER].pem, timeout=0.2)
    assert desk.send(desk.message()).status == 200
    assert len(desk.service.arrivals.all()) == len(before) + 1
