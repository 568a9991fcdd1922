"""Certificates for trying out: an authority, a server's certificate, and clients' certificates.

    python -m postfach_sandbox.ca DIR [--name NAME ...] [--bits 3072]

writes into DIR

    ca.pem                               to be trusted (`ca_file`)
    ca-key.pem                           the authority's key, so that more can be issued later
    server.pem                           for localhost, 127.0.0.1 and ::1, with its key
    NAME.p12, NAME.password, NAME.pem    a client's, once for each name: PKCS#12 with the file that
                                         holds its password, and certificate and key as PEM
    expired.*                            a client's whose time is over
    stranger.*, stranger-ca.pem          a client's of another authority

A certificate's common name is NAME. What is there already is kept, so that a sandbox that
is started again knows its clients. Nothing here protects anything: the keys lie open.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from postfach_sandbox.issuing import BITS, Authority, Issued, plain_name

CA, CA_KEY, SERVER = "ca.pem", "ca-key.pem", "server.pem"
EXPIRED, STRANGER, STRANGER_CA = "expired", "stranger", "stranger-ca.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFiles:
    """A client's certificate as files: PKCS#12 with its password's file, and PEM with the key."""

    pkcs12: Path
    password: Path
    pem: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What lies in a folder of certificates.

    ca: to be trusted; server: certificate and key; clients: by name
    expired: a client's whose time is over; stranger: a client's of the authority `stranger_ca`
    """

    ca: Path
    server: Path
    clients: dict[str, ClientFiles]
    expired: ClientFiles
    stranger: ClientFiles
    stranger_ca: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """All of them, in memory: tests issue once and write as often as they need files."""

    authority: Authority
    server: Issued
    clients: dict[str, Issued]
    expired: Issued
    stranger: Issued
    stranger_authority: Authority

    def write(self, folder: Path) -> Files:
        """Write all into the folder, over what is there, readable for its owner only."""
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / CA, self.authority.certificate_pem())
        _write(folder / SERVER, self.server.pem())
        _write(folder / STRANGER_CA, self.stranger_authority.certificate_pem())
        for name, issued in self.clients.items():
            write_client(folder, name, issued)
        write_client(folder, EXPIRED, self.expired)
        write_client(folder, STRANGER, self.stranger)
        # Last, since it says that all are there: see ensure.
        _write(folder / CA_KEY, self.authority.issued.key_pem())
        return files(folder, tuple(self.clients))


def issue(names: Sequence[str] = ("client",), *, bits: int = BITS) -> Certificates:
    """Issue all certificates anew; `names` are those of clients, and their common names.

    Making keys is slow: some tenths of a second each with 3072 bits. Raises ValueError for a name
    that is no plain file name or is one of the folder's own.
    """
    return _issue(Authority.new("Sandbox CA", bits=bits), names, bits)


def ensure(folder: Path, names: Sequence[str] = ("client",), *, bits: int = BITS) -> Files:
    """Return the folder's files; issue what is not there yet, by the authority that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / CA_KEY).exists():
        return issue(names, bits=bits).write(folder)
    authority = _load(folder)
    for name in names:
        if not (folder / f"{_checked(name)}.p12").exists():
            write_client(folder, name, authority.client(name, bits=bits))
    return files(folder, names)


def files(folder: Path, names: Sequence[str]) -> Files:
    """Name the files of a folder, whether they are there or not."""
    return Files(
        ca=folder / CA,
        server=folder / SERVER,
        clients={name: _client_files(folder, name) for name in names},
        expired=_client_files(folder, EXPIRED),
        stranger=_client_files(folder, STRANGER),
        stranger_ca=folder / STRANGER_CA,
    )


def write_client(folder: Path, name: str, issued: Issued) -> ClientFiles:
    """Write a client's three files, each in one step: who reads meanwhile gets old or new."""
    client = _client_files(folder, name)
    password = secrets.token_urlsafe(16)
    _write(client.password, f"{password}\n".encode())
    _write(client.pkcs12, issued.pkcs12(name, password))
    _write(client.pem, issued.pem())
    return client


def load_client(client: ClientFiles) -> Issued:
    """Return certificate and key of a client's PEM."""
    data = client.pem.read_bytes()
    return Issued(certificate=x509.load_pem_x509_certificate(data), key=_key(data, client.pem))


def _issue(authority: Authority, names: Sequence[str], bits: int) -> Certificates:
    stranger = Authority.new("Stranger CA", bits=bits)
    return Certificates(
        authority=authority,
        server=authority.server(bits=bits),
        clients={name: authority.client(_checked(name), bits=bits) for name in names},
        expired=authority.client(names[0] if names else EXPIRED, bits=bits, expired=True),
        stranger=stranger.client(names[0] if names else STRANGER, bits=bits),
        stranger_authority=stranger,
    )


def _checked(name: str) -> str:
    if not plain_name(name) or name in ("ca", "ca-key", "server", "stranger-ca", EXPIRED, STRANGER):
        raise ValueError(f"{name!r}: a client's name is a plain file name and none of the folder's")
    return name


def _client_files(folder: Path, name: str) -> ClientFiles:
    return ClientFiles(
        pkcs12=folder / f"{name}.p12",
        password=folder / f"{name}.password",
        pem=folder / f"{name}.pem",
    )


def _load(folder: Path) -> Authority:
    key = _key((folder / CA_KEY).read_bytes(), folder / CA_KEY)
    certificate = x509.load_pem_x509_certificate((folder / CA).read_bytes())
    return Authority(issued=Issued(certificate=certificate, key=key))


def _key(data: bytes, path: Path) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(data, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{path}: not an RSA key; remove the folder to begin anew")
    return key


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    new.touch(mode=0o600)
    new.write_bytes(data)
    new.replace(path)


def main(arguments: Sequence[str]) -> int:
    """Write a folder of certificates and say what to do with it."""
    parser = argparse.ArgumentParser(
        prog="python -m postfach_sandbox.ca", description="Certificates for trying out."
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--name", action="append", help="a client; default: client")
    parser.add_argument("--bits", type=int, default=BITS, help="of the RSA keys")
    given = parser.parse_args(arguments)
    try:
        found = ensure(given.folder, given.name or ["client"], bits=given.bits)
    except (OSError, ValueError, TypeError) as error:
        parser.error(str(error))
    for client in found.clients.values():
        sys.stdout.write(f"{client.pkcs12}, password in {client.password}; trust {found.ca}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
