"""Says whether a sealed document's seal holds, needing nothing of the hub but trusted certificates.

The steps are those of ETSI EN 319 102-1, 5.3 (validation of basic signatures), numbered in
`verify`. The cryptography is signxml's, independent of the code that makes seals; its answer
counts only after our own checks of form, certificate and algorithms, since it alone would take
moved signatures and weak keys.

A sealed file is byte-final: it must be its own canonical form, so that no byte of it can be changed
without breaking the seal. Limits: no revocation lists are asked (nothing is fetched), and without
a time stamp the certificate must be valid when the seal is checked; whoever has other proof of
the seal's age passes that time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification as path_check
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier

from hub.clock import system_clock
from hub.seal.form import Parts, refuse, take_apart
from hub.seal.policy import DIGESTS, POLICY, SealInvalid, may_seal
from hub.seal.xades import Seal

_SLACK: Final = timedelta(minutes=5)  # between the signer's clock and the checker's


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a seal that holds says.

    root, namespace: of the document's root element
    signer: subject of the certificate (RFC 4514)
    signed_at: as the signer claims it; aware
    document: the bytes that were signed; nothing else of the file may be relied on
    """

    root: str
    namespace: str
    signer: str
    signed_at: datetime
    level: str
    document: bytes


def verify(data: bytes, trust: tuple[Path, ...] | bytes, *, at: datetime | None = None) -> Verified:
    """Return what the seal of `data` says; raise SealInvalid, and nothing else, if it fails.

    data: the whole file
    trust: files with PEM certificates that are trusted, or such PEM text
    at: aware; the time at which certificate and algorithm must be valid; None: now
    """
    moment = at or system_clock().now()
    # (1) Format checking, 5.2.2: one signature over the whole document, of XAdES' shape.
    parts = take_apart(data)
    # (2) Identification of the signing certificate, 5.2.3: the first one given; that it is the one
    # whose digest was signed is checked in (5) by signxml against that very certificate.
    signer = parts.certificates[0]
    # (3) Validation context, 5.2.4: the policy's table and the trusted certificates.
    anchors = _anchors(trust)
    # (4) X.509 validation, 5.2.6: a path to a trusted certificate, all of it valid at `moment`.
    _path(parts.certificates, anchors, moment)
    # (5) Signature acceptance, 5.2.8, before (6), so that no weak key is ever computed with.
    _accept(parts, moment)
    # (6) Cryptographic verification, 5.2.7.
    document = _cryptography(data, signer, moment)
    return Verified(
        root=parts.root,
        namespace=parts.namespace,
        signer=signer.subject.rfc4514_string(),
        signed_at=parts.signed_at,
        level="B-B",
        document=document,
    )


def is_own(data: bytes, own: Seal, at: datetime) -> bool:
    """Whether `data` is sealed with our own key and certificate, as of a time."""
    top = (own.certificate, *own.chain)[-1].public_bytes(Encoding.PEM)
    if (
        own.key_info.encode("ascii") not in data
    ):  # the same issuer's other certificates are not ours
        return False
    try:
        verify(data, top, at=at)
    except SealInvalid:
        return False
    return True


def unbroken(data: bytes) -> bool:
    """Whether a file is still what was sealed, by the certificate in it: nothing of whose that is.

    For what the hub itself has kept; who trusts the file needs `verify`.
    """
    try:
        parts = take_apart(data)
        top = parts.certificates[-1].public_bytes(Encoding.PEM)
        verify(data, top, at=parts.signed_at)
    except SealInvalid:
        return False
    return True


def _anchors(trust: tuple[Path, ...] | bytes) -> list[x509.Certificate]:
    try:
        texts = [trust] if isinstance(trust, bytes) else [path.read_bytes() for path in trust]
        anchors = [one for text in texts for one in x509.load_pem_x509_certificates(text)]
    except Exception as error:  # cryptography raises classes of no common kind
        raise SealInvalid(
            "the trusted certificates are not readable",
            where="trust",
            fix="Give a file with PEM certificates",
        ) from error
    if not anchors:
        raise SealInvalid("nothing is trusted", where="trust", fix="Give the issuer's certificate")
    return anchors


def _path(
    certificates: tuple[x509.Certificate, ...], anchors: list[x509.Certificate], at: datetime
) -> None:
    """Refuse unless the certificates are, in order, the whole path below a trusted one."""
    for one in certificates:
        if not one.not_valid_before_utc <= at <= one.not_valid_after_utc:
            raise SealInvalid(
                f"a certificate is valid from {one.not_valid_before_utc:%Y-%m-%d} to "
                f"{one.not_valid_after_utc:%Y-%m-%d}, not on {at:%Y-%m-%d}",
                where="seal",
                fix="If other proof shows that the seal was made in that time, check as of then",
            )
    if len(certificates) == 1 and certificates[0] in anchors:
        return  # the signer's own certificate is trusted, so no path is needed
    rules = path_check.ExtensionPolicy
    checker = (
        path_check.PolicyBuilder()
        .store(path_check.Store(anchors))
        .time(at)
        .extension_policies(
            ee_policy=rules.permit_all(),  # key usage is checked by `may_seal`
            ca_policy=rules.webpki_defaults_ca(),
        )
        .build_client_verifier()
    )
    try:
        found = checker.verify(certificates[0], list(certificates[1:])).chain
    except Exception as error:  # cryptography, with a stranger's certificates
        raise refuse("the signer's certificate leads to no trusted one") from error
    if tuple(found[: len(certificates)]) != certificates:
        raise refuse("certificates in the seal that are not part of its path")


def _accept(parts: Parts, at: datetime) -> None:
    """Refuse what the policy does not take: key, algorithm, usage, claimed time."""
    signer = parts.certificates[0]
    key = signer.public_key()
    chosen = [one for one in POLICY if one.signature == parts.method and one.fits(key)]
    if not chosen or chosen[0].ended(at):
        raise refuse("the seal's algorithm or key is not accepted, or no longer")
    if not may_seal(signer):
        raise refuse("the certificate's key usage is not to sign")
    first, last = signer.not_valid_before_utc, signer.not_valid_after_utc
    if not first <= parts.signed_at <= last or parts.signed_at > at + _SLACK:
        raise refuse("the claimed time of signing cannot be true")


def _cryptography(data: bytes, signer: x509.Certificate, at: datetime) -> bytes:
    """Return the signed document as signxml verified it against that certificate's key."""
    config = XAdESSignatureConfiguration(
        location="./",
        expect_references=2,
        signature_methods=frozenset(SignatureMethod(one.signature) for one in POLICY),
        digest_algorithms=frozenset(DigestAlgorithm(one) for one in DIGESTS),
        verification_time=at,
    )
    try:
        results = XAdESVerifier().verify(data, x509_cert=signer, expect_config=config)
    except Exception as error:  # signxml also lets TypeError, ValueError and others through
        raise refuse("changed after sealing, or sealed with another key") from error
    return bytes(results[0].signed_data)
