"""The signed envelope: a content as a string of JSON, and the signature over exactly its bytes.

The signature, RSA PKCS#1 v1.5 with SHA-512 (RFC 8017, 8.2), stands in the field `sha512sum`. The
service checks it against the certificate that is shown when the envelope comes. So after the
certificate was changed, what was signed before is signed anew: the content stays as it is, byte for
byte.
"""

import base64
import binascii
import json
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA512

from postfach_mailbox_bundid.assumed import AUTHOR_CERTIFICATE, AUTHOR_TOKEN

CONTENT: Final = "content"
SIGNATURE: Final = "sha512sum"


class NoEnvelope(Exception):
    """The bytes are not an envelope that `sealed` made."""


def compact(value: object) -> str:
    """Return JSON without blanks and with all letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sealed(content: str, key: RSAPrivateKey | None) -> bytes:
    """Return an envelope; without a key one that is still to be signed."""
    signature = b"" if key is None else key.sign(content.encode(), PKCS1v15(), SHA512())
    return _written(content, signature)


def current(envelope: bytes, key: RSAPrivateKey) -> bytes:
    """Return the same bytes where this key signed them, else the same content signed by it.

    Raises NoEnvelope.
    """
    content, signature = _read(envelope)
    try:
        key.public_key().verify(signature, content.encode(), PKCS1v15(), SHA512())
    except InvalidSignature:
        return sealed(content, key)
    return envelope


def with_author(envelope: bytes, token: str, certificate: str) -> bytes:
    """Return an envelope that says itself who sends it, for the way through FIT-Connect.

    certificate: PEM. What is signed stays as it is. Raises NoEnvelope.
    """
    content, signature = _read(envelope)
    author = {AUTHOR_TOKEN: token, AUTHOR_CERTIFICATE: certificate}
    return compact(_fields(content, signature) | author).encode()


def _fields(content: str, signature: bytes) -> dict[str, str]:
    return {CONTENT: content, SIGNATURE: base64.b64encode(signature).decode("ascii")}


def _written(content: str, signature: bytes) -> bytes:
    return compact(_fields(content, signature)).encode()


def _read(envelope: bytes) -> tuple[str, bytes]:
    try:
        fields = json.loads(envelope)
        return str(fields[CONTENT]), base64.b64decode(fields[SIGNATURE], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise NoEnvelope("what was prepared is no envelope") from error
