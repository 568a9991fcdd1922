"""Reading the sealing key: what is wrong is a ConfigError that says which file and what to do."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import seal
from hub.errors import ConfigError
from tests import certificates as made

DOCUMENT = b'<R xmlns="urn:x"></R>'
PEM = b"-----BEGIN PRIVATE KEY-----\n?\n-----END PRIVATE KEY-----\n"


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def refused(folder: Path, why: str, name: str = "seal.pem", password: str | None = None) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        seal.load(f"file:{name}", Path(password) if password else None, folder)
    assert caught.value.where.startswith("seal.")
    assert caught.value.fix


def test_a_pkcs12_file_with_its_password_is_read(tmp_path: Path) -> None:
    """The password is the first line of its file, whatever ends it."""
    ca = made.authority()
    own = made.issue("hub", ca)
    box = pkcs12.serialize_key_and_certificates(
        b"seal", own.key, own.certificate, [ca.certificate], BestAvailableEncryption(b"secret")
    )
    write(tmp_path / "seal.p12", box)
    for text in (b"secret", b"secret\n", b"secret\r\nmore\n"):
        write(tmp_path / "pass", text)
        one = seal.load("file:seal.p12", Path("pass"), tmp_path)
        assert one.certificate == own.certificate
        assert one.chain == ()
    write(tmp_path / "pass", b"other")
    refused(tmp_path, "not readable as PKCS#12, or its password", "seal.p12", "pass")


def test_an_encrypted_pem_file_is_read(tmp_path: Path) -> None:
    """Certificates may stand before the key or behind it."""
    own = made.issue("hub", None)
    locked = own.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    write(tmp_path / "pass", b"secret\n")
    for parts in ((locked, own.pem()), (own.pem(), locked)):
        write(tmp_path / "seal.pem", b"".join(parts))
        one = seal.load(f"file:{tmp_path}/seal.pem", tmp_path / "pass", Path("/nowhere"))
        assert one.certificate == own.certificate
    refused(tmp_path, "password")


def test_the_chain_goes_up_in_order_and_ends_below_the_root(tmp_path: Path) -> None:
    """As verifiers need it, in whatever order the file has it."""
    root = made.authority("root")
    upper = made.authority("upper", root)
    lower = made.authority("lower", upper)
    own = made.issue("hub", lower)
    made.write_pem(tmp_path / "seal.pem", own, root, made.authority("foreign"), upper, lower)
    one = seal.load("file:seal.pem", None, tmp_path)
    assert one.chain == (lower.certificate, upper.certificate)
    signed = one.sign(DOCUMENT, made.NOW)
    assert seal.verify(signed, root.pem(), at=made.NOW).document == DOCUMENT


@pytest.mark.parametrize(
    "key",
    [
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        lambda: ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["RSA-2048", "P-521", "secp256k1"],
)
def test_weak_or_unusual_keys_are_refused(tmp_path: Path, key: made.KeyMaker) -> None:
    """The message names what is accepted."""
    made.write_pem(tmp_path / "seal.pem", made.issue("hub", None, key=key()))
    refused(tmp_path, "too weak.*Use ECDSA on P-256 or P-384")


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    """Ed25519 is sound, but no XML signature that verifiers know."""
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write(tmp_path / "seal.pem", pem + made.issue("hub", None).pem())
    refused(tmp_path, "wrong kind of key")


def test_key_and_certificate_must_belong_together(tmp_path: Path) -> None:
    """No certificate, another's, or two of them are told apart from a bad password."""
    own = made.issue("hub", None)
    write(tmp_path / "seal.pem", own.key_pem() + made.issue("other", None).pem())
    refused(tmp_path, "0 certificates belong")
    again = made.issue("hub", None, key=own.key)
    write(tmp_path / "seal.pem", own.key_pem() + own.pem() + again.pem())
    refused(tmp_path, "2 certificates belong")


def test_a_certificate_for_other_uses_is_refused(tmp_path: Path) -> None:
    """Receipts sealed with it would be refused by whoever checks them."""
    made.write_pem(tmp_path / "seal.pem", made.issue("hub", None, signs=False))
    refused(tmp_path, "key usage")


def test_files_that_are_missing_too_open_or_too_large_are_refused(tmp_path: Path) -> None:
    """Each with what to do."""
    refused(tmp_path, "No such file")
    made.write_pem(tmp_path / "seal.pem", made.issue("hub", None)).chmod(0o644)
    refused(tmp_path, "open to every user.*chmod o=")
    write(tmp_path / "seal.pem", b" " * 1_100_000)
    refused(tmp_path, "over 1 MiB")
    refused(tmp_path, "Is a directory", ".")
    refused(tmp_path, "No such file", password="absent")


@pytest.mark.parametrize("reference", ["pkcs11:token=x", "seal.p12", "file:", ""])
def test_kinds_of_keys_that_are_not_built_are_refused(reference: str, tmp_path: Path) -> None:
    """Said at start, not when the first notice waits for its seal."""
    with pytest.raises(ConfigError, match=r"Give \"file:\""):
        seal.load(reference, None, tmp_path)


@pytest.mark.parametrize("name", ["seal.pem", "seal.p12"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.binary(max_size=50).map(lambda b: PEM.replace(b"?", b)))
def test_any_content_is_a_key_or_a_config_error(tmp_path: Path, name: str, data: bytes) -> None:
    """No error of the cryptographic library gets out."""
    write(tmp_path / name, data)
    with pytest.raises(ConfigError):
        seal.load(f"file:{name}", None, tmp_path)
