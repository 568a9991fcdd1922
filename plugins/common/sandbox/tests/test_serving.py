import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from postfach_sandbox import ca
from postfach_sandbox.issuing import common_name
from postfach_sandbox.server import Served, Tls, peer, serving


async def who(request: web.Request) -> web.Response:
    shown = peer(request)
    return web.json_response({"name": None if shown is None else common_name(shown)})


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/who", who)
    return app


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ca.Files:
    return ca.issue(bits=2048).write(tmp_path_factory.mktemp("certificates"))


def ask(served: Served, trust: Path, client: Path | None = None) -> object:
    context = ssl.create_default_context(cafile=trust)
    if client is not None:
        context.load_cert_chain(client)
    connection = http.client.HTTPSConnection("127.0.0.1", served.port, context=context, timeout=10)
    try:
        connection.request("GET", "/who")
        return json.load(connection.getresponse())
    finally:
        connection.close()


def test_a_handler_sees_who_calls(files: ca.Files) -> None:
    with serving(make_app, tls=Tls(certificate=files.server, ca=files.ca)) as served:
        assert served.url == f"https://127.0.0.1:{served.port}"
        assert ask(served, files.ca, files.clients["client"].pem) == {"name": "client"}
        assert ask(served, files.ca) == {"name": None}


def test_who_shows_no_certificate_is_refused_where_one_is_required(files: ca.Files) -> None:
    tls = Tls(certificate=files.server, ca=files.ca, client="required")
    with serving(make_app, tls=tls) as served:
        assert ask(served, files.ca, files.clients["client"].pem) == {"name": "client"}
        with pytest.raises(OSError, match="alert certificate required"):
            ask(served, files.ca)


@pytest.mark.parametrize(("which", "alert"), [("expired", "expired"), ("stranger", "unknown ca")])
def test_a_certificate_that_is_not_good_is_refused_by_an_alert(
    files: ca.Files, which: str, alert: str
) -> None:
    bad: ca.ClientFiles = getattr(files, which)
    with (
        serving(make_app, tls=Tls(certificate=files.server, ca=files.ca)) as served,
        pytest.raises(OSError, match=f"alert.*{alert}"),
    ):
        ask(served, files.ca, bad.pem)


def test_the_server_is_not_trusted_by_who_knows_another_authority(files: ca.Files) -> None:
    with (
        serving(make_app, tls=Tls(certificate=files.server)) as served,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ask(served, files.stranger_ca)


def test_it_comes_back_on_the_same_port_and_breaks_connections_on_leaving() -> None:
    with serving(make_app) as served:
        held = socket.create_connection(("127.0.0.1", served.port))
        held.sendall(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n")
        assert held.recv(1)
    held.settimeout(10)
    while held.recv(65536):
        pass
    held.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", served.port))
    with serving(make_app, port=served.port) as again:
        assert again == served


def test_a_taken_port_is_said_to_who_asked() -> None:
    with serving(make_app) as served, pytest.raises(OSError, match="address already in use"):
        serving(make_app, port=served.port).__enter__()


PROGRAM = """
import sys
from aiohttp import web
from postfach_sandbox.server import run
sys.exit(run(web.Application, port=int(sys.argv[1])))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_cleanly(how: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert re.match(rb"ready on http://127\.0\.0\.1:\d+/\n", program.stdout.readline())
        program.send_signal(how)
        assert program.wait(20) == 0
        assert program.stderr.read() == b""


@pytest.mark.slow
def test_a_taken_port_ends_the_program_with_a_sentence() -> None:
    with serving(make_app) as served:
        command = [sys.executable, "-c", PROGRAM, str(served.port)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 1
    assert f"port {served.port}: " in ended.stderr
    assert "Traceback" not in ended.stderr
