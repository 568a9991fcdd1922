"""Keys of others: only what is made for a purpose is used for it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postfach_fitconnect.keys import Unfit, base64url, encryption_key, signature_key, unbase64
from postfach_fitconnect.testkit import Keys, pair


def test_a_fit_key_is_taken(keys: Keys) -> None:
    jwk = keys.encryption.jwk("RSA-OAEP-256", "wrapKey")
    found = encryption_key(jwk, keys.encryption.kid)
    assert found.public_numbers() == keys.encryption.private.public_key().public_numbers()
    jwk = keys.service.jwk("PS512", "verify")
    assert signature_key(jwk, keys.service.kid).key_size == 3072


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kid": "other"}, "another"),
        ({"kty": "EC"}, "not RSA"),
        ({"alg": "RSA-OAEP"}, "not RSA for"),
        ({"alg": "PS512"}, "not RSA for"),
        ({"alg": None}, "not RSA for"),
        ({"key_ops": ["verify"]}, "not for wrapKey"),
        ({"key_ops": "wrapKey"}, "not for wrapKey"),
        ({"key_ops": None}, "not for wrapKey"),
        ({"e": "Aw"}, "exponent"),
        ({"e": "AQAC"}, "none"),
        ({"e": "/w=="}, "no e"),
        ({"n": 5}, "no n"),
        ({"n": "AQ"}, "bits"),
        ({"n": "x" * 20000}, "no n"),
    ],
)
def test_an_unfit_key_is_refused(keys: Keys, change: dict[str, Any], why: str) -> None:
    jwk = {**keys.encryption.jwk("RSA-OAEP-256", "wrapKey"), **change}
    with pytest.raises(Unfit, match=why):
        encryption_key(jwk, keys.encryption.kid)


def test_a_small_key_is_refused() -> None:
    small = pair("kid", 2048)
    with pytest.raises(Unfit, match="bits"):
        encryption_key(small.jwk("RSA-OAEP-256", "wrapKey"), "kid")


def test_a_key_to_encrypt_for_does_not_verify(keys: Keys) -> None:
    with pytest.raises(Unfit):
        signature_key(keys.encryption.jwk("RSA-OAEP-256", "wrapKey"), keys.encryption.kid)


@settings(deadline=None)
@given(st.binary(max_size=50))
def test_base64url_is_read_in_one_spelling_only(data: bytes) -> None:
    written = base64url(data)
    assert unbase64(written) == data
    for other in (written + b"=", b" " + written, written + b"\n"):
        with pytest.raises(ValueError, match="base64url"):
            unbase64(other)


@pytest.mark.parametrize("text", ["AB", "A", "A+8", "A/8", "Ä"])
def test_what_is_no_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # one of two texts
        unbase64(text)
