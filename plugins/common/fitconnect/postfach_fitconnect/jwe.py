"""JWE in the one form that FIT-Connect takes: RSA-OAEP-256, A256GCM, compact, not compressed.

RFC 7516, 7.1; RFC 7518, 4.3 and 5.3. joserfc, which verifies tokens here, makes and opens a JWE as
a whole, at six times its size in memory, so this is done by hand, piece by piece. In the compact
form the tag comes last, and AES-GCM never looks back: what is written needs no room at all. What is
read is given out only when its tag was right, so it is held as a whole, beside what came.
"""

import base64
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256

from postfach_fitconnect.assumed import ENCRYPTION_ALG, ENCRYPTION_ENC
from postfach_fitconnect.keys import base64url, unbase64

_IV: Final = 12
_TAG: Final = 16
_KEY: Final = 32
_HEADER_MAX: Final = 4096
_PARTS: Final = 5
_PIECE: Final = 256 * 1024  # characters of base64, whole groups of four
_OAEP: Final = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


class NotOpened(Exception):
    """A JWE is not for this key, not in the one form, or was altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whom something is encrypted for."""

    key: RSAPublicKey
    kid: str


class Jwe:
    """One JWE: its length is known before, its pieces come once, its tag is known after.

    A new one is needed for each sending: key and IV are used once.
    """

    def __init__(self, recipient: Recipient, media_type: str, size: int) -> None:
        """Take for whom, and how many bytes of which type (`cty`) will be given."""
        header = {
            "alg": ENCRYPTION_ALG,
            "enc": ENCRYPTION_ENC,
            "kid": recipient.kid,
            "cty": media_type,
        }
        self._head = base64url(json.dumps(header, separators=(",", ":")).encode())
        self._key, self._size = recipient.key, size
        self._used = False
        self.tag = ""

    @property
    def length(self) -> int:
        """Bytes of all pieces together."""
        wrapped = (self._key.key_size + 7) // 8
        parts = (wrapped, _IV, self._size, _TAG)
        return len(self._head) + sum(1 + -(-4 * each // 3) for each in parts)

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the JWE; holds little more than a chunk of it. What `chunks` raises passes."""
        if self._used:
            raise RuntimeError("a JWE is written once: its key and IV are")
        self._used = True
        secret, iv = os.urandom(_KEY), os.urandom(_IV)
        wrapped = self._key.encrypt(secret, _OAEP)
        encryptor = Cipher(AES256(secret), GCM(iv)).encryptor()
        encryptor.authenticate_additional_data(self._head)
        yield b".".join((self._head, base64url(wrapped), base64url(iv), b""))
        over = b""  # base64 is written three bytes at a time
        for chunk in chunks:
            over += encryptor.update(chunk)
            whole = len(over) - len(over) % 3
            if whole:
                yield base64.urlsafe_b64encode(memoryview(over)[:whole])
                over = over[whole:]
        encryptor.finalize()
        self.tag = base64url(encryptor.tag).decode("ascii")
        yield b"%b.%b" % (base64url(over), self.tag.encode("ascii"))


def whole(recipient: Recipient, media_type: str, data: bytes) -> tuple[bytes, str]:
    """Return the JWE of something small, and its tag."""
    made = Jwe(recipient, media_type, len(data))
    return b"".join(made.pieces((data,))), made.tag


def opened(token: bytes, key: RSAPrivateKey, kid: str, media_type: str | None = None) -> bytes:
    """Return what a JWE holds; costs three and a half times its size. Raises NotOpened.

    kid: of our key; media_type: what `cty` has to be, where the header has one
    """
    header = _header(token)
    if header.get("alg") != ENCRYPTION_ALG or header.get("enc") != ENCRYPTION_ENC:
        raise NotOpened("not RSA-OAEP-256 with A256GCM")
    if {"zip", "crit"} & header.keys():
        raise NotOpened("compressed, or with extensions")
    if header.get("kid", kid) != kid:
        raise NotOpened("for another key")
    if media_type is not None and header.get("cty", media_type) != media_type:
        raise NotOpened("of another type")
    if token.count(b".") != _PARTS - 1:
        raise NotOpened("not compact")
    try:
        return _clear(token, key)
    except (ValueError, InvalidTag):
        raise NotOpened("not for our key, or altered") from None


def _clear(token: bytes, key: RSAPrivateKey) -> bytes:
    # By places: splitting would copy the cipher text.
    first = token.index(b".")
    second = token.index(b".", first + 1)
    third = token.index(b".", second + 1)
    last = token.rindex(b".")
    secret = key.decrypt(unbase64(token[first + 1 : second]), _OAEP)
    nonce, tag = unbase64(token[second + 1 : third]), unbase64(token[last + 1 :])
    if len(secret) != _KEY or len(nonce) != _IV or len(tag) != _TAG:
        raise ValueError("not A256GCM")
    decryptor = Cipher(AES256(secret), GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(token[:first])
    pieces = [
        decryptor.update(unbase64(token[place : min(place + _PIECE, last)]))
        for place in range(third + 1, last, _PIECE)
    ]
    decryptor.finalize()
    return b"".join(pieces)


def _header(token: bytes) -> dict[str, object]:
    head = token[:_HEADER_MAX].partition(b".")[0]
    try:
        found = json.loads(unbase64(head))
    except (ValueError, RecursionError):
        raise NotOpened("no header") from None
    if not isinstance(found, dict):
        raise NotOpened("no header")
    return found
