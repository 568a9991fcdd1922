"""Reads the sealing key: PKCS#12 or PEM, with its certificate and chain.

Whatever is wrong is a ConfigError that names the file and what to do; secrets are never part of
it. Limits: keys on tokens (PKCS#11) are not read yet.
"""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from hub.errors import ConfigError
from hub.seal.policy import POLICY, WANTED, Algorithm, may_seal
from hub.seal.xades import Seal

_MOST_BYTES = 1024 * 1024


def load(reference: str, password_file: Path | None, base: Path) -> Seal:
    """Return the seal that `[seal] key` names.

    reference: "file:" and the path of a .p12/.pfx (PKCS#12), or of a PEM file with key,
    certificate and, where there are some, intermediate certificates
    password_file: its first line is the key's password; None where it has none
    base: the folder that relative paths count from
    Raises ConfigError when the files are not there, not readable by us, readable by everyone, or
    hold anything but one key of sufficient strength with its certificate for sealing.
    """
    kind, _, name = reference.partition(":")
    if kind != "file" or not name:
        raise ConfigError(
            f"{kind!r} is no kind of key that is built",
            where="seal.key",
            fix='Give "file:" and the path of a .p12 or .pem file',
        )
    path = base / name
    password = None if password_file is None else _password(base / password_file)
    data = _content(path, "seal.key")
    if path.suffix.lower() in (".p12", ".pfx"):
        key, certificates = _pkcs12(path, data, password)
    else:
        key, certificates = _pem(path, data, password)
    return _checked(path, key, certificates)


def _content(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", where=where, fix="Correct the path, or the file's rights"
        ) from error
    if mode & 0o007:
        raise ConfigError(f"{path} is open to every user", where=where, fix=f"Run: chmod o= {path}")
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path} is over 1 MiB", where=where, fix="Name the key's own file")
    return data


def _password(path: Path) -> bytes:
    return _content(path, "seal.password_file").split(b"\n", 1)[0].rstrip(b"\r")


def _pkcs12(
    path: Path, data: bytes, password: bytes | None
) -> tuple[object, list[x509.Certificate]]:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, password)
    except Exception as error:  # cryptography raises classes of no common kind
        raise _unreadable(path, "PKCS#12") from error
    return key, [one for one in (certificate, *others) if one is not None]


def _pem(path: Path, data: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    try:
        # The loader takes the first PEM block: cut away what stands before the key.
        at = data.find(b"-----BEGIN ", data.find(b"PRIVATE KEY-----") - 40)
        key = load_pem_private_key(data[max(at, 0) :], password)
        return key, x509.load_pem_x509_certificates(data)
    except Exception as error:  # cryptography raises classes of no common kind
        raise _unreadable(path, "PEM") from error


def _unreadable(path: Path, form: str) -> ConfigError:
    return ConfigError(
        f"{path} is not readable as {form}, or its password is wrong",
        where="seal.key",
        fix="Check seal.password_file, and that the file holds key and certificate",
    )


def _checked(path: Path, key: object, certificates: list[x509.Certificate]) -> Seal:
    """Return the seal of a key of the policy with the certificate made for it."""
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ConfigError(f"{path}: wrong kind of key", where="seal.key", fix=f"Use {WANTED}")
    algorithm = _algorithm(path, key.public_key())
    own = [one for one in certificates if _same_key(one, key.public_key())]
    if len(own) != 1:
        raise ConfigError(
            f"{path}: {len(own)} certificates belong to the key, not one",
            where="seal.key",
            fix="Put the key and its own certificate into the file",
        )
    if not may_seal(own[0]):
        raise ConfigError(
            f"{path}: the certificate's key usage is not to sign",
            where="seal.key",
            fix="Use a certificate with digitalSignature or nonRepudiation",
        )
    return Seal.of(key, own[0], _path_up(own[0], certificates), algorithm)


def _algorithm(path: Path, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> Algorithm:
    for algorithm in POLICY:
        if algorithm.fits(key):
            return algorithm
    raise ConfigError(f"{path}: the key is too weak", where="seal.key", fix=f"Use {WANTED}")


def _same_key(
    certificate: x509.Certificate, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> bool:
    return _spki(certificate.public_key()) == _spki(key)


def _spki(key: object) -> bytes | None:
    if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return None


def _path_up(
    leaf: x509.Certificate, certificates: list[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return the certificates above `leaf` in order, up to, and without, the self-signed one."""
    path: list[x509.Certificate] = []
    below = leaf
    while below.issuer != below.subject:
        above = next((one for one in certificates if one.subject == below.issuer), None)
        if above is None or above.issuer == above.subject or above in path:
            break
        path.append(above)
        below = above
    return tuple(path)
