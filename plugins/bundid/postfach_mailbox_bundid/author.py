"""Who sends: certificate, key, and the token of a request.

The token (RFC 7519, signed with RS512) says for half an hour who sends. It is made anew for each
request, so that none outlives its certificate.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey

from postfach_http import Identity
from postfach_mailbox_bundid.assumed import ROLE, TOKEN_SECONDS

_ALGORITHM: Final = "RS512"


class Unfit(Exception):
    """The certificate is not one that can send; its text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """The sender, as one state of the certificate's file has it.

    name: common name of the certificate's subject
    certificate: PEM
    """

    name: str
    certificate: str
    key: RSAPrivateKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, identity: Identity) -> "Author":
        """Take certificate and key. Raises Unfit."""
        names = identity.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if len(names) != 1:
            raise Unfit(f"certificate_file: the subject has {len(names)} CN, and one is needed")
        if not isinstance(identity.key, RSAPrivateKey):
            raise Unfit("certificate_file: the key is EC, and RSA is needed to sign")
        certificate = identity.certificate.public_bytes(Encoding.PEM).decode("ascii")
        return cls(name=str(names[0].value), certificate=certificate, key=identity.key)

    def token(self, now: datetime) -> str:
        """Return a token that is valid from now on."""
        issued = int(now.timestamp())
        claims = {
            "iat": issued,
            "exp": issued + TOKEN_SECONDS,
            "signer": self.name,
            "roles": [ROLE],
        }
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        header = {"alg": _ALGORITHM, "typ": "JWT"}
        return jwt.encode(header, claims, RSAKey.import_key(pem), algorithms=[_ALGORITHM])
