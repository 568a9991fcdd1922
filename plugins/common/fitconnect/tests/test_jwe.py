"""JWE: what is written opens elsewhere, is as long as announced, and costs no memory."""

import json
import os
import tracemalloc
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe

from postfach_fitconnect.jwe import Jwe, NotOpened, Recipient, opened, whole
from postfach_fitconnect.keys import base64url, unbase64
from postfach_fitconnect.testkit import Keys, Pair, pair

SMALL = pair("kid", 2048)  # quick; what is written does not depend on it


def recipient(of: Pair) -> Recipient:
    return Recipient(key=of.private.public_key(), kid=of.kid)


@given(st.lists(st.binary(max_size=70), max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_is_written_piece_by_piece_opens_with_another_library(chunks: list[bytes]) -> None:
    made = Jwe(recipient(SMALL), "application/pdf", sum(map(len, chunks)))
    token = b"".join(made.pieces(chunks))
    assert len(token) == made.length
    found = jwe.decrypt_compact(token, SMALL.key, algorithms=["RSA-OAEP-256", "A256GCM"])
    assert (found.plaintext or b"") == b"".join(chunks)
    assert token.rpartition(b".")[2].decode() == made.tag
    assert found.protected == {
        "alg": "RSA-OAEP-256",
        "enc": "A256GCM",
        "kid": "kid",
        "cty": "application/pdf",
    }


@given(st.binary(max_size=300))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_again(data: bytes) -> None:
    token, _ = whole(recipient(SMALL), "text/plain", data)
    assert opened(token, SMALL.private, "kid", "text/plain") == data


@given(st.binary(max_size=300))
@settings(max_examples=30, deadline=None)
def test_what_another_library_writes_is_read(data: bytes) -> None:
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "kid"}
    token = jwe.encrypt_compact(header, data, SMALL.key, algorithms=["RSA-OAEP-256", "A256GCM"])
    assert opened(token.encode(), SMALL.private, "kid", "text/plain") == data


@pytest.mark.parametrize("size", [196_607, 196_608, 196_609, 400_000])
def test_larger_ones_are_read_whole(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    token, _ = whole(recipient(SMALL), "text/plain", data)
    assert opened(token, SMALL.private, "kid") == data


def test_no_two_are_alike() -> None:
    made = [whole(recipient(SMALL), "text/plain", b"same")[0].split(b".") for _ in range(2)]
    assert made[0][0] == made[1][0]
    assert all(one != other for one, other in zip(made[0][1:], made[1][1:], strict=True))


def test_one_is_written_once() -> None:
    made = Jwe(recipient(SMALL), "text/plain", 1)
    list(made.pieces((b"x",)))
    with pytest.raises(RuntimeError, match="once"):
        list(made.pieces((b"x",)))


def test_a_document_of_20_mb_costs_no_memory() -> None:
    size, chunk = 20 * 1024 * 1024, 64 * 1024
    data = bytes(chunk)

    def chunks() -> Iterator[bytes]:
        for _ in range(size // chunk):
            yield data

    made = Jwe(recipient(SMALL), "application/pdf", size)
    tracemalloc.start()
    try:
        sent = sum(len(piece) for piece in made.pieces(chunks()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent == made.length
    assert peak < 1024 * 1024, f"{peak} bytes"


def _with(token: bytes, **header: object) -> bytes:
    head, _, rest = token.partition(b".")
    changed = {**json.loads(unbase64(head)), **header}
    return base64url(json.dumps(changed).encode()) + b"." + rest


TOKEN, _TAG = whole(recipient(SMALL), "text/plain", b"clear" * 20)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (_with(TOKEN, enc="A128GCM"), "not RSA-OAEP-256"),
        (_with(TOKEN, alg="RSA-OAEP"), "not RSA-OAEP-256"),
        (_with(TOKEN, alg="dir"), "not RSA-OAEP-256"),
        (_with(TOKEN, zip="DEF"), "compressed"),
        (_with(TOKEN, crit=["exp"]), "compressed"),
        (_with(TOKEN, kid="other"), "another key"),
        (_with(TOKEN, cty="text/html"), "another type"),
        (_with(TOKEN, more=1), "altered"),
        (TOKEN.replace(b".", b"", 1), "header"),
        (b"", "header"),
        (b"W10." + TOKEN.partition(b".")[2], "header"),
        (TOKEN[:-2], "altered"),
        (TOKEN + b".x", "compact"),
        (TOKEN.rpartition(b".")[0], "compact"),
        (TOKEN[:-2] + b"..", "compact"),
        (b".".join([*TOKEN.split(b".")[:4], b"AAAA"]), "altered"),
        (TOKEN.rpartition(b".")[0] + b"." + base64url(bytes(16)), "altered"),
    ],
)
def test_what_is_not_wholly_right_is_not_opened(token: bytes, why: str) -> None:
    with pytest.raises(NotOpened, match=why):
        opened(token, SMALL.private, "kid", "text/plain")


def sealed(secret: int, nonce: int, tag: int) -> bytes:
    """Return a JWE with parts of other lengths, each in itself right."""
    key, iv = os.urandom(secret), os.urandom(nonce)
    head = TOKEN.partition(b".")[0]
    encryptor = Cipher(AES(key), GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(head)
    text = encryptor.update(b"clear") + encryptor.finalize()
    wrapped = SMALL.private.public_key().encrypt(key, OAEP(MGF1(SHA256()), SHA256(), None))
    parts = (wrapped, iv, text, encryptor.tag[:tag])
    return b".".join([head, *map(base64url, parts)])


def test_only_the_one_set_of_lengths_is_opened() -> None:
    assert opened(sealed(32, 12, 16), SMALL.private, "kid") == b"clear"
    for lengths in ((16, 12, 16), (32, 16, 16), (32, 8, 16), (32, 12, 12)):
        with pytest.raises(NotOpened):
            opened(sealed(*lengths), SMALL.private, "kid")


@given(st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_is_found(place: int, by: int) -> None:
    parts = TOKEN.split(b".")
    raw = bytearray(unbase64(parts[3]))
    raw[place % len(raw)] ^= by
    with pytest.raises(NotOpened):
        opened(b".".join([*parts[:3], base64url(bytes(raw)), parts[4]]), SMALL.private, "kid")


def test_another_key_does_not_open_it(keys: Keys) -> None:
    with pytest.raises(NotOpened):
        opened(TOKEN, keys.ours.private, "kid")
