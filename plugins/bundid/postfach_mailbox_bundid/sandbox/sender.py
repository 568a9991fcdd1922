"""Who sends: the certificate, and the token that must be signed with its key."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from postfach_mailbox_bundid.assumed import (
    ROLE,
    TOKEN_LEEWAY_SECONDS,
    TOKEN_SECONDS,
    Code,
)
from postfach_mailbox_bundid.sandbox.reading import json_object
from postfach_mailbox_bundid.sandbox.refusing import Refusal
from postfach_sandbox.issuing import common_name

_RSA_BITS_MIN = 2048
_BEARER = re.compile(r"Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A known sender: common name and public key of its certificate."""

    name: str
    key: RSAPublicKey

    @classmethod
    def of(cls, certificate: x509.Certificate | None, known: frozenset[str] | None) -> "Sender":
        """Accept a certificate whose issuer was checked already; `known` None: every name."""
        if certificate is None:
            raise Refusal(Code.CERTIFICATE_REFUSED, "no client certificate was shown")
        name, key = common_name(certificate), certificate.public_key()
        if name is None or not isinstance(key, RSAPublicKey) or key.key_size < _RSA_BITS_MIN:
            raise Refusal(Code.CERTIFICATE_REFUSED, "an RSA certificate with one CN is wanted")
        if known is not None and name not in known:
            raise Refusal(Code.CERTIFICATE_REFUSED, "the certificate's CN is not registered")
        return cls(name=name, key=key)

    @classmethod
    def of_pem(
        cls, text: str, authority: x509.Certificate, known: frozenset[str] | None, now: datetime
    ) -> "Sender":
        """Accept the certificate in an envelope from FIT-Connect: no handshake has checked it."""
        try:
            (certificate,) = x509.load_pem_x509_certificates(text.encode())
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature) as error:
            message = "authorCertificate: one certificate of the service's authority as PEM"
            raise Refusal(Code.CERTIFICATE_REFUSED, message) from error
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise Refusal(Code.CERTIFICATE_REFUSED, "authorCertificate: not valid at this time")
        return cls.of(certificate, known)

    def check_header(self, authorization: str | None, now: datetime) -> None:
        """Check the token of an Authorization header."""
        found = _BEARER.fullmatch(authorization or "")
        if found is None:
            raise Refusal(Code.TOKEN_INVALID, "Authorization: Bearer and a token is wanted")
        self.check_token(found[1], now)

    def check_token(self, token: str, now: datetime) -> None:
        """Check signature, times, signer and roles of a token (RFC 7519)."""
        claims = self._claims(token)
        if set(claims) != {"iat", "exp", "signer", "roles"}:
            raise Refusal(Code.TOKEN_INVALID, "claims: iat, exp, signer, roles and no others")
        issued, expires = claims["iat"], claims["exp"]
        if type(issued) is not int or type(expires) is not int:
            raise Refusal(Code.TOKEN_INVALID, "iat, exp: whole seconds")
        if expires - issued != TOKEN_SECONDS:
            raise Refusal(Code.TOKEN_INVALID, "exp: 30 minutes after iat")
        leeway = timedelta(seconds=TOKEN_LEEWAY_SECONDS)
        if issued > (now + leeway).timestamp():
            raise Refusal(Code.TOKEN_INVALID, "iat: not yet")
        if expires <= (now - leeway).timestamp():
            raise Refusal(Code.TOKEN_INVALID, "exp: the token has expired")
        if claims["signer"] != self.name:
            raise Refusal(Code.TOKEN_INVALID, "signer: not the certificate's CN")
        if claims["roles"] != [ROLE]:
            raise Refusal(Code.ROLE_MISSING, f"roles: {ROLE} is wanted")

    def _claims(self, token: str) -> dict[str, Any]:
        pem = self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        try:
            found = jws.deserialize_compact(token, RSAKey.import_key(pem), algorithms=["RS512"])
        except (JoseError, ValueError) as error:
            message = "signature: RS512 with the certificate's key is wanted"
            raise Refusal(Code.TOKEN_INVALID, message) from error
        return json_object(found.payload, "the token's claims", Code.TOKEN_INVALID)
