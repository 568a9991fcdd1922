"""Certificates are replaced while calls run; what cannot be used breaks nothing that is."""

import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

import pytest
from cryptography import x509

from postfach_http import Client, NotTrusted, Tls
from postfach_http import identity as identities
from postfach_http import tls as tls_module
from postfach_http.call import lasting
from postfach_http.testkit import Line, Server, context
from postfach_sandbox import ca
from postfach_sandbox.issuing import Issued, common_name

pytestmark = pytest.mark.slow

FIRST = "one"


class Here:
    """A certificate's files as the client has them, and what they are replaced by."""

    def __init__(self, folder: Path, certificates: ca.Certificates) -> None:
        self.certificates = certificates
        self.pkcs12, self.password = folder / "ours.p12", folder / "ours.password"
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(certificates.authority.certificate_pem())
        self.put(self.of("client"))

    def of(self, name: str) -> Issued:
        return self.certificates.clients[name]

    def put(self, issued: Issued, password: str = FIRST) -> None:
        self.password.write_text(f"{password}\n")
        data = issued.pkcs12("ours", password)
        self.replace(self.pkcs12, data)

    def replace(self, path: Path, data: bytes) -> None:
        new = path.with_suffix(".new")
        new.write_bytes(data)
        new.replace(path)

    @property
    def tls(self) -> Tls:
        return Tls(self.ca, self.pkcs12, self.password)


@pytest.fixture
def here(tmp_path: Path, certificates: ca.Certificates) -> Here:
    return Here(tmp_path, certificates)


def shown(identity: tls_module.Identity) -> str | None:
    return common_name(identity.certificate)


def test_a_new_certificate_is_used_by_the_next_call_and_the_old_one_ends_its_own(
    here: Here, files: ca.Files, serve: Callable[..., Server]
) -> None:
    begun: SimpleQueue[None] = SimpleQueue()
    goes_on = threading.Event()

    def script(line: Line) -> None:
        assert isinstance(line.socket, ssl.SSLSocket)
        certificate = x509.load_der_x509_certificate(line.socket.getpeercert(True) or b"")
        name = (common_name(certificate) or "").encode()
        while True:
            if b"/slow" in line.request():
                begun.put(None)
                goes_on.wait()
            line.answer(200, name)

    server = serve(script, context=context(files.server, files.ca))
    client = Client(f"https://127.0.0.1:{server.port}", here.tls)
    assert client.question("GET", "/").body == b"client"
    slow: SimpleQueue[bytes] = SimpleQueue()
    thread = threading.Thread(target=lambda: slow.put(client.question("GET", "/slow").body))
    thread.start()
    begun.get(timeout=10)
    here.put(here.of("successor"), "two")
    meanwhile = client.question("GET", "/").body
    goes_on.set()
    thread.join()
    assert meanwhile == b"successor"
    assert slow.get(timeout=10) == b"client"
    assert client.question("GET", "/").body == b"successor"
    assert server.connections == 2  # the old connection was not kept after its call
    client.close()


def test_a_half_written_file_changes_nothing_until_it_is_whole(here: Here) -> None:
    tls = here.tls
    assert shown(tls.identity()) == "client"
    data = here.of("successor").pkcs12("ours", "one")
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        here.pkcs12.write_bytes(data[:cut])
        assert shown(tls.identity()) == "client"
    here.pkcs12.write_bytes(data)
    assert shown(tls.identity()) == "successor"


def test_certificate_and_password_may_come_one_after_the_other(here: Here) -> None:
    tls = here.tls
    tls.identity()
    here.replace(here.pkcs12, here.of("successor").pkcs12("ours", "two"))
    assert shown(tls.identity()) == "client"
    here.password.write_text("two\n")
    assert shown(tls.identity()) == "successor"


def test_a_file_that_goes_away_changes_nothing(here: Here) -> None:
    tls = here.tls
    tls.identity()
    for each in (here.pkcs12, here.password, here.ca):
        each.unlink()
    assert shown(tls.identity()) == "client"


def test_an_expired_certificate_does_not_replace_one_that_is_valid(here: Here) -> None:
    tls = here.tls
    tls.identity()
    here.put(here.certificates.expired)
    assert shown(tls.identity()) == "client"
    here.put(here.of("successor"))
    assert shown(tls.identity()) == "successor"


def test_an_expired_certificate_alone_is_not_trusted_and_nothing_is_asked(
    here: Here, serve: Callable[..., Server], files: ca.Files
) -> None:
    here.put(here.certificates.expired)
    server = serve(lambda line: line.answer(), context=context(files.server))
    client = Client(f"https://127.0.0.1:{server.port}", here.tls)
    until = here.certificates.expired.certificate.not_valid_after_utc.date().isoformat()
    for _ in range(2):
        with pytest.raises(NotTrusted, match=f"valid until {until}"):
            client.question("GET", "/")
    assert server.connections == 0
    here.put(here.of("client"))
    assert shown(here.tls.identity()) == "client"


def test_a_certificate_that_expires_while_it_is_used_is_not_trusted_any_more(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Later":
            return cls(2999, 1, 1, tzinfo=UTC)

    tls = here.tls
    tls.identity()
    monkeypatch.setattr(tls_module, "datetime", Later)
    with pytest.raises(NotTrusted, match="valid until"):
        tls.loaded()


def test_a_certificate_of_the_future_is_not_trusted(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Earlier(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Earlier":
            return cls(1999, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(tls_module, "datetime", Earlier)
    with pytest.raises(NotTrusted, match="clock"):
        here.tls.loaded()


@pytest.mark.parametrize("what", ["pkcs12", "password", "ca"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense\n"])
def test_what_cannot_be_loaded_at_first_is_not_trusted_and_named(
    what: str, content: bytes | None, here: Here
) -> None:
    file = {"pkcs12": here.pkcs12, "password": here.password, "ca": here.ca}[what]
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    tls = here.tls
    with pytest.raises(NotTrusted) as caught:
        tls.loaded()
    # A wrong password cannot be told from a damaged PKCS#12.
    assert any(each in str(caught.value) for each in ("certificate", "password", "ca_file"))
    assert "nonsense" not in str(caught.value)
    assert str(here.ca.parent) not in str(caught.value)


def test_files_are_read_again_only_when_they_changed(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    load = identities.load

    def counting(certificate: Path, password_file: Path | None) -> tls_module.Identity:
        read.append(certificate)
        return load(certificate, password_file)

    monkeypatch.setattr(tls_module, "load", counting)
    tls = here.tls
    assert tls.loaded() is tls.loaded()
    assert len(read) == 1
    here.pkcs12.write_bytes(b"nonsense")
    for _ in range(3):
        tls.loaded()
    assert len(read) == 2  # what failed is left alone for a moment
    monkeypatch.setattr(tls_module, "_AGAIN", 0.0)
    tls.loaded()
    assert len(read) == 3


def test_the_trusted_certificates_rotate_too(
    here: Here, files: ca.Files, serve: Callable[..., Server]
) -> None:
    def script(line: Line) -> None:
        line.request()
        line.answer(200, b"ok", b"Connection: close")

    server = serve(script, context=context(files.server))
    here.ca.write_bytes(files.stranger_ca.read_bytes())
    client = Client(f"https://127.0.0.1:{server.port}", here.tls)
    with pytest.raises(NotTrusted):
        client.question("GET", "/")
    both = files.stranger_ca.read_bytes() + files.ca.read_bytes()
    here.replace(here.ca, both)
    assert client.question("GET", "/").status == 200
    here.ca.write_bytes(both[:-40])  # not written to the end
    assert client.question("GET", "/").status == 200


def test_many_calls_while_certificates_change(
    here: Here, files: ca.Files, serve: Callable[..., Server]
) -> None:
    """No call fails, and after a change no call begins on an old connection."""

    def script(line: Line) -> None:
        while True:
            line.request()
            line.answer()

    server = serve(script, context=context(files.server, files.ca))
    client = Client(f"https://127.0.0.1:{server.port}", here.tls)
    client.question("GET", "/")
    over = threading.Event()
    wrong: SimpleQueue[object] = SimpleQueue()

    def work() -> None:
        while not over.is_set():
            try:
                client.ask("PUT", "/", body=[b"x"] * 10, length=10, left=lasting(20))
            except Exception as error:  # noqa: BLE001  # any is a failure
                wrong.put(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for turn in range(6):
        here.put(here.of(("client", "successor")[turn % 2]), f"password-{turn}")
        client.question("GET", "/")
    over.set()
    for each in threads:
        each.join()
    client.close()
    assert wrong.empty(), wrong.get()
