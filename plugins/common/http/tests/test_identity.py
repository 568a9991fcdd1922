"""Which files hold a certificate and its key."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from postfach_http import NotTrusted, Tls
from postfach_sandbox import ca


def _pem(certificates: ca.Certificates, password: bytes | None) -> bytes:
    issued = certificates.clients["client"]
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    return key + issued.certificate.public_bytes(Encoding.PEM)


@pytest.mark.parametrize("password", [None, b"secret"])
def test_pem_holds_a_certificate_as_well(
    password: bytes | None, certificates: ca.Certificates, tmp_path: Path
) -> None:
    file, secret = tmp_path / "ours.pem", tmp_path / "password"
    file.write_bytes(_pem(certificates, password))
    secret.write_bytes((password or b"") + b"\r\n")
    tls = Tls(None, file, secret if password else None)
    identity = tls.identity()
    issued = certificates.clients["client"].certificate
    assert identity.certificate == issued
    assert identity.fingerprint == issued.fingerprint(SHA256()).hex()
    assert tls.certificate_pem() == issued.public_bytes(Encoding.PEM)
    assert "key" not in repr(identity).lower().replace("public_key", "")


def test_a_certificate_with_a_key_on_a_curve_is_loaded(
    certificates: ca.Certificates, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = certificates.clients["client"].certificate
    made = (
        x509.CertificateBuilder(issued.issuer, issued.subject, key.public_key(), 1)
        .not_valid_before(issued.not_valid_before_utc)
        .not_valid_after(issued.not_valid_after_utc)
        .sign(certificates.authority.issued.key, SHA256())
    )
    file = tmp_path / "ours.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + made.public_bytes(Encoding.PEM))
    assert Tls(None, file).loaded().identity is not None


def test_a_key_of_another_certificate_is_refused(
    certificates: ca.Certificates, tmp_path: Path
) -> None:
    file = tmp_path / "ours.pem"
    other = certificates.clients["successor"].certificate.public_bytes(Encoding.PEM)
    file.write_bytes(certificates.clients["client"].key_pem() + other)
    with pytest.raises(NotTrusted, match="not that of its certificate"):
        Tls(None, file).identity()


def test_without_a_certificate_nothing_is_signed() -> None:
    with pytest.raises(NotTrusted, match="no certificate is set"):
        Tls().identity()
