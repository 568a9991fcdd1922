"""How a certificate for trying out is made: names, times, usages, and the forms it is kept in."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BITS = 3072  # RSA below 3000 bits is not to be used for signatures any more (BSI TR-02102-1)
DAYS = 365
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_NOT_USED = {
    "content_commitment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    def key_pem(self) -> bytes:
        """Return the key, open, as PKCS#8 in PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def pem(self) -> bytes:
        """Return certificate and key, as `ssl.SSLContext.load_cert_chain` reads them."""
        return self.certificate.public_bytes(Encoding.PEM) + self.key_pem()

    def pkcs12(self, name: str, password: str) -> bytes:
        """Return both as PKCS#12 (RFC 7292)."""
        lock = BestAvailableEncryption(password.encode())
        return serialize_key_and_certificates(name.encode(), self.key, self.certificate, None, lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Issues certificates."""

    issued: Issued

    @classmethod
    def new(cls, name: str, *, bits: int = BITS) -> "Authority":
        """Make an authority with a key of its own."""
        key = _key(bits)
        builder = _begun(_name(name), _name(name), key, expired=False).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        return cls(issued=Issued(certificate=builder.sign(key, SHA256()), key=key))

    def certificate_pem(self) -> bytes:
        """Return the authority's certificate: what the other side trusts."""
        return self.issued.certificate.public_bytes(Encoding.PEM)

    def server(
        self,
        hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1"),
        *,
        bits: int = BITS,
        expired: bool = False,
    ) -> Issued:
        """Issue a server's certificate for host names and IP addresses."""
        names = x509.SubjectAlternativeName([_host(each) for each in hosts])
        return self._issue(hosts[0], _SERVER, names, bits, expired=expired)

    def client(self, name: str, *, bits: int = BITS, expired: bool = False) -> Issued:
        """Issue a client's certificate; `name` becomes its common name (CN)."""
        return self._issue(name, _CLIENT, None, bits, expired=expired)

    def _issue(
        self,
        name: str,
        purpose: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None,
        bits: int,
        *,
        expired: bool,
    ) -> Issued:
        key, issuer = _key(bits), self.issued.certificate
        builder = _begun(_name(name), issuer.subject, key, expired=expired)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issued.key.public_key()),
            critical=False,
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return Issued(certificate=builder.sign(self.issued.key, SHA256()), key=key)


def plain_name(name: str) -> bool:
    """Tell whether a name can be a file's name as it is."""
    return _PLAIN.fullmatch(name) is not None


def common_name(certificate: x509.Certificate) -> str | None:
    """Return the subject's only CN; None: there is none, or there are several."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else None


def _key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, *, expired: bool
) -> x509.CertificateBuilder:
    # Valid from yesterday: clocks of two machines differ.
    now = datetime.now(UTC)
    start = now - timedelta(days=DAYS + 1 if expired else 1)
    end = now - timedelta(days=1) if expired else now + timedelta(days=DAYS)
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_encipherment=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        **_NOT_USED,
    )
