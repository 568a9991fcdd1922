from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import NameOID

from postfach_sandbox import ca
from postfach_sandbox.issuing import Authority, common_name

pytestmark = pytest.mark.slow

BITS = 2048


@pytest.fixture(scope="module")
def issued() -> ca.Certificates:
    return ca.issue(["authority-a", "authority-b"], bits=BITS)


def test_a_client_is_written_as_pkcs12_with_its_password_and_as_pem(
    issued: ca.Certificates, tmp_path: Path
) -> None:
    client = issued.write(tmp_path).clients["authority-a"]
    password = client.password.read_text("ascii").strip().encode()
    inside = load_pkcs12(client.pkcs12.read_bytes(), password)
    assert inside.cert is not None
    assert common_name(inside.cert.certificate) == "authority-a"
    assert inside.cert.certificate == x509.load_pem_x509_certificate(client.pem.read_bytes())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_all_but_the_stranger_are_of_the_authority(issued: ca.Certificates) -> None:
    authority = issued.authority.issued.certificate
    for each in (issued.server, *issued.clients.values(), issued.expired):
        each.certificate.verify_directly_issued_by(authority)
    with pytest.raises(ValueError, match="does not match"):
        issued.stranger.certificate.verify_directly_issued_by(authority)


def test_the_expired_one_has_expired_and_the_others_have_not(issued: ca.Certificates) -> None:
    now = datetime.now(UTC)
    assert issued.expired.certificate.not_valid_after_utc < now
    assert issued.clients["authority-a"].certificate.not_valid_after_utc > now


def test_what_is_there_is_kept_and_what_is_missing_is_added(
    issued: ca.Certificates, tmp_path: Path
) -> None:
    issued.write(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    found = ca.ensure(tmp_path, ["authority-a", "later"], bits=BITS)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert before.items() <= after.items()
    later = x509.load_pem_x509_certificate(found.clients["later"].pem.read_bytes())
    later.verify_directly_issued_by(issued.authority.issued.certificate)


@pytest.mark.parametrize("name", ["ca", "expired", "../outside", "", ".hidden", "server"])
def test_a_name_that_is_no_file_of_its_own_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        ca.issue([name], bits=BITS)


def test_the_command_says_what_to_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ca.main([str(tmp_path), "--bits", str(BITS)]) == 0
    said = capsys.readouterr().out
    assert str(tmp_path / "client.p12") in said
    assert (tmp_path / "client.p12").exists()


def test_only_a_single_common_name_is_one() -> None:
    issued = Authority.new("One", bits=BITS).issued
    assert common_name(issued.certificate) == "One"
    two = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("One", "Two")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(two, two, issued.key.public_key(), 1, now, now)
    assert common_name(builder.sign(issued.key, SHA256())) is None
