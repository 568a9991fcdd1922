"""Makes keys for trying the hub out: a CA, a seal and a master key, all marked as such.

They are worth nothing as proof: the CA's own key is thrown away, and every subject says "trial,
not for production".
"""

import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from hub.errors import CannotCreate

MARK: Final = "trial, not for production"
_VALID: Final = timedelta(days=3 * 365)
_EARLIER: Final = timedelta(minutes=5)  # so that a clock that is a little behind does not refuse


def make_trial_keys(folder: Path, name: str, at: datetime) -> None:
    """Write ca.pem, seal.p12, seal.pass and master.key into `folder`; all but ca.pem 0600.

    folder: made (0700) if it is not there; name: the hub's name, for the subject; at: aware, now
    Raises CannotCreate where one of them is there already, or cannot be written.
    """
    ca_key, seal_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority = _subject(f"CA of {name}")
    ca = _certificate(authority, authority, ca_key, ca_key, at, is_ca=True)
    seal = _certificate(_subject(name), authority, seal_key, ca_key, at, is_ca=False)
    password = secrets.token_urlsafe(24).encode("ascii")
    box = pkcs12.serialize_key_and_certificates(
        b"seal", seal_key, seal, None, BestAvailableEncryption(password)
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / "ca.pem", ca.public_bytes(Encoding.PEM), 0o644)
        _write(folder / "seal.p12", box, 0o600)
        _write(folder / "seal.pass", password + b"\n", 0o600)
        _write(folder / "master.key", secrets.token_bytes(32), 0o600)
    except OSError as error:
        raise CannotCreate(
            f"{error.filename}: {error.strerror}",
            where="trial keys",
            fix="Give a folder that is empty and ours to write in",
        ) from error


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64]),  # 64: RFC 5280, ub-common-name
        ]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    at: datetime,
    *,
    is_ca: bool,
) -> x509.Certificate:
    identifiers = x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _EARLIER)
        .not_valid_after(at + _VALID)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), True)
        .add_extension(_usage(is_ca=is_ca), True)
        .add_extension(identifiers[0].from_public_key(key.public_key()), False)
        .add_extension(identifiers[1].from_issuer_public_key(issuer_key.public_key()), False)
        .sign(issuer_key, hashes.SHA256())
    )


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
