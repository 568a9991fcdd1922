"""Our own key, which replies are encrypted for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from postfach_fitconnect.assumed import ENCRYPTION_ALG, ENCRYPTION_OPS, KEY_BITS_MIN
from postfach_fitconnect.ending import Ended
from postfach_http.outcomes import held

_PUBLIC: Final = ("kty", "n", "e")
_Stamp = tuple[int, int, int]


class ReplyKey:
    """The key in a file, loaded again when the file changed: so it can be changed without a pause.

    Safe for threads.
    """

    def __init__(self, file: Path) -> None:
        """Take where it is; reads nothing."""
        self._file = file
        self._loaded: tuple[_Stamp, RSAPrivateKey, str] | None = None

    def key(self) -> tuple[RSAPrivateKey, str]:
        """Return the key, and its id (RFC 7638). Raises Ended: Held."""
        try:
            stat = self._file.stat()
            stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            loaded = self._loaded
            if loaded is not None and loaded[0] == stamp:
                return loaded[1:]
            data = self._file.read_bytes()
        except OSError:
            raise _held("cannot be read") from None
        key, kid = _checked(data)
        self._loaded = (stamp, key, kid)  # checking a key takes long
        return key, kid

    def public(self) -> Mapping[str, Any]:
        """Return the public key as JWK. Raises Ended: Held."""
        key, kid = self.key()
        found = RSAKey(key.public_key(), key.public_key()).as_dict(private=False)
        return {
            **{name: found[name] for name in _PUBLIC},
            "kid": kid,
            "alg": ENCRYPTION_ALG,
            "key_ops": [ENCRYPTION_OPS],
        }


def _checked(data: bytes) -> tuple[RSAPrivateKey, str]:
    key = _jwk(data) if data.lstrip().startswith(b"{") else _pem(data)
    private = key.raw_value
    if not isinstance(private, RSAPrivateKey) or private.key_size < KEY_BITS_MIN:
        raise _held(f"must hold a private RSA key of at least {KEY_BITS_MIN} bits")
    return private, str(RSAKey(private, private).thumbprint())


def _jwk(data: bytes) -> RSAKey:
    try:
        return RSAKey.import_key(json.loads(data))
    except (JoseError, ValueError, KeyError, TypeError):
        raise _held("is no JWK of an RSA key") from None


def _pem(data: bytes) -> RSAKey:
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError):
        raise _held("is no PEM of a private key without password") from None
    if not isinstance(key, RSAPrivateKey):
        raise _held("is no RSA key")
    return RSAKey(key, key)


def _held(what: str) -> Ended:
    return Ended(held("REPLY_KEY", f"reply_key_file: {what}"))
