"""Makes keys and certificates for tests: good ones, and bad in one respect each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 2, 3, 10, 0, tzinfo=UTC)
YEAR = timedelta(days=365)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KeyMaker = Callable[[], Key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A key with its certificate."""

    key: Key
    certificate: x509.Certificate

    def pem(self) -> bytes:
        """Return the certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self) -> bytes:
        """Return the private key, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def p256() -> ec.EllipticCurvePrivateKey:
    """Return a new key on the curve that seals use by default."""
    return ec.generate_private_key(ec.SECP256R1())


def authority(name: str = "test CA", above: Identity | None = None) -> Identity:
    """Return a CA: a root, or one below `above`."""
    return issue(name, above, is_ca=True, first=NOW - YEAR, last=NOW + 9 * YEAR)


def _usage(*, is_ca: bool, signs: bool, commits: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs and not is_ca,
        content_commitment=commits,
        key_encipherment=not signs and not commits,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def issue(
    name: str,
    above: Identity | None,
    *,
    key: Key | None = None,
    is_ca: bool = False,
    signs: bool = True,
    commits: bool = False,
    first: datetime = NOW - YEAR,
    last: datetime = NOW + YEAR,
) -> Identity:
    """Return an identity issued by `above`, or by itself.

    signs, commits: the key usages digitalSignature and nonRepudiation of a certificate that is no
    CA's
    """
    own = key or p256()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_key = own if above is None else above.key
    usage = _usage(is_ca=is_ca, signs=signs, commits=commits)
    key_id = x509.SubjectKeyIdentifier.from_public_key(own.public_key())
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if above is None else above.certificate.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(key_id, critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return Identity(key=own, certificate=certificate)


def write_pem(path: Path, identity: Identity, *others: Identity) -> Path:
    """Write key, certificate and further certificates as the hub reads them; return the path."""
    path.touch(mode=0o600)
    path.write_bytes(identity.key_pem() + identity.pem() + b"".join(one.pem() for one in others))
    return path
