"""JWE as the sandbox reads and writes it: by joserfc, so that a fault of the client's is seen.

The service itself cannot open a JWE, only look at its form; that is refused at once. What a
destination cannot open it rejects.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

from postfach_fitconnect.assumed import ENCRYPTION_ALG, ENCRYPTION_ENC, Problem
from postfach_fitconnect.sandbox.keyring import Pair
from postfach_fitconnect.sandbox.refusing import Refusal
from postfach_sandbox.answering import once_each

_HEADER_MAX: Final = 4096
_IV, _TAG = 12, 16
_HEADER: Final = frozenset({"alg", "enc", "kid", "cty", "typ"})


class NotOpened(Exception):
    """A JWE is not for this key, or was altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the outside of a JWE tells: its tag, and the type that it says its content has."""

    tag: str
    content_type: str | None


def form(token: bytes, pair: Pair, what: str) -> Form:
    """Look at a compact JWE from outside (RFC 7516, 7.1). Raises Refusal, with `what` as place."""
    parts = token.split(b".")
    if len(parts) != 5:
        raise _refused(what, "a compact JWE of five parts is wanted")
    header = _header(parts[0], what)
    if header.get("alg") != ENCRYPTION_ALG or header.get("enc") != ENCRYPTION_ENC:
        raise _refused(what, f"alg {ENCRYPTION_ALG} and enc {ENCRYPTION_ENC} are wanted")
    if "zip" in header:
        raise _refused(what, "zip: must not be compressed")
    if not header.keys() <= _HEADER:
        raise _refused(what, "the header has members that are not known")
    if header.get("kid") != pair.kid:
        raise _refused(what, "kid: another key than the destination's")
    sizes = [len(_decoded(each, what)) for each in (parts[1], parts[2], parts[4])]
    if sizes != [pair.bits // 8, _IV, _TAG]:
        raise _refused(what, "key, IV or tag have not the size that they must have")
    _decoded(parts[3], what)
    said = header.get("cty")
    return Form(tag=parts[4].decode(), content_type=said if isinstance(said, str) else None)


def opened(token: bytes, pair: Pair) -> bytes:
    """Return what a JWE holds. Raises NotOpened."""
    registry = jwe.JWERegistry(algorithms=[ENCRYPTION_ALG, ENCRYPTION_ENC])
    registry.max_protected_header_length = _HEADER_MAX
    registry.max_ciphertext_length = len(token)
    try:
        found = jwe.decrypt_compact(token, pair.key, registry=registry)
    except (JoseError, ValueError):
        raise NotOpened("not for this key, or altered") from None
    return found.plaintext or b""


def sealed(data: bytes, jwk: Mapping[str, Any], content_type: str) -> str:
    """Return data as JWE for a public key."""
    header = {
        "alg": ENCRYPTION_ALG,
        "enc": ENCRYPTION_ENC,
        "kid": jwk["kid"],
        "cty": content_type,
    }
    key = RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})
    registry = jwe.JWERegistry(algorithms=[ENCRYPTION_ALG, ENCRYPTION_ENC])
    return jwe.encrypt_compact(header, data, key, registry=registry)


def _header(part: bytes, what: str) -> dict[str, Any]:
    if len(part) > _HEADER_MAX:
        raise _refused(what, "the header is too long")
    try:
        found = json.loads(_decoded(part, what), object_pairs_hook=once_each)
    except (ValueError, RecursionError):
        raise _refused(what, "the header is no JSON") from None
    if not isinstance(found, dict):
        raise _refused(what, "the header is no object")
    return found


def _decoded(part: bytes, what: str) -> bytes:
    """Return what base64url without padding stands for; only its one spelling is taken."""
    try:
        found = urlsafe_b64decode(part)
    except ValueError:
        raise _refused(what, "base64url is wanted") from None
    if urlsafe_b64encode(found) != part:
        raise _refused(what, "base64url without padding is wanted")
    return found


def _refused(what: str, text: str) -> Refusal:
    return Refusal(Problem.ENCRYPTION_INVALID, f"{what}: {text}")
