"""The private keys of all sides: the service's for its tokens, each destination's two."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc.jwk import RSAKey

from postfach_fitconnect.assumed import (
    ENCRYPTION_ALG,
    ENCRYPTION_OPS,
    SIGNATURE_ALG,
    SIGNATURE_OPS,
)

BITS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A private key; its id is that of RFC 7638."""

    key: RSAKey
    kid: str
    alg: str
    operation: str

    @property
    def bits(self) -> int:
        """Bits of the modulus."""
        return int(self.key.public_key.key_size)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public part (RFC 7517)."""
        found = self.key.as_dict(private=False)
        return {
            **{name: found[name] for name in ("kty", "n", "e")},
            "kid": self.kid,
            "alg": self.alg,
            "key_ops": [self.operation],
        }


class Keyring:
    """Makes keys when they are first asked for, which is slow, and keeps them.

    Safe for threads. Several platforms may share one.
    """

    def __init__(self, folder: Path | None = None, *, bits: int = BITS) -> None:
        """Keep keys in `folder`, open as they are; None: in memory only."""
        self._folder, self._bits = folder, bits
        self._lock = threading.Lock()
        self._pairs: dict[str, Pair] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def service(self) -> Pair:
        """The delivery service's, in jwks.json."""
        return self._pair("service", SIGNATURE_ALG, SIGNATURE_OPS)

    def signature(self, destination: str) -> Pair:
        """Return what a destination signs with."""
        return self._pair(f"{destination}.signature", SIGNATURE_ALG, SIGNATURE_OPS)

    def encryption(self, destination: str) -> Pair:
        """Return what a destination decrypts with."""
        return self._pair(f"{destination}.encryption", ENCRYPTION_ALG, ENCRYPTION_OPS)

    def _pair(self, name: str, alg: str, operation: str) -> Pair:
        with self._lock:
            if name not in self._pairs:
                key = self._key(name)
                self._pairs[name] = Pair(
                    key=key, kid=str(key.thumbprint()), alg=alg, operation=operation
                )
            return self._pairs[name]

    def _key(self, name: str) -> RSAKey:
        path = self._folder / f"{name}.pem" if self._folder is not None else None
        if path is not None and path.exists():
            private = load_pem_private_key(path.read_bytes(), None)
            if not isinstance(private, rsa.RSAPrivateKey):
                raise TypeError(f"{path}: not an RSA key; remove it to have a new one made")
        else:
            private = rsa.generate_private_key(65537, self._bits)
            if path is not None:
                _write(path, private)
        return RSAKey(private, private)


def _write(path: Path, key: rsa.RSAPrivateKey) -> None:
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    new.replace(path)
