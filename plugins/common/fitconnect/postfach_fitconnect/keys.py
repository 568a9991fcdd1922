"""Public keys of others, as JWK (RFC 7517): used only for what they are made for."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from postfach_fitconnect.assumed import (
    ENCRYPTION_ALG,
    ENCRYPTION_OPS,
    KEY_BITS_MAX,
    KEY_BITS_MIN,
    SIGNATURE_ALG,
    SIGNATURE_OPS,
)

_EXPONENT_MIN: Final = 65537  # smaller ones make RSA fragile
_EXPONENT_BITS_MAX: Final = 64


class Unfit(Exception):
    """A key is not one that may be used for this; the text says why."""


def encryption_key(jwk: Mapping[str, Any], kid: str) -> RSAPublicKey:
    """Return a key to encrypt for. Raises Unfit."""
    return _key(jwk, kid, ENCRYPTION_ALG, ENCRYPTION_OPS)


def signature_key(jwk: Mapping[str, Any], kid: str) -> RSAPublicKey:
    """Return a key to verify with. Raises Unfit."""
    return _key(jwk, kid, SIGNATURE_ALG, SIGNATURE_OPS)


def _key(jwk: Mapping[str, Any], kid: str, alg: str, operation: str) -> RSAPublicKey:
    operations = jwk.get("key_ops")
    if jwk.get("kid") != kid:
        raise Unfit("the key is another than was asked for")
    if jwk.get("kty") != "RSA" or jwk.get("alg") != alg:
        raise Unfit(f"the key is not RSA for {alg}")
    if not isinstance(operations, list) or operation not in operations:
        raise Unfit(f"the key is not for {operation}")
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if not KEY_BITS_MIN <= modulus.bit_length() <= KEY_BITS_MAX:
        raise Unfit(f"the key has less than {KEY_BITS_MIN} bits, or far too many")
    if exponent < _EXPONENT_MIN or exponent.bit_length() > _EXPONENT_BITS_MAX:
        raise Unfit("the key's exponent is not fit")
    try:
        return RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        raise Unfit("the key is none") from None


def _number(jwk: Mapping[str, Any], name: str) -> int:
    value = jwk.get(name)
    if not isinstance(value, str) or len(value) > KEY_BITS_MAX:
        raise Unfit(f"the key has no {name}")
    try:
        return int.from_bytes(unbase64(value), "big")
    except ValueError:
        raise Unfit(f"the key has no {name}") from None


def unbase64(value: str | bytes) -> bytes:
    """Return what base64url without padding stands for (RFC 7515, 2). Raises ValueError.

    Only one spelling of some bytes is taken.
    """
    data = value.encode("ascii") if isinstance(value, str) else value
    try:
        found = base64.b64decode(data + b"=" * (-len(data) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if base64url(found) != data:
        raise ValueError("not base64url")
    return found


def base64url(data: bytes) -> bytes:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")
