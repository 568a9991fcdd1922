"""Which keys and algorithms a seal may use, until when, and the errors of seals.

One table serves making and checking: what is not in it is refused. `last_day` is the last day on
which a seal may be made, or be checked without a time stamp that proves it older.

Source: ETSI TS 119 312 (RSA PKCS#1 v1.5 not after 2028), RFC 6931 (algorithm URIs).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub.errors import HubError

type_of_key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

SHA256_URI: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA384_URI: Final = "http://www.w3.org/2001/04/xmldsig-more#sha384"
SHA512_URI: Final = "http://www.w3.org/2001/04/xmlenc#sha512"


class SealUnavailable(HubError):
    """No seal can be made now: the certificate or the algorithm is not valid at this time."""

    exit_code = 75


class SealInvalid(HubError):
    """A document's seal does not hold; `what` says which step of the check failed."""

    exit_code = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """A signature algorithm that seals may use.

    signature, digest: URIs as they stand in XML signatures
    curve: name of the one curve, None for RSA
    least_bits: size of the smallest key
    last_day: last day it counts, None while no end is known
    """

    signature: str
    digest: str
    hash: hashes.HashAlgorithm
    curve: str | None
    least_bits: int
    last_day: date | None = None

    def fits(self, key: object) -> bool:
        """Return whether `key` (a public key) is of this algorithm's kind and large enough."""
        if isinstance(key, ec.EllipticCurvePublicKey):
            return key.curve.name == self.curve
        if isinstance(key, rsa.RSAPublicKey):
            return self.curve is None and key.key_size >= self.least_bits
        return False

    def ended(self, at: datetime) -> bool:
        """Return whether the algorithm's last day lies before `at` (aware)."""
        return self.last_day is not None and at.date() > self.last_day


_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_RSA_ENDS: Final = date(2028, 12, 31)

# The first entry that fits a key is the one a seal is made with.
POLICY: Final = (
    Algorithm(
        signature=_MORE + "ecdsa-sha256",
        digest=SHA256_URI,
        hash=hashes.SHA256(),
        curve="secp256r1",
        least_bits=256,
    ),
    Algorithm(
        signature=_MORE + "ecdsa-sha384",
        digest=SHA384_URI,
        hash=hashes.SHA384(),
        curve="secp384r1",
        least_bits=384,
    ),
    Algorithm(
        signature=_MORE + "rsa-sha256",
        digest=SHA256_URI,
        hash=hashes.SHA256(),
        curve=None,
        least_bits=3000,
        last_day=_RSA_ENDS,
    ),
    Algorithm(
        signature=_MORE + "rsa-sha512",
        digest=SHA512_URI,
        hash=hashes.SHA512(),
        curve=None,
        least_bits=3000,
        last_day=_RSA_ENDS,
    ),
)

DIGESTS: Final = frozenset({SHA256_URI, SHA384_URI, SHA512_URI})
WANTED: Final = "ECDSA on P-256 or P-384, or RSA of at least 3000 bits"


def may_seal(certificate: x509.Certificate) -> bool:
    """Return whether the certificate's key usage is to sign data.

    digitalSignature or nonRepudiation (contentCommitment): certificates for seals carry either.
    A certificate without the extension is not accepted.
    """
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return usage.digital_signature or usage.content_commitment
