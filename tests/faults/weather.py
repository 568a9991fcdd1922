"""A bad network between a hub and mailboxes over HTTP: the shared proxy, and what stands behind it.

The sample mailbox of `hub plugin new` speaks plain HTTP here, so the proxy can answer for it. The
sandboxes speak TLS: a Relay takes it off before the proxy and puts it on again behind.

    hub -> FlakyNet -> sample service
    hub -TLS-> Relay -> FlakyNet -> Relay -TLS-> sandbox
"""

import asyncio
import importlib
import importlib.util
import shutil
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from hub import template
from tests import foreign, material
from tests.flow.world import World

NAME, TOKEN = "zapuk", "only-for-tests"
CALL = 3.0  # seconds that a call may take
TABLE = """
[mailboxes.zapuk]
plugin = "zapuk"
call_timeout = "{call:.0f}s"
in_flight = 8
[mailboxes.zapuk.config]
url = "http://127.0.0.1:{port}"
token_file = "keys/zapuk.token"
repeat = "{repeat}"
"""


def program() -> ModuleType:
    """Return the shared proxy's module."""
    place = material.shared("faults/flaky_net.py")
    spec = importlib.util.spec_from_file_location("flaky_net", place)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def flaky(port: int, plan: str = "ok") -> Iterator[Any]:
    """Stand before a port of this machine; gives the shared program's FlakyNet."""
    with program().FlakyNet(("127.0.0.1", port), plan) as net:
        yield net
    net.loop.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The sample mailbox: a hub that has it installed, and the service that is its far side."""

    program: tuple[str, ...]
    sandbox: Any  # modules of the rendered distribution
    postroom: Any

    @classmethod
    def install(cls, folder: Path) -> Self:
        """Render it, and install it into a Python of its own."""
        python = foreign.interpreter(folder / "python")
        rendered = template.render(NAME, folder)
        package = f"postfach_mailbox_{NAME}"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        site = folder / "python" / "lib" / version / "site-packages"
        shutil.copytree(rendered / package, site / package)
        foreign.install(site, f"postfach-mailbox-{NAME}", "0.1.0", {}, f"{NAME} = {package}")
        sys.path.append(str(rendered))
        try:
            sandbox = importlib.import_module(f"{package}.sandbox")
            postroom = importlib.import_module(f"{package}.postroom")
        finally:
            sys.path.remove(str(rendered))
        run = (str(python), "-c", "from hub.cli import main; main()")
        return cls(program=run, sandbox=sandbox, postroom=postroom)

    @contextmanager
    def serving(self, *, forgetful: bool = False) -> Iterator[tuple[Any, int]]:
        """Serve; gives the service and its port. forgetful: it does not know keys again."""
        service = self.postroom.Service(TOKEN, forgetful=forgetful)
        with self.sandbox.serving(service) as server:
            yield service, server.server_port

    def hub(self, folder: Path, port: int, repeat: str = "idempotent") -> World:
        """Make a hub that finds the service at a port."""
        world = World.make(folder, self.program)
        world.configure('"citizens"', f'"citizens", "{NAME}"')
        with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
            file.write(TABLE.format(port=port, repeat=repeat, call=CALL))
        (world.folder / "keys" / "zapuk.token").write_text(f"{TOKEN}\n", "ascii")
        return world


class Relay:
    """A TCP relay that speaks TLS on one side; in a thread of its own.

    certificate: of the server's side; trust and own: of the client's side. A stream that breaks on
    one side is broken off on the other.
    """

    def __init__(
        self,
        target: int,
        *,
        certificate: Path | None = None,
        trust: Path | None = None,
        own: Path | None = None,
    ) -> None:
        self._target, self._inner, self._outer = target, None, None
        if certificate is not None:
            self._inner = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._inner.load_cert_chain(certificate)
        if trust is not None:
            self._outer = ssl.create_default_context(cafile=str(trust))
        if self._outer is not None and own is not None:
            self._outer.load_cert_chain(own)
        self.port = 0
        self._open: list[asyncio.StreamWriter] = []
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.set_exception_handler(lambda *_: None)  # broken streams are what it is for
        serve = asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._inner)
        server = self._loop.run_until_complete(serve)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in self._open:
            each.transport.abort()
        await asyncio.sleep(0.05)  # transports close in the loop's next round
        self._open.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target, ssl=self._outer)
        except OSError:
            writer.transport.abort()
            return
        self._open.append(there[1])
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
        return
    if writer.can_write_eof():
        writer.write_eof()
    else:  # TLS has no half of a close
        writer.close()
