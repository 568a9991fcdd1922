"""The far side for the contract's tests: the sandbox, in this process, over TLS.

Named in pyproject.toml as entry point of the group `postfach.testkits`. Needs the extra `sandbox`.
"""

import functools
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from postfach_mailbox.testkit import Bench
from postfach_mailbox_bundid.direct import REQUEST_ID
from postfach_mailbox_bundid.sandbox import HIGH, UNKNOWN, Account, Service, Taken, make_app
from postfach_sandbox import ca
from postfach_sandbox.server import Tls, serving

SENDER: Final = "authority"
APPLICATION: Final = "7b5c3c1e-0000-4000-8000-00000000000a"
_asked: ContextVar[str] = ContextVar("asked", default="")


@functools.cache
def certificates() -> ca.Certificates:
    """Return certificates that are made once: making keys is slow."""
    return ca.issue([SENDER], bits=2048)


class Keyed(Service):
    """The sandbox's service, which also notes under which of the hub's keys a message came."""

    def __init__(self, folder: Path, authority: ca.Certificates) -> None:
        """Keep what arrives in `folder`."""
        super().__init__(
            folder,
            senders=frozenset({SENDER}),
            authority=authority.authority.issued.certificate,
        )
        self.keys: dict[str, str] = {}

    def keep(self, *given: Any) -> Taken:
        """Store a message."""
        taken = super().keep(*given)
        self.keys[taken.arrival.id] = _asked.get()
        return taken


class FarSide:
    """The sandbox, as the kit plays with it."""

    account, unknown_id, application = HIGH, UNKNOWN, APPLICATION

    def __init__(self, stack: ExitStack, service: Keyed, files: ca.Files) -> None:
        """Serve on a free port; `stack` ends it."""
        self.service, self._files, self._stack, self.port = service, files, stack, 0
        self.up()

    @property
    def deposited(self) -> list[str]:
        """The keys of all deposits, in their order."""
        known = self.service.keys
        return [known[each.id] for each in self.service.arrivals.all() if each.id in known]

    @property
    def statuses(self) -> list[str]:
        """The states that applications were given, in their order."""
        found = self.service.arrivals.all()
        return [each.facts["status"] for each in found if each.facts["kind"] == "state"]

    def documents(self, key: str) -> list[str]:
        """Return the digests of a deposit's files, in the order in which they came."""
        (number,) = [each for each, of in self.service.keys.items() if of == key]
        files = sorted(self.service.arrivals.folder.joinpath(number).glob("file-*"))
        return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]

    def down(self) -> None:
        """Stop serving and break all connections."""
        self._stack.close()

    def up(self) -> None:
        """Serve, on the same port as before."""
        tls = Tls(certificate=self._files.server, ca=self._files.ca)
        served = serving(self._make_app, port=self.port, tls=tls)
        self.port = self._stack.enter_context(served).port

    def deleted(self, account: str) -> None:
        """Close an account."""
        self.service.accounts[account] = Account(level=4, deleted=True)

    def slow(self, seconds: float) -> None:
        """Store at once, answer late."""
        self.service.switches.turn("*", "slow", seconds)

    def lose_next_answer(self) -> None:
        """Store the next message, then break the connection."""
        self.service.switches.turn("*", "drop-after", once=True)

    def busy(self, retry_after: float) -> None:
        """Answer 429; 0: no more."""
        self.service.switches.turn("*", "busy" if retry_after else "good", retry_after)

    def wrong_credentials(self) -> None:
        """Know our certificate no more."""
        self.service.senders = frozenset({"another"})

    def _make_app(self) -> web.Application:
        app = make_app(self.service)
        app.middlewares.append(_noting)
        return app


@web.middleware
async def _noting(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    _asked.set(request.headers.get(REQUEST_ID, ""))
    return await handler(request)


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Set up the sandbox and the sender's certificate."""
    files = certificates().write(folder / "certificates")
    client = files.clients[SENDER]
    with ExitStack() as stack:
        far_side = FarSide(stack, Keyed(folder / "arrived", certificates()), files)
        config = {
            "transport": "direct",
            "url": f"https://127.0.0.1:{far_side.port}",
            "certificate_file": str(client.pkcs12.relative_to(folder)),
            "password_file": str(client.password.relative_to(folder)),
            "ca_file": str(files.ca.relative_to(folder)),
        }
        yield Bench(config=config, far_side=far_side, folder=folder)
