"""The hub's own XAdES template against independent implementations of the standard."""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier

from hub import seal
from tests import certificates as made
from tests import material

PLAIN = b'<Receipt xmlns="urn:postfachdienst:envelope:1" version="1.0"><A>x</A></Receipt>'
DOCUMENTS = {
    "plain": PLAIN,
    "no namespace": b"<Receipt><A>x</A></Receipt>",
    "other letters": (
        '<R xmlns="urn:x"><A b="&quot;&lt;&#xA;>\'">ä€𝄞&amp;&lt;&gt;&#xD;</A>\n</R>'.encode()
    ),
    "large": b'<R xmlns="urn:x"><A>' + b"x" * 300_000 + b"</A></R>",
}
KEYS: dict[str, made.KeyMaker] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA-3072": lambda: rsa.generate_private_key(65537, 3072),
}


@pytest.fixture(scope="module", params=[(key, deep) for key in KEYS for deep in (False, True)])
def sealer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[seal.Seal, Path]:
    """Give a seal of each kind, directly below the CA or below an intermediate one; and the CA."""
    kind, deep = request.param
    folder = tmp_path_factory.mktemp("keys")
    root = made.authority()
    between = [made.authority("intermediate", root)] if deep else []
    own = made.issue("hub", between[0] if deep else root, key=KEYS[kind]())
    made.write_pem(folder / "seal.pem", own, *between, root)
    (folder / "ca.pem").write_bytes(root.pem())
    return seal.load("file:seal.pem", None, folder), folder / "ca.pem"


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_signxml_accepts_each_shape_and_gives_back_the_document(
    sealer: tuple[seal.Seal, Path], document: bytes
) -> None:
    """An independent verifier finds both references good and the whole document signed."""
    signed = sealer[0].sign(document, made.NOW)
    config = XAdESSignatureConfiguration(
        location="./", expect_references=2, verification_time=made.NOW
    )
    results = XAdESVerifier().verify(signed, ca_pem_file=str(sealer[1]), expect_config=config)
    assert document == results[0].signed_data


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_xmlsec1_accepts_each_shape(
    sealer: tuple[seal.Seal, Path], document: bytes, tmp_path: Path
) -> None:
    """The command that the README shows accepts the file, and not with a byte changed."""
    signed = sealer[0].sign(document, made.NOW)
    assert xmlsec(tmp_path, signed, sealer[1]) == 0
    assert xmlsec(tmp_path, signed.replace(b"x", b"y", 1), sealer[1]) != 0


def xmlsec(folder: Path, signed: bytes, trust: Path) -> int:
    program = shutil.which("xmlsec1")
    if program is None:
        pytest.skip("xmlsec1: not installed, not checked")
    file = folder / "signed.xml"
    file.write_bytes(signed)
    command = [program, "--verify", "--trusted-pem", str(trust)]
    command += ["--id-attr:Id", "SignedProperties"]
    command += ["--verification-gmt-time", f"{made.NOW:%Y-%m-%d %H:%M:%S}", str(file)]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_our_own_check_accepts_each_shape(sealer: tuple[seal.Seal, Path], document: bytes) -> None:
    """What was put in comes out, with signer, time and level."""
    verified = seal.verify(sealer[0].sign(document, made.NOW), (sealer[1],), at=made.NOW)
    assert document == verified.document
    assert verified.signer == "CN=hub"
    assert verified.signed_at == made.NOW
    assert verified.level == "B-B"


def test_a_sealed_file_is_canonical(sealer: tuple[seal.Seal, Path]) -> None:
    """So that no byte of it is without meaning."""
    signed = sealer[0].sign(PLAIN, made.NOW)
    assert signed == etree.tostring(etree.fromstring(signed), method="c14n")


def test_the_schemas_of_etsi_accept_the_seal(sealer: tuple[seal.Seal, Path]) -> None:
    """Signature and QualifyingProperties are valid by xmldsig's and XAdES 1.3.2's schemas."""
    folder = material.shared("xsd/etsi-xades")
    signature = etree.fromstring(sealer[0].sign(PLAIN, made.NOW))[-1]
    # ETSI's schema imports xmldsig's by its address on the web: read the file beside it instead.
    text = (folder / "XAdES01903v132-202407.xsd").read_text("utf-8")
    local = re.sub(r'schemaLocation="http[^"]*"', 'schemaLocation="xmldsig-core-schema.xsd"', text)
    parser = etree.XMLParser(no_network=True)
    parsed = etree.fromstring(local.encode(), parser, base_url=f"{folder}/XAdES.xsd")
    schema = etree.XMLSchema(parsed)
    properties = etree.fromstring(etree.tostring(signature[3][0]))
    schema.assertValid(properties)
    core = etree.XMLSchema(etree.parse(str(folder / "xmldsig-core-schema.xsd"), parser))
    core.assertValid(etree.fromstring(etree.tostring(signature)))


def test_the_seal_holds_no_bare_key(sealer: tuple[seal.Seal, Path]) -> None:
    """With a KeyValue xmlsec1 would take a stranger's key for a trusted one."""
    assert b"KeyValue" not in sealer[0].sign(PLAIN, made.NOW)


def test_the_trusted_certificate_itself_is_not_in_the_seal(
    sealer: tuple[seal.Seal, Path],
) -> None:
    """Whoever checks must have it from elsewhere."""
    assert all(one.issuer != one.subject for one in sealer[0].chain)


@pytest.mark.parametrize("days", [-366, 366])
def test_no_seal_is_made_outside_the_certificates_time(
    sealer: tuple[seal.Seal, Path], days: int
) -> None:
    """The notice waits for a valid certificate; nothing is sealed with an invalid one."""
    with pytest.raises(seal.SealUnavailable, match="certificate is valid from"):
        sealer[0].sign(PLAIN, made.NOW + timedelta(days=days))


def test_rsa_seals_end_with_the_year_2028(tmp_path: Path) -> None:
    """The policy's last day holds although the certificate would last longer."""
    last = made.NOW + 5 * made.YEAR
    own = made.issue("hub", None, key=rsa.generate_private_key(65537, 3072), last=last)
    made.write_pem(tmp_path / "seal.pem", own)
    one = seal.load("file:seal.pem", None, tmp_path)
    assert one.sign(PLAIN, made.NOW.replace(year=2028, month=12, day=31))
    with pytest.raises(seal.SealUnavailable, match="algorithm"):
        one.sign(PLAIN, made.NOW.replace(year=2029, month=1, day=1))


@pytest.mark.parametrize(
    "document",
    [b"", b"x", b"<R>", b"<R/>", b"<R></S>", b'<R xmlns:x="urn:x"></R>', b'<R xml:lang="d"></R>'],
)
def test_what_the_template_cannot_seal_is_refused(document: bytes, tmp_path: Path) -> None:
    """Inherited prefixes and xml: attributes would enter digests that the template makes."""
    made.write_pem(tmp_path / "seal.pem", made.issue("hub", None))
    with pytest.raises(ValueError, match="canonical"):
        seal.load("file:seal.pem", None, tmp_path).sign(document, made.NOW)


def test_the_key_is_not_in_the_seals_text_form(sealer: tuple[seal.Seal, Path]) -> None:
    """A seal in a log or a traceback shows no secret."""
    assert "key=" not in repr(sealer[0])
