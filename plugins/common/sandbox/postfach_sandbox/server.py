"""Serving a sandbox with aiohttp: in a thread of this process or as a program, with or without TLS.

Only this machine can reach it: it listens on 127.0.0.1. In a thread:

    with serving(make_app, tls=Tls(certificate=files.server, ca=files.ca)) as served:
        ...  # served.url, served.port

On leaving, connections are broken; serving again with `port=served.port` comes back on the same
port. What a handler keeps between two servings is its own: `make_app` is called each time.
"""

import asyncio
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Final, Literal

from aiohttp import web
from cryptography import x509

HOST: Final = "127.0.0.1"
_END_SECONDS: Final = 0.05  # for calls under way when serving ends; then they are broken
_BACKLOG: Final = 512

AppFactory = Callable[[], web.Application]
Demand = Literal["none", "optional", "required"]


class _Handshake(ssl.SSLObject):
    """Lets the other side know why a handshake failed.

    asyncio closes the connection without sending the alert that OpenSSL has written. As long as
    the failure looks like waiting for more, it sends what was written; it is told the next time.
    """

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._failure = error
            raise ssl.SSLWantReadError from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How TLS is spoken.

    certificate: PEM with certificate and key
    ca: PEM of the authority whose clients are let in; None: no client is asked for a certificate
    client: `required` refuses a client without certificate in the handshake; `optional` lets it in,
        and the handler decides, see `peer`: then a browser reaches the sandbox's page. A stranger's
        or expired certificate fails the handshake either way
    """

    certificate: Path
    ca: Path | None = None
    client: Demand = "optional"

    def context(self) -> ssl.SSLContext:
        """Return the server's context. Raises OSError or ssl.SSLError: a file cannot be read."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslobject_class = _Handshake
        context.load_cert_chain(self.certificate)
        if self.ca is not None and self.client != "none":
            context.load_verify_locations(self.ca)
            required = self.client == "required"
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A sandbox that is being served.

    url: without a slash at the end, such as `https://127.0.0.1:8472`
    """

    port: int
    url: str


def peer(request: web.BaseRequest) -> x509.Certificate | None:
    """Return the client's certificate, which the handshake has checked; None: it showed none."""
    spoken = request.get_extra_info("ssl_object")
    shown = spoken.getpeercert(binary_form=True) if spoken is not None else None
    return x509.load_der_x509_certificate(shown) if shown else None


@contextmanager
def serving(make_app: AppFactory, *, port: int = 0, tls: Tls | None = None) -> Iterator[Served]:
    """Serve in a thread of its own; port 0: any that is free. Raises OSError: the port is taken."""
    begun: list[tuple[Served, Callable[[], object]]] = []
    failed: list[Exception] = []
    ready = threading.Event()

    async def work() -> None:
        end, loop = asyncio.Event(), asyncio.get_running_loop()
        try:
            runner, served = await _start(make_app, port, tls)
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that asked
            failed.append(error)
            ready.set()
            return
        begun.append((served, lambda: loop.call_soon_threadsafe(end.set)))
        ready.set()
        await end.wait()
        await _stop(runner)

    thread = threading.Thread(target=lambda: asyncio.run(work()), name="sandbox", daemon=True)
    thread.start()
    ready.wait()
    if failed:
        thread.join()
        raise failed[0]
    served, stop = begun[0]
    try:
        yield served
    finally:
        stop()
        thread.join()


def run(make_app: AppFactory, *, port: int, tls: Tls | None = None, hint: str = "") -> int:
    """Serve until SIGTERM or SIGINT; return the program's exit status.

    Writes `ready on URL` once it listens, and `hint` behind it.
    """

    async def work() -> None:
        end, loop = asyncio.Event(), asyncio.get_running_loop()
        for each in (SIGTERM, SIGINT):
            loop.add_signal_handler(each, end.set)
        runner, served = await _start(make_app, port, tls)
        sys.stdout.write(f"ready on {served.url}/\n{hint}")
        sys.stdout.flush()
        await end.wait()
        await _stop(runner)

    try:
        asyncio.run(work())
    except (OSError, ssl.SSLError) as error:
        sys.stderr.write(f"port {port}: {error.strerror or error}; see --help\n")
        return 1
    return 0


async def _start(make_app: AppFactory, port: int, tls: Tls | None) -> tuple[web.AppRunner, Served]:
    context = tls.context() if tls is not None else None
    runner = web.AppRunner(
        make_app(), access_log=None, handle_signals=False, shutdown_timeout=_END_SECONDS
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port, ssl_context=context, backlog=_BACKLOG)
        await site.start()
    except BaseException:
        await runner.cleanup()
        raise
    # AppRunner's addresses are those of the sockets, so port 0 has become a real one.
    bound = int(runner.addresses[0][1])
    scheme = "https" if context is not None else "http"
    return runner, Served(port=bound, url=f"{scheme}://{HOST}:{bound}")


async def _stop(runner: web.AppRunner) -> None:
    """End serving, and break what is still open: closing TLS would wait for the other side's."""
    connections = runner.server.connections if runner.server is not None else []
    transports = [each.transport for each in connections]
    await runner.cleanup()
    for each in transports:
        if each is not None:
            each.abort()
    await asyncio.sleep(0)  # the sockets are closed in the loop's next round
