"""The hub's XAdES B-B seal: a template of our own, canonical by construction.

Every part that is digested or signed is written in the very bytes that Canonical XML 1.0 gives for
it, so that no XML library is needed to make a seal: about a tenth of the time that signxml takes,
which would be most of the hub's work. Two rules make that true:

- the document is canonical and its root declares one namespace, the default one;
- apex elements (SignedInfo, SignedProperties) are digested with the declarations they inherit, and
  stand in the file without them.

Elements of the signature carry prefixes: libxml2 2.14 gives wrong canonical bytes for a part of a
document that inherits its own namespace as the default one, so that signxml would refuse it.

Tests hold each shape against signxml, xmlsec1 and ETSI's schema.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from hub.seal.policy import Algorithm, SealUnavailable

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = DS + "enveloped-signature"
PROPERTIES_TYPE: Final = "http://uri.etsi.org/01903#SignedProperties"
LEVEL: Final = "XAdES-B-B"
_ID: Final = "seal-properties"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_ROOT: Final = re.compile(
    rb'<([A-Za-z_][A-Za-z0-9_.\-]*)( xmlns="[^"]*")?(?: (?!xml)[^\s=<>"]+="[^"]*")*>'
)


def _empty(name: str, algorithm: str) -> str:
    return f'<{name} Algorithm="{algorithm}"></{name}>'


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A key with its certificate, ready to seal.

    chain: certificates between the signer's and the trusted one, without the latter
    Made by `hub.seal.load`.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    algorithm: Algorithm
    key: PrivateKey = field(repr=False)
    key_info: str = field(repr=False)
    certificate_digest: str = field(repr=False)

    @classmethod
    def of(
        cls,
        key: PrivateKey,
        certificate: x509.Certificate,
        chain: tuple[x509.Certificate, ...],
        algorithm: Algorithm,
    ) -> Self:
        """Make a seal of parts that were checked to belong together."""
        encoded = [one.public_bytes(Encoding.DER) for one in (certificate, *chain)]
        certificates = "".join(
            f"<ds:X509Certificate>{_text(one)}</ds:X509Certificate>" for one in encoded
        )
        return cls(
            certificate=certificate,
            chain=chain,
            algorithm=algorithm,
            key=key,
            key_info=f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>",
            certificate_digest=_text(hashlib.new(algorithm.hash.name, encoded[0]).digest()),
        )

    def sign(self, document: bytes, at: datetime) -> bytes:
        """Return `document` with its seal as the root's last child.

        document: canonical XML (C14N 1.0) of an element that declares no namespace but a default
        one; not checked beyond its first and last tag
        at: aware; the time claimed in the seal, to the second
        Raises SealUnavailable where certificate or algorithm are not valid at that time.
        """
        self._check_time(at)
        start = _ROOT.match(document)
        if start is None or not document.endswith(end := b"</" + start[1] + b">"):
            raise ValueError("document is no canonical element with one namespace")
        inherited = (start[2] or b"").decode("utf-8")  # part of each apex element's digest
        properties = self._properties(at)
        apex = (
            f'<xades:SignedProperties{inherited} xmlns:ds="{DS}" xmlns:xades="{XADES}" Id="{_ID}">'
        )
        info = self._signed_info(self._digest(document), self._digest((apex + properties).encode()))
        signed = f'<ds:SignedInfo{inherited} xmlns:ds="{DS}">{info}'
        value = _text(self._signature(signed.encode()))
        signature = (
            f'<ds:Signature xmlns:ds="{DS}" Id="seal"><ds:SignedInfo>{info}'
            f"<ds:SignatureValue>{value}</ds:SignatureValue>{self.key_info}"
            f'<ds:Object><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#seal">'
            f'<xades:SignedProperties Id="{_ID}">{properties}'
            "</xades:QualifyingProperties></ds:Object></ds:Signature>"
        )
        return document[: -len(end)] + signature.encode("ascii") + end

    def _check_time(self, at: datetime) -> None:
        first, last = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if not first <= at <= last:
            raise SealUnavailable(
                f"the certificate is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d}, not now",
                where="seal",
                fix="Set [seal] key to a valid certificate, or mend the clock",
            )
        if self.algorithm.ended(at):
            raise SealUnavailable(
                f"its algorithm was good until {self.algorithm.last_day} only",
                where="seal",
                fix="Set [seal] key to one for ECDSA on P-256 or P-384",
            )

    def _digest(self, data: bytes) -> str:
        return _text(hashlib.new(self.algorithm.hash.name, data).digest())

    def _properties(self, at: datetime) -> str:
        """Return SignedProperties from behind its start tag."""
        return (
            "<xades:SignedSignatureProperties>"
            f"<xades:SigningTime>{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</xades:SigningTime>"
            "<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
            f"{_empty('ds:DigestMethod', self.algorithm.digest)}"
            f"<ds:DigestValue>{self.certificate_digest}</ds:DigestValue>"
            "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2>"
            "</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>"
            '<xades:DataObjectFormat ObjectReference="#seal-document">'
            "<xades:MimeType>text/xml</xades:MimeType></xades:DataObjectFormat>"
            "</xades:SignedDataObjectProperties></xades:SignedProperties>"
        )

    def _signed_info(self, document_digest: str, properties_digest: str) -> str:
        """Return SignedInfo from behind its start tag."""
        digest = _empty("ds:DigestMethod", self.algorithm.digest)
        return (
            f"{_empty('ds:CanonicalizationMethod', C14N)}"
            f"{_empty('ds:SignatureMethod', self.algorithm.signature)}"
            f'<ds:Reference Id="seal-document" URI="">'
            f"<ds:Transforms>{_empty('ds:Transform', ENVELOPED)}"
            f"{_empty('ds:Transform', C14N)}</ds:Transforms>{digest}"
            f"<ds:DigestValue>{document_digest}</ds:DigestValue></ds:Reference>"
            f'<ds:Reference Type="{PROPERTIES_TYPE}" URI="#{_ID}"><ds:Transforms>'
            f"{_empty('ds:Transform', C14N)}</ds:Transforms>{digest}"
            f"<ds:DigestValue>{properties_digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        )

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), self.algorithm.hash)
        # xmldsig wants r and s side by side, each as long as the curve (RFC 4050), not their DER.
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(self.algorithm.hash)))
        length = (self.key.curve.key_size + 7) // 8
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")
