"""What the tests share: certificates, servers, and clients of them."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from postfach_http import Client
from postfach_http.testkit import Script, Server
from postfach_sandbox import ca


class Serve(Protocol):
    def __call__(self, *scripts: Script, context: ssl.SSLContext | None = None) -> Server: ...


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that end with the test, and fail it where a script failed."""
    servers: list[Server] = []

    def start(*scripts: Script, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(*scripts, context=context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    for server in servers:
        assert not server.faults


class Asking(Protocol):
    def __call__(self, server: Server) -> Client: ...


@pytest.fixture
def asking() -> Iterator[Asking]:
    """Make clients of servers without TLS; they are closed with the test."""
    clients: list[Client] = []

    def make(server: Server) -> Client:
        clients.append(Client(f"http://127.0.0.1:{server.port}"))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def certificates() -> ca.Certificates:
    return ca.issue(["client", "successor"], bits=2048)


@pytest.fixture
def files(certificates: ca.Certificates, tmp_path: Path) -> ca.Files:
    return certificates.write(tmp_path / "certificates")
