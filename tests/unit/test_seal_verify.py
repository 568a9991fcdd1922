"""What a seal's check refuses. Every refusal is a SealInvalid, whatever the bytes are."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import CanonicalizationMethod
from signxml.xades.xades import XAdESSigner

from hub import seal
from hub.seal.policy import POLICY, SHA256_URI
from tests import certificates as made

DOCUMENT = b'<Receipt xmlns="urn:postfachdienst:envelope:1"><A>x</A><B>y</B></Receipt>'
SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A CA, a hub below it, and a document that the hub sealed."""

    ca: made.Identity
    hub: made.Identity
    sealed: bytes

    def verify(self, data: bytes, at: timedelta = timedelta(0)) -> seal.Verified:
        """Check against the CA, `at` after the time of sealing."""
        return seal.verify(data, self.ca.pem(), at=made.NOW + at)


def sealer(identity: made.Identity, algorithm: seal.Algorithm = POLICY[0]) -> seal.Seal:
    """Return a seal that skips the checks of loading, so as to make bad ones."""
    return seal.Seal.of(identity.key, identity.certificate, (), algorithm)


@pytest.fixture(scope="module")
def world() -> World:
    """Give a world in which all is well."""
    ca = made.authority()
    hub = made.issue("hub", ca)
    return World(ca=ca, hub=hub, sealed=sealer(hub).sign(DOCUMENT, made.NOW))


def test_a_good_seal_is_accepted(world: World) -> None:
    """Or else the refusals below would prove nothing."""
    verified = world.verify(world.sealed)
    assert verified.document == DOCUMENT
    assert (verified.root, verified.namespace) == ("Receipt", "urn:postfachdienst:envelope:1")


def refused(world: World, data: bytes, why: str, at: timedelta = timedelta(0)) -> None:
    assert data != world.sealed or at
    with pytest.raises(seal.SealInvalid, match=why):
        world.verify(data, at)


@pytest.mark.slow
def test_a_change_of_any_one_byte_is_refused(world: World) -> None:
    """At each place of the file, also where the bytes are not signed themselves."""
    for place in range(len(world.sealed)):
        for change in (1, 0x20):
            data = bytearray(world.sealed)
            data[place] ^= change
            with pytest.raises(seal.SealInvalid):
                world.verify(bytes(data))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"<ds:Signature ", b"<ds:Signature  "), (b"</ds:SignedInfo>", b"</ds:SignedInfo >")],
)
def test_other_bytes_of_the_same_meaning_are_refused(world: World, old: bytes, new: bytes) -> None:
    assert old in world.sealed
    refused(world, world.sealed.replace(old, new, 1), "canonical form")


@given(data=st.data())
def test_a_change_of_some_bytes_is_refused(world: World, data: st.DataObject) -> None:
    """Replaced, left out or put in; anywhere."""
    start = data.draw(st.integers(0, len(world.sealed)))
    end = data.draw(st.integers(start, min(start + 8, len(world.sealed))))
    new = data.draw(st.binary(max_size=8))
    changed = world.sealed[:start] + new + world.sealed[end:]
    if changed != world.sealed:
        with pytest.raises(seal.SealInvalid):
            world.verify(changed)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_refused_and_nothing_else_is_raised(world: World, data: bytes) -> None:
    """No error of a parser or of signxml gets out."""
    with pytest.raises(seal.SealInvalid):
        world.verify(data)


@pytest.mark.parametrize(
    "data",
    [
        '<?xml version="1.0" encoding="UTF-16"?><R/>'.encode("utf-16"),
        b'<!DOCTYPE R [<!ENTITY e SYSTEM "file:///etc/passwd">]><R>&e;</R>',
        b"<R><!-- --></R>",
        b"<R><?p i?></R>",
        b"<R></R>",
        b"<R>" * 100_000,
        b"\xef\xbb\xbf<R></R>",
    ],
)
def test_what_is_no_sealed_file_is_refused(world: World, data: bytes) -> None:
    """Before anything in it is computed with."""
    refused(world, data, "not")


def rearranged(sealed: bytes, change: Callable[[etree._Element], object]) -> bytes:
    root = etree.fromstring(sealed)
    change(root)
    return etree.tostring(root, method="c14n")


def test_a_moved_element_is_refused(world: World) -> None:
    """The order of the content is signed, the signature's place is fixed."""
    swapped = rearranged(world.sealed, lambda root: root.insert(0, root[1]))
    refused(world, swapped, "changed after sealing")
    first = rearranged(world.sealed, lambda root: root.insert(0, root[2]))
    refused(world, first, "last child")
    deeper = rearranged(world.sealed, lambda root: root[1].append(root[2]))
    refused(world, deeper, "last child")


def test_moved_properties_are_refused(world: World) -> None:
    """SignedProperties elsewhere in the file would still have their digest."""

    def out_of_the_signature(root: etree._Element) -> None:
        root.insert(0, root[2][3])

    refused(world, rearranged(world.sealed, out_of_the_signature), "unexpected content")


def test_a_wrapped_document_is_refused(world: World) -> None:
    """A true sealed document inside a false one says nothing of the false one."""
    wrapped = b"<Receipt><False></False>" + world.sealed + b"</Receipt>"
    refused(world, wrapped, "last child")
    body, signature = world.sealed.split(b"<ds:Signature", 1)
    signature = b"<ds:Signature" + signature.removesuffix(b"</Receipt>")
    outside = b"<Receipt><Old>" + body + b"</Receipt></Old>" + signature + b"</Receipt>"
    refused(world, outside, "changed after sealing")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'URI=""', b'URI="#seal"'),
        (b'Target="#seal"', b'Target="#other"'),
        (b'Type="http://uri.etsi.org/01903#SignedProperties"', b'Type="urn:x"'),
        (b"xmldsig#enveloped-signature", b"xmldsig#base64"),
        (b"/TR/2001/REC-xml-c14n-20010315", b"/TR/1999/REC-xslt-19991116"),
        (b"/TR/2001/REC-xml-c14n-20010315", b"/2001/10/xml-exc-c14n#"),
        (b"<ds:X509Data>", b"<ds:KeyValue></ds:KeyValue><ds:X509Data>"),
        (b"</ds:X509Data>", b"<ds:X509CRL></ds:X509CRL></ds:X509Data>"),
        (b"</xades:SignedProperties>", b"</xades:SignedProperties><xades:X></xades:X>"),
        (b"</ds:Object>", b"</ds:Object><ds:Object></ds:Object>"),
        (SHA256_URI.encode(), SHA1.encode()),
        (b"==</ds:SignatureValue>", b"</ds:SignatureValue>"),
        (b"</ds:X509Certificate>", b"AAAA</ds:X509Certificate>"),
    ],
)
def test_another_form_of_signature_is_refused(world: World, old: bytes, new: bytes) -> None:
    """Before its mathematics: these are refused for what they are."""
    changed = world.sealed.replace(old, new)
    assert changed != world.sealed
    with pytest.raises(seal.SealInvalid) as caught:
        world.verify(changed)
    assert "another key" not in str(caught.value)


def test_a_strangers_key_is_refused(world: World) -> None:
    """Neither a certificate of another CA helps, nor the hub's own certificate beside his key."""
    stranger = made.issue("hub", made.authority())
    refused(world, sealer(stranger).sign(DOCUMENT, made.NOW), "no trusted")
    borrowed = made.Identity(key=stranger.key, certificate=world.hub.certificate)
    refused(world, sealer(borrowed).sign(DOCUMENT, made.NOW), "another key")
    same_key = made.issue("someone else", world.ca, key=world.hub.key)
    lent = replace(
        sealer(same_key),
        certificate_digest=sealer(world.hub).certificate_digest,
    )
    refused(world, lent.sign(DOCUMENT, made.NOW), "another key")


def test_a_self_signed_certificate_is_accepted_only_where_it_is_trusted(world: World) -> None:
    """The name of a trusted CA proves nothing; the very certificate does."""
    alone = made.issue("test CA", None)
    signed = sealer(alone).sign(DOCUMENT, made.NOW)
    refused(world, signed, "no trusted")
    assert seal.verify(signed, alone.pem(), at=made.NOW).document == DOCUMENT


def test_certificates_that_are_no_part_of_the_path_are_refused(world: World) -> None:
    """What is in the file and not needed could be changed unseen."""
    one = seal.Seal.of(
        world.hub.key, world.hub.certificate, (made.authority().certificate,), POLICY[0]
    )
    refused(world, one.sign(DOCUMENT, made.NOW), "not part of its path")


@pytest.mark.parametrize("days", [-400, 400])
def test_a_seal_is_not_accepted_outside_its_certificates_time(world: World, days: int) -> None:
    """Without a time stamp, the certificate must be valid at the time of the check."""
    refused(world, world.sealed, "valid from", timedelta(days=days))


def test_a_seal_of_the_future_is_refused(world: World) -> None:
    """Five minutes are let pass for clocks that differ."""
    assert world.verify(world.sealed, timedelta(minutes=-4)).document == DOCUMENT
    refused(world, world.sealed, "time of signing", timedelta(minutes=-6))


def test_a_certificate_for_other_uses_is_refused(world: World) -> None:
    """Key usage must be to sign: digitalSignature or nonRepudiation."""
    other = made.issue("hub", world.ca, signs=False)
    refused(world, sealer(other).sign(DOCUMENT, made.NOW), "key usage")
    commits = made.issue("hub", world.ca, signs=False, commits=True)
    assert world.verify(sealer(commits).sign(DOCUMENT, made.NOW)).document == DOCUMENT


WEAK = {
    "RSA-1024": (
        lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - refused, that is the test
        POLICY[2],
    ),
    "RSA-2048": (
        lambda: rsa.generate_private_key(65537, 2048),
        POLICY[2],
    ),
    "P-521": (
        lambda: ec.generate_private_key(ec.SECP521R1()),
        replace(POLICY[0], curve="secp521r1"),
    ),
    "P-256 with SHA-1": (
        lambda: ec.generate_private_key(ec.SECP256R1()),
        replace(
            POLICY[0],
            signature="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
            hash=hashes.SHA1(),  # noqa: S303 - refused, that is the test
        ),
    ),
    "SHA-1 digests": (
        lambda: ec.generate_private_key(ec.SECP256R1()),
        replace(POLICY[0], digest=SHA1),
    ),
    "HMAC": (
        lambda: ec.generate_private_key(ec.SECP256R1()),
        replace(POLICY[0], signature="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
    ),
}


@pytest.mark.parametrize("weak", WEAK.values(), ids=list(WEAK))
def test_weak_keys_and_algorithms_are_refused(
    world: World, weak: tuple[made.KeyMaker, seal.Algorithm]
) -> None:
    """By the policy's table, however good the rest of the seal is."""
    key, algorithm = weak
    own = made.issue("hub", world.ca, key=key())
    refused(world, sealer(own, algorithm).sign(DOCUMENT, made.NOW), "not accepted|no trusted")


def test_a_seal_of_signxmls_default_form_is_refused(world: World) -> None:
    """Exclusive canonicalization: other verifiers do not accept it, so ours does not either."""
    signer = XAdESSigner(
        signature_algorithm="ecdsa-sha256",
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    signed = signer.sign(
        etree.fromstring(DOCUMENT), key=world.hub.key, cert=[world.hub.certificate]
    )
    with pytest.raises(seal.SealInvalid):
        world.verify(etree.tostring(signed, method="c14n"))


def test_trust_that_cannot_be_read_is_said_so(world: World) -> None:
    """The file of trusted certificates is the checker's own: its fault is named as such."""
    for trust in (b"", b"x", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"):
        with pytest.raises(seal.SealInvalid, match="trust"):
            seal.verify(world.sealed, trust, at=made.NOW)
