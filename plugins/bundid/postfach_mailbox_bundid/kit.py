"""The far side for the contract's tests: the sandbox, in this process, over TLS.

Named in pyproject.toml as entry point of the group `postfach.testkits`. Needs the extra `sandbox`.
Here straight to the service; `kit_bridged` is the way through FIT-Connect.
"""

import functools
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from postfach_mailbox.testkit import Bench
from postfach_mailbox_bundid.kit_mail import Mail
from postfach_mailbox_bundid.sandbox import HIGH, UNKNOWN, Account, Service, make_app
from postfach_sandbox import ca
from postfach_sandbox.server import Tls, serving

SENDER: Final = "authority"
APPLICATION: Final = "7b5c3c1e-0000-4000-8000-00000000000a"


@functools.cache
def certificates() -> ca.Certificates:
    """Return certificates that are made once: making keys is slow."""
    return ca.issue([SENDER], bits=2048)


class FarSide:
    """The sandbox, as the kit plays with it."""

    account, unknown_id, application = HIGH, UNKNOWN, APPLICATION

    def __init__(self, stack: ExitStack, service: Service, files: ca.Files, mail: Mail) -> None:
        """Serve on a free port; `stack` ends it."""
        self.service, self._files, self._stack, self.port = service, files, stack, 0
        self.mail = mail
        self.up()

    @property
    def deposited(self) -> list[str]:
        """The keys of all deposits, in their order."""
        found = self.service.arrivals.all()
        return [each.facts["request"] for each in found if each.facts["kind"] == "message"]

    @property
    def statuses(self) -> list[str]:
        """The states that applications were given, in their order."""
        found = self.service.arrivals.all()
        return [each.facts["status"] for each in found if each.facts["kind"] == "state"]

    def documents(self, key: str) -> list[str]:
        """Return the digests of a deposit's files, in the order in which they came."""
        found = self.service.arrivals.all()
        (number,) = [each.id for each in found if each.facts["request"] == key]
        files = sorted(self.service.arrivals.folder.joinpath(number).glob("file-*"))
        return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]

    def down(self) -> None:
        """Stop serving and break all connections."""
        self._stack.close()
        self.mail.down()

    def up(self) -> None:
        """Serve, on the same port as before."""
        tls = Tls(certificate=self._files.server, ca=self._files.ca)
        served = serving(lambda: make_app(self.service), port=self.port, tls=tls)
        self.port = self._stack.enter_context(served).port
        self.mail.up()

    def reply(self, key: str) -> None:
        """Let a reply come by e-mail."""
        self.mail.reply(key)

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


def service(folder: Path) -> Service:
    """Return the mailboxes, which know SENDER; what arrives is kept in `folder`."""
    return Service(
        folder,
        senders=frozenset({SENDER}),
        authority=certificates().authority.issued.certificate,
    )


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Set up the sandbox and the sender's certificate."""
    files = certificates().write(folder / "certificates")
    client = files.clients[SENDER]
    with ExitStack() as stack:
        mail = Mail(folder / "mail")
        far_side = FarSide(stack, service(folder / "arrived"), files, mail)
        config: dict[str, Any] = {
            **mail.settings(folder),
            "transport": "direct",
            "url": f"https://127.0.0.1:{far_side.port}",
            "certificate_file": str(client.pkcs12.relative_to(folder)),
            "password_file": str(client.password.relative_to(folder)),
            "ca_file": str(files.ca.relative_to(folder)),
        }
        yield Bench(config=config, far_side=far_side, folder=folder)
