"""Credentials that change, break or run out: nothing is lost, nothing waits for a restart."""

import base64
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA512

from postfach_http import Tls
from postfach_mailbox import Deposited, Held
from postfach_mailbox.testkit.asked import Asked, InProcess, start_frame
from postfach_mailbox.testkit.bench import Bench, find_kit
from postfach_mailbox.testkit.letters import Letter, Letters
from postfach_mailbox_bundid import kit
from postfach_mailbox_bundid.sandbox import HIGH
from postfach_sandbox import ca
from postfach_sandbox.issuing import Issued

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def renewed() -> Issued:
    """Another certificate of the same sender, with a key of its own."""
    return kit.certificates().authority.client(kit.SENDER, bits=2048)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A mailbox, the other side, and the folder of certificates."""

    bench: Bench
    far_side: kit.FarSide
    mailbox: Asked
    letter: Letters

    @property
    def folder(self) -> Path:
        return self.bench.folder / "certificates"

    @property
    def files(self) -> ca.ClientFiles:
        return ca.files(self.folder, [kit.SENDER]).clients[kit.SENDER]

    def put(self, other: ca.ClientFiles) -> None:
        """Put another certificate in the place of ours."""
        shutil.copy(other.password, self.files.password)
        shutil.copy(other.pkcs12, self.files.pkcs12)

    def healthy(self) -> bool:
        return getattr(self.mailbox.health(), "status", "") == "up"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with kit.bench(tmp_path) as bench:
        far_side = bench.far_side
        assert isinstance(far_side, kit.FarSide)
        mailbox = Asked(InProcess(start_frame(find_kit("bundid"), bench)))
        letter = Letters(mailbox.capabilities, HIGH)
        yield World(bench=bench, far_side=far_side, mailbox=mailbox, letter=letter)


def envelope(world: World, number: int = -1) -> dict[str, str]:
    arrival = world.far_side.service.arrivals.all()[number]
    found: dict[str, str] = json.loads(
        world.far_side.service.arrivals.read(arrival.id, "envelope.json")
    )
    return found


def signed_by(issued: Issued, fields: dict[str, str]) -> None:
    key = issued.certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    signature = base64.b64decode(fields["sha512sum"])
    key.verify(signature, fields["content"].encode(), PKCS1v15(), SHA512())


def held(world: World, sent: Letter, prepared: bytes | None = None) -> Held:
    outcome = world.mailbox.deposit(sent, prepared=prepared)
    assert isinstance(outcome, Held), outcome
    assert not world.healthy()
    assert world.far_side.deposited == []
    return outcome


def test_what_was_signed_before_is_signed_by_the_new_key_and_says_the_same(
    world: World, renewed: Issued
) -> None:
    sent = world.letter()
    prepared = world.mailbox.prepared(sent)
    assert isinstance(world.mailbox.deposit(world.letter()), Deposited)  # keeps a connection
    ca.write_client(world.folder, kit.SENDER, renewed)
    assert isinstance(world.mailbox.deposit(sent, prepared=prepared), Deposited)
    arrived = envelope(world)
    assert arrived["content"] == json.loads(prepared)["content"]
    signed_by(renewed, arrived)


def test_a_certificate_that_changes_between_signing_and_sending_makes_no_one_wait(
    world: World, renewed: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, now = [Tls(None, world.files.pkcs12, world.files.password).identity()], Tls.identity
    ca.write_client(world.folder, kit.SENDER, renewed)
    sent = world.letter()
    prepared = world.mailbox.prepared(sent)
    monkeypatch.setattr(Tls, "identity", lambda tls: late.pop() if late else now(tls))
    assert isinstance(world.mailbox.deposit(sent, prepared=prepared), Deposited)
    assert late == []
    assert world.far_side.deposited == [sent.key]


def test_what_was_signed_by_the_same_key_is_sent_as_it_is(world: World) -> None:
    sent = world.letter()
    prepared = world.mailbox.prepared(sent)
    old = kit.certificates().clients[kit.SENDER]
    ca.write_client(world.folder, kit.SENDER, old)  # the same, under another password
    assert isinstance(world.mailbox.deposit(sent, prepared=prepared), Deposited)
    assert envelope(world)["sha512sum"] == json.loads(prepared)["sha512sum"]


def test_a_new_file_that_is_half_there_disturbs_no_one(world: World, renewed: Issued) -> None:
    assert isinstance(world.mailbox.deposit(world.letter()), Deposited)
    whole = renewed.pkcs12(kit.SENDER, "new")
    world.files.pkcs12.write_bytes(whole[: len(whole) // 2])
    assert isinstance(world.mailbox.deposit(world.letter()), Deposited)
    assert world.healthy()
    world.files.password.write_text("new\n")
    world.files.pkcs12.write_bytes(whole)
    assert isinstance(world.mailbox.deposit(world.letter()), Deposited)
    signed_by(renewed, envelope(world))


@pytest.mark.slow
def test_certificates_change_while_notices_go_out_and_none_waits(
    world: World, renewed: Issued
) -> None:
    outcomes, over = [], threading.Event()

    def work() -> None:
        while not over.is_set():
            sent = world.letter()
            outcomes.append((sent.key, world.mailbox.deposit(sent)))

    assert isinstance(world.mailbox.deposit(world.letter()), Deposited)  # so that one is in use
    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for each in threads:
        each.start()
    for issued in (renewed, kit.certificates().clients[kit.SENDER]) * 5:
        before = len(outcomes)
        ca.write_client(world.folder, kit.SENDER, issued)
        while len(outcomes) < before + 8 and all(each.is_alive() for each in threads):
            over.wait(0.005)
    over.set()
    for each in threads:
        each.join()
    assert [each for _, each in outcomes if not isinstance(each, Deposited)] == []
    assert len(outcomes) >= 80
    assert sorted(world.far_side.deposited[1:]) == sorted(key for key, _ in outcomes)


def test_what_could_not_be_signed_is_signed_when_it_is_sent(world: World) -> None:
    whole = world.files.pkcs12.read_bytes()
    world.files.pkcs12.unlink()
    sent = world.letter()
    prepared = world.mailbox.prepared(sent)
    assert held(world, sent, prepared).reason.code == "TLS"
    world.files.pkcs12.write_bytes(whole)
    assert world.healthy()
    assert isinstance(world.mailbox.deposit(sent, prepared=prepared), Deposited)
    assert envelope(world)["content"] == json.loads(prepared)["content"]


def test_a_wrong_password_holds_and_is_not_told(world: World) -> None:
    world.files.password.write_text("Siebenschläfer\n")
    outcome = held(world, world.letter())
    assert "Siebenschläfer" not in outcome.reason.text
    assert "password" in outcome.reason.text


@pytest.mark.parametrize("which", ["expired", "stranger"])
def test_a_certificate_that_is_refused_holds(world: World, which: str) -> None:
    files = ca.files(world.folder, [])
    world.put({"expired": files.expired, "stranger": files.stranger}[which])
    assert held(world, world.letter()).reason.code == "TLS"


def test_a_certificate_that_is_not_registered_holds(world: World) -> None:
    stranger = kit.certificates().authority.client("somebody", bits=2048)
    world.put(ca.write_client(world.folder, "somebody", stranger))
    outcome = held(world, world.letter())
    assert outcome.reason.mailbox_code == "CERTIFICATE_REFUSED"


def test_a_service_with_another_certificate_is_told_nothing(world: World) -> None:
    shutil.copy(ca.files(world.folder, []).stranger_ca, world.folder / "ca.pem")
    assert held(world, world.letter()).reason.code == "TLS"
