"""Who we are to the other side: a certificate and its key, from PKCS#12 (RFC 7292) or PEM."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

_PEM: Final = b"-----BEGIN "


class Unloadable(Exception):
    """A file cannot be read, or is not what it should be; the text says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Our certificate, its key, and the certificates between it and its root.

    fingerprint: SHA-256 over the certificate, lower-case hex
    """

    certificate: x509.Certificate
    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()
    fingerprint: str

    def certificate_pem(self) -> bytes:
        """Return the certificates as PEM, ours first."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain))

    def into(self, context: ssl.SSLContext) -> None:
        """Make the context show this certificate. Raises Unloadable.

        OpenSSL wants a file. It gets one in memory only, so that no key lies on a disk in clear.
        """
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(key + self.certificate_pem())
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        except ssl.SSLError as error:
            raise Unloadable(f"TLS does not take our certificate: {error.reason}") from error
        finally:
            os.close(descriptor)


def load(certificate: Path, password_file: Path | None) -> Identity:
    """Return what the file holds. Raises Unloadable."""
    password = _password(password_file) if password_file is not None else None
    data = _read(certificate, "certificate")
    found = _from_pem(data, password) if _PEM in data else _from_pkcs12(data, password)
    if _public(found.certificate.public_key()) != _public(found.key.public_key()):
        raise Unloadable("certificate: the key in the file is not that of its certificate")
    return found


def _from_pkcs12(data: bytes, password: bytes | None) -> Identity:
    try:
        key, certificate, chain = load_key_and_certificates(data, password)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unloadable(
            "certificate: the PKCS#12 does not open: wrong password, not written to the end, or an "
            "encryption of old; see `openssl pkcs12 -info`"
        ) from error
    return _identity(key, certificate, tuple(chain))


def _from_pem(data: bytes, password: bytes | None) -> Identity:
    try:
        certificates = x509.load_pem_x509_certificates(data)
        key = load_pem_private_key(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unloadable(
            "certificate: the PEM does not hold a certificate and a key that can be read, or its "
            "password is wrong"
        ) from error
    return _identity(key, certificates[0], tuple(certificates[1:]))


def _identity(
    key: object, certificate: x509.Certificate | None, chain: tuple[x509.Certificate, ...]
) -> Identity:
    if certificate is None or key is None:
        raise Unloadable("certificate: the file must hold a certificate and its key")
    if not isinstance(key, (RSAPrivateKey, EllipticCurvePrivateKey)):
        raise Unloadable("certificate: the key must be RSA or EC")
    return Identity(
        certificate=certificate,
        key=key,
        chain=chain,
        fingerprint=certificate.fingerprint(SHA256()).hex(),
    )


def _public(key: object) -> bytes:
    public_bytes = getattr(key, "public_bytes")  # noqa: B009  # every public key has it
    return bytes(public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _password(path: Path) -> bytes:
    lines = _read(path, "password_file").splitlines()
    if not lines or not lines[0]:
        raise Unloadable("password_file: its first line is empty")
    return lines[0]


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unloadable(f"{what} cannot be read: {error.strerror}") from error
