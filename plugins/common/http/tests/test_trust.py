"""Certificates, theirs and ours, over real TLS of both versions."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from postfach_http import Client, Lost, NotConnected, NotTrusted, Tls
from postfach_http.call import lasting
from postfach_http.line import Line as OurLine
from postfach_http.testkit import Line, Server, context, politely
from postfach_sandbox import ca

pytestmark = pytest.mark.slow

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
each_version = pytest.mark.parametrize("version", VERSIONS)


def tls(files: ca.Files, client: ca.ClientFiles | None = None) -> Tls:
    shown = client or files.clients["client"]
    return Tls(files.ca, shown.pkcs12, shown.password)


@each_version
@pytest.mark.parametrize("tickets", [0, 2])
def test_both_sides_know_each_other(
    version: ssl.TLSVersion, tickets: int, serve: Callable[..., Server], files: ca.Files
) -> None:
    seen: list[str] = []

    def script(line: Line) -> None:
        assert isinstance(line.socket, ssl.SSLSocket)
        shown = line.socket.getpeercert() or {}
        seen.append(str(shown["subject"]))
        politely(line)

    spoken = context(files.server, files.ca, version=version, tickets=tickets)
    client = Client(f"https://127.0.0.1:{serve(script, context=spoken).port}", tls(files))
    pieces = [b"x" * 300_000] * 10
    answer = client.ask("PUT", "/", body=pieces, length=3_000_000, left=lasting(20))
    assert answer.status == client.question("GET", "/").status == 200
    client.close()
    assert len(seen) == 1
    assert "'client'" in seen[0]


@each_version
@pytest.mark.parametrize("trusted", ["none", "stranger"])
def test_a_stranger_gets_nothing(
    version: ssl.TLSVersion, trusted: str, serve: Callable[..., Server], files: ca.Files
) -> None:
    got: list[bytes] = []
    server = serve(
        lambda line: got.append(line.until_closed()), context=context(files.server, version=version)
    )
    ours = Tls(files.stranger_ca) if trusted == "stranger" else None
    client = Client(f"https://127.0.0.1:{server.port}", ours)
    with pytest.raises(NotTrusted, match="its certificate is not accepted"):
        client.question("PUT", "/", body=b"x")
    server.close()
    assert not any(got)


def test_a_certificate_for_another_host_is_not_accepted(
    serve: Callable[..., Server], files: ca.Files, certificates: ca.Certificates, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(certificates.authority.server(("mailbox.example",), bits=2048).pem())
    server = serve(politely, context=context(other))
    with pytest.raises(NotTrusted, match="its certificate is not accepted"):
        Client(f"https://127.0.0.1:{server.port}", Tls(files.ca)).question("GET", "/")


def test_a_server_without_tls_is_not_trusted(serve: Callable[..., Server], files: ca.Files) -> None:
    server = serve(lambda line: line.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with pytest.raises(NotTrusted, match="no TLS connection"):
        Client(f"https://127.0.0.1:{server.port}", Tls(files.ca)).question("GET", "/")


def test_a_server_with_an_old_tls_is_not_trusted(
    serve: Callable[..., Server], files: ca.Files
) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old = context(files.server, version=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    server = serve(politely, context=old)
    with pytest.raises(NotTrusted, match="no TLS connection"):
        Client(f"https://127.0.0.1:{server.port}", Tls(files.ca)).question("GET", "/")


def test_an_end_in_the_handshake_is_no_connection(
    serve: Callable[..., Server], files: ca.Files
) -> None:
    server = serve(lambda line: line.socket.recv(1000))
    with pytest.raises(NotConnected):
        Client(f"https://127.0.0.1:{server.port}", Tls(files.ca)).question("GET", "/")


@each_version
@pytest.mark.parametrize("tickets", [0, 2])
@pytest.mark.parametrize("shown", ["nothing", "stranger"])
def test_our_certificate_is_refused_and_nothing_was_taken(
    version: ssl.TLSVersion,
    tickets: int,
    shown: str,
    serve: Callable[..., Server],
    files: ca.Files,
) -> None:
    """With TLS 1.3 the refusal comes after the handshake, and a large body is on its way then."""
    taken: list[bytes] = []
    spoken = context(files.server, files.ca, version=version, tickets=tickets)
    server = serve(lambda line: taken.append(line.head()), context=spoken)
    ours = tls(files, files.stranger) if shown == "stranger" else Tls(files.ca)
    client = Client(f"https://127.0.0.1:{server.port}", ours)
    pieces = [b"x" * 300_000] * 10
    for _ in range(5):
        with pytest.raises(NotTrusted):
            client.ask("PUT", "/", body=pieces, length=3_000_000, left=lasting(20))
    server.close()
    assert not taken


class Alerting:
    """A connection on which an alert comes: bytes first, if any."""

    def __init__(self, reason: str, *before: bytes) -> None:
        self._before, self._reason = list(before), reason

    def recv(self, most: int) -> bytes:
        if self._before:
            return self._before.pop(0)
        error = ssl.SSLError(1, self._reason)
        error.reason = self._reason
        raise error


@pytest.mark.parametrize(
    ("reason", "before", "kind"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", [], NotTrusted),
        ("TLSV1_ALERT_UNKNOWN_CA", [], NotTrusted),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", [], NotTrusted),
        ("TLSV1_ALERT_INTERNAL_ERROR", [], ssl.SSLError),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", [b"HTTP/1.1 "], ssl.SSLError),
    ],
)
def test_an_alert_means_no_trust_only_before_anything_came_back(
    reason: str, before: list[bytes], kind: type[Exception]
) -> None:
    line = OurLine(Alerting(reason, *before))  # type: ignore[arg-type]  # it is only read from
    for each in before:
        assert line.receive(100) == each
    with pytest.raises(kind):
        line.receive(100)


def test_a_connection_that_breaks_with_tls_is_lost(
    serve: Callable[..., Server], files: ca.Files
) -> None:
    def script(line: Line) -> None:
        line.request()
        line.reset()

    server = serve(script, context=context(files.server, files.ca))
    client = Client(f"https://127.0.0.1:{server.port}", tls(files))
    with pytest.raises(Lost):
        client.question("PUT", "/", body=b"x")


def test_an_answer_before_the_body_was_taken_is_heard_with_tls(
    serve: Callable[..., Server], files: ca.Files
) -> None:
    def script(line: Line) -> None:
        line.head()
        line.answer(429, b"later")
        line.over.wait()

    server = serve(script, context=context(files.server, files.ca))
    client = Client(f"https://127.0.0.1:{server.port}", tls(files))
    pieces = [b"x" * 1_000_000] * 30
    answer = client.ask("PUT", "/", body=pieces, length=30_000_000, left=lasting(20))
    assert (answer.status, answer.sent, answer.body) == (429, False, b"later")
