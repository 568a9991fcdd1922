"""The signed envelope: a string of JSON, and the signature over exactly its bytes."""

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA512

from postfach_mailbox_bundid.assumed import (
    AUTHOR_CERTIFICATE,
    AUTHOR_TOKEN,
    ENVELOPE_BYTES_MAX,
    Code,
)
from postfach_mailbox_bundid.sandbox.reading import json_object
from postfach_mailbox_bundid.sandbox.refusing import Refusal
from postfach_mailbox_bundid.sandbox.sender import Sender

_SIGNED = frozenset({"content", "sha512sum"})
_AUTHOR = frozenset({AUTHOR_TOKEN, AUTHOR_CERTIFICATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An envelope whose fields are there; its signature is not checked yet.

    data: the bytes as they came; content: the bytes that are signed
    token, certificate: of the author, only through FIT-Connect
    """

    data: bytes
    content: bytes
    signature: bytes
    token: str = ""
    certificate: str = ""

    @classmethod
    def read(cls, data: bytes, *, bridged: bool) -> "Envelope":
        """Read the part `json` or a request's body. Raises Refusal."""
        if len(data) > ENVELOPE_BYTES_MAX:
            raise Refusal(Code.TOO_LARGE, f"envelope: more than {ENVELOPE_BYTES_MAX} bytes")
        fields = json_object(data, "envelope")
        wanted = _SIGNED | _AUTHOR if bridged else _SIGNED
        if set(fields) != wanted or not all(isinstance(each, str) for each in fields.values()):
            names = ", ".join(sorted(wanted))
            raise Refusal(Code.REQUEST_INVALID, f"envelope: {names}, all strings, and no others")
        try:
            content = fields["content"].encode("utf-8")
            signature = base64.b64decode(fields["sha512sum"].encode("ascii"), validate=True)
        except UnicodeEncodeError as error:
            raise Refusal(Code.REQUEST_INVALID, "envelope: characters that are none") from error
        except binascii.Error as error:
            raise Refusal(Code.SIGNATURE_INVALID, "sha512sum: base64 is wanted") from error
        return cls(
            data=data,
            content=content,
            signature=signature,
            token=fields.get(AUTHOR_TOKEN, ""),
            certificate=fields.get(AUTHOR_CERTIFICATE, ""),
        )

    def check(self, sender: Sender) -> None:
        """Check the signature: RSA PKCS#1 v1.5 with SHA-512 (RFC 8017, 8.2). Raises Refusal."""
        try:
            sender.key.verify(self.signature, self.content, PKCS1v15(), SHA512())
        except InvalidSignature as error:
            message = "sha512sum: does not sign the bytes of content with the sender's key"
            raise Refusal(Code.SIGNATURE_INVALID, message) from error
