"""The keys for trying out: complete, private, marked, and never written over others."""

import stat
from pathlib import Path

import pytest
from cryptography import x509

from hub import seal, trial
from hub.errors import CannotCreate
from tests import certificates as made

DOCUMENT = b'<R xmlns="urn:x"></R>'


def test_trial_keys_seal_and_their_ca_verifies(tmp_path: Path) -> None:
    """The four files fit together, at the very moment they were made."""
    keys = tmp_path / "keys"
    trial.make_trial_keys(keys, "hub.example.mv", made.NOW)
    one = seal.load("file:seal.p12", Path("seal.pass"), keys)
    verified = seal.verify(one.sign(DOCUMENT, made.NOW), (keys / "ca.pem",), at=made.NOW)
    assert verified.document == DOCUMENT
    assert (keys / "master.key").stat().st_size == 32


def test_trial_keys_say_what_they_are(tmp_path: Path) -> None:
    """In the CA's and the seal's subject, so that every verifier shows it."""
    trial.make_trial_keys(tmp_path, "x" * 100, made.NOW)
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    own = seal.load("file:seal.p12", Path("seal.pass"), tmp_path).certificate
    for one in (ca, own):
        assert "trial, not for production" in one.subject.rfc4514_string().replace("\\", "")


def test_secret_files_are_the_owners_alone(tmp_path: Path) -> None:
    """Only the CA's certificate is for others to read; the CA's key is kept nowhere."""
    keys = tmp_path / "keys"
    trial.make_trial_keys(keys, "hub", made.NOW)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()}
    assert modes.pop("ca.pem") & 0o077 in (0o044, 0o040, 0)
    assert modes == dict.fromkeys(("seal.p12", "seal.pass", "master.key"), 0o600)
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700


def test_keys_that_are_there_are_not_written_over(tmp_path: Path) -> None:
    """A second init must not destroy the key that older notices were encrypted with."""
    trial.make_trial_keys(tmp_path, "hub", made.NOW)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CannotCreate, match="File exists"):
        trial.make_trial_keys(tmp_path, "hub", made.NOW)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
