"""Takes a sealed file apart and refuses every form of signature but the one we accept.

What is accepted: canonical XML whose root ends in one enveloped XAdES B-B signature over the whole
document, with certificates, without unsigned properties. Nothing here says that the seal holds.

Source: ETSI EN 319 102-1, 5.2.2 (format checking); EN 319 132-1, 6.3 (level B-B).
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from lxml import etree

from hub.seal.policy import DIGESTS, SealInvalid
from hub.seal.xades import C14N, DS, ENVELOPED, PROPERTIES_TYPE, XADES

MOST_BYTES: Final = 16 * 1024 * 1024
_MOST_CERTIFICATES: Final = 8
_C14N_11: Final = "http://www.w3.org/2006/12/xml-c14n11"
_NS: Final = {"ds": DS, "xades": XADES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A sealed file of the accepted form, taken apart; not yet verified.

    root: local name; certificates: the signer's first, then upwards; signed_at: aware
    """

    root: str
    namespace: str
    method: str
    certificates: tuple[x509.Certificate, ...]
    signed_at: datetime


def refuse(what: str) -> SealInvalid:
    """Return the error for a seal that does not hold."""
    fix = "Do not rely on this file; ask its issuer for it again"
    return SealInvalid(what, where="seal", fix=fix)


def take_apart(data: bytes) -> Parts:
    """Return the parts of a sealed file; raise SealInvalid for any other form."""
    root = _parse(data)
    found = list(root.iter(f"{{{DS}}}Signature"))
    if len(found) != 1 or root[-1] is not found[0]:
        raise refuse("not exactly one signature as the last child of the root")
    signature = found[0]
    _shape(signature)
    name = etree.QName(root)
    return Parts(
        root=name.localname,
        namespace=name.namespace or "",
        method=_attribute(signature, "ds:SignedInfo/ds:SignatureMethod", "Algorithm"),
        certificates=_certificates(signature),
        signed_at=_signing_time(signature),
    )


def _parse(data: bytes) -> etree._Element:
    if len(data) > MOST_BYTES:
        raise refuse("over 16 MiB")
    # Canonical XML has no declaration, DOCTYPE, comment or CDATA section.
    if not data.startswith(b"<") or b"<!" in data or b"<?" in data:
        raise refuse("not a sealed file: not canonical XML")
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        data.decode("utf-8")
        root = etree.fromstring(data, parser)
        canonical = etree.tostring(root, method="c14n")
    except (ValueError, etree.LxmlError) as error:
        raise refuse("not a sealed file: not well-formed XML in UTF-8") from error
    if canonical != data:
        raise refuse("changed after sealing: the file is not in its canonical form")
    return root


def _children(element: etree._Element, *names: str) -> None:
    """Refuse unless the element's children are exactly these, in this order."""
    wanted = []
    for name in names:
        prefix, _, local = name.partition(":")
        wanted.append(f"{{{_NS[prefix]}}}{local}")
    if [child.tag for child in element] != wanted:
        raise refuse(f"unexpected content in {etree.QName(element).localname}")


def _shape(signature: etree._Element) -> None:
    """Refuse a signature of any shape but an enveloped one over the document, XAdES B-B."""
    _children(signature, "ds:SignedInfo", "ds:SignatureValue", "ds:KeyInfo", "ds:Object")
    info, value, key_info, holder = signature
    _children(
        info, "ds:CanonicalizationMethod", "ds:SignatureMethod", "ds:Reference", "ds:Reference"
    )
    if info[0].get("Algorithm") not in (C14N, _C14N_11) or len(info[0]) or len(info[1]):
        raise refuse("canonicalization not accepted")
    _children(key_info, "ds:X509Data")
    _children(holder, "xades:QualifyingProperties")
    _children(holder[0], "xades:SignedProperties")
    if holder[0].get("Target") != f"#{signature.get('Id')}":
        raise refuse("the signed properties belong to another signature")
    _strict_base64(value)
    document, properties = info[2], info[3]
    _reference(document, uri="", transforms=(ENVELOPED, None))
    _reference(properties, uri=f"#{holder[0][0].get('Id')}", transforms=(None,))
    if properties.get("Type") != PROPERTIES_TYPE:
        raise refuse("the signed properties are not referenced as such")


def _reference(reference: etree._Element, *, uri: str, transforms: tuple[str | None, ...]) -> None:
    """Refuse a reference to anything else, or through other transforms; None: canonical XML."""
    _children(reference, "ds:Transforms", "ds:DigestMethod", "ds:DigestValue")
    given = [(one.tag, one.get("Algorithm"), len(one)) for one in reference[0]]
    if reference.get("URI") != uri:
        raise refuse("the signature does not cover the whole document")
    if len(given) != len(transforms):
        raise refuse("transforms not accepted")
    for (tag, algorithm, inside), wanted in zip(given, transforms, strict=True):
        accepted = (wanted,) if wanted else (C14N, _C14N_11)
        if tag != f"{{{DS}}}Transform" or algorithm not in accepted or inside:
            raise refuse("transforms not accepted")
    if reference[1].get("Algorithm") not in DIGESTS:
        raise refuse("digest algorithm not accepted")
    _strict_base64(reference[2])


def _strict_base64(element: etree._Element) -> bytes:
    text = (element.text or "").encode()
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise refuse("changed after sealing: broken base64") from error
    # The unused bits of the last character could be anything: only one spelling is accepted.
    if not data or base64.b64encode(data) != text or len(element):
        raise refuse("changed after sealing: base64 not in its one form")
    return data


def _attribute(signature: etree._Element, path: str, name: str) -> str:
    element = signature.find(path, _NS)
    return "" if element is None else element.get(name, "")


def _certificates(signature: etree._Element) -> tuple[x509.Certificate, ...]:
    holder = signature[2][0]
    if not 1 <= len(holder) <= _MOST_CERTIFICATES:
        raise refuse("no certificate in the seal, or too many")
    _children(holder, *["ds:X509Certificate"] * len(holder))
    try:
        return tuple(_certificate(_strict_base64(one)) for one in holder)
    except SealInvalid:
        raise
    except Exception as error:  # cryptography raises classes of no common kind for bad certificates
        raise refuse("a certificate in the seal is not readable") from error


def _certificate(data: bytes) -> x509.Certificate:
    """Return the certificate, read wholly: otherwise its faults would show only when it is used."""
    certificate = x509.load_der_x509_certificate(data)
    certificate.public_key()
    certificate.subject.rfc4514_string()
    for lazy in ("issuer", "extensions", "not_valid_before_utc", "not_valid_after_utc"):
        getattr(certificate, lazy)
    return certificate


def _signing_time(signature: etree._Element) -> datetime:
    times = list(signature.iter(f"{{{XADES}}}SigningTime"))
    try:
        (one,) = times
        claimed = datetime.fromisoformat(one.text or "")
    except ValueError as error:
        raise refuse("no time of signing") from error
    if claimed.tzinfo is None:
        raise refuse("the time of signing has no zone")
    return claimed
