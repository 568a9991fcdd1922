"""The far side for the contract's tests: the sandbox, in this process, over TLS.

Named in pyproject.toml as entry point of the group `postfach.testkits`. Needs the extra `sandbox`.
What can be taken waits for `confirm`; what the mailboxes refuse they refuse by themselves.
"""

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from postfach_mailbox.testkit import Bench
from postfach_mailbox_muk.assumed import Code, State
from postfach_mailbox_muk.sandbox import (
    SUBSTANTIAL,
    UNKNOWN,
    Account,
    Handed,
    Service,
    make_app,
)
from postfach_mailbox_muk.sandbox.records import Record
from postfach_mailbox_muk.sandbox.service import settle
from postfach_sandbox import ca
from postfach_sandbox.server import Tls, serving

SENDER: Final = "authority"
REPLY: Final = Handed(filename="antwort.pdf", content_type="application/pdf", data=b"%PDF-1.4 r")


@functools.cache
def certificates() -> ca.Certificates:
    """Return certificates that are made once: making keys is slow."""
    return ca.issue([SENDER], bits=2048)


class Office(Service):
    """The sandbox's service, which waits with what it would deposit."""

    def find(self, client: str, id_: str) -> Record:
        """Refuse by itself what is to be refused."""
        record = super().find(client, id_)
        reason = record.reason or self.mailboxes.reason(record.order)
        if record.state is State.TAKEN and reason is not None:
            return self.refuse(id_, reason)
        return record


class Line:
    """The way to the sandbox, which the kit breaks."""

    def __init__(self, stack: ExitStack, service: Service, files: ca.Files) -> None:
        """Serve on a free port; `stack` ends it."""
        self.service, self._files, self._stack, self.port = service, files, stack, 0
        self.up()

    def down(self) -> None:
        """Stop serving and break all connections."""
        self._stack.close()

    def up(self) -> None:
        """Serve, on the same port as before."""
        tls = Tls(certificate=self._files.server, ca=self._files.ca)
        served = serving(lambda: make_app(self.service), port=self.port, tls=tls)
        self.port = self._stack.enter_context(served).port

    def slow(self, seconds: float) -> None:
        """Take orders at once, answer late."""
        self.service.switches.turn(SUBSTANTIAL, "slow" if seconds else "good", seconds)

    def lose_next_answer(self) -> None:
        """Take the next order, then break the connection."""
        self.service.switches.turn(SUBSTANTIAL, "drop-after", once=True)

    def busy(self, retry_after: float) -> None:
        """Answer 429; 0: no more."""
        self.service.switches.turn("*", "busy" if retry_after else "good", retry_after)

    def wrong_credentials(self) -> None:
        """Know our certificate no more."""
        self.service.senders = frozenset({"another"})


class FarSide(Line):
    """The sandbox, as the kit plays with it."""

    account, unknown_id = SUBSTANTIAL, UNKNOWN

    @property
    def deposited(self) -> list[str]:
        """The keys of all orders that were not refused, in their order."""
        settle(self.service)
        return [each.request or "" for each in self._taken()]

    def documents(self, key: str) -> list[str]:
        """Return the digests of an order's documents, in their order, without the seal."""
        return [each.sha256 for each in self._of(key).order.documents[:-1]]

    def deleted(self, account: str) -> None:
        """Close an account."""
        self.service.mailboxes.accounts[account] = Account(level=2, deleted=True)

    def confirm(self, key: str) -> None:
        """Deposit what was ordered."""
        self.service.deposit(self._of(key).id)

    def turn_down(self, key: str) -> None:
        """Refuse what was ordered."""
        self.service.refuse(self._of(key).id, Code.MALWARE_FOUND)

    def reply(self, key: str) -> None:
        """Let the company reply, with a document."""
        self.service.reply(self._of(key).id, "Antwort", "Anbei.", [REPLY])

    def _taken(self) -> list[Record]:
        return [each for each in self.service.orders.all() if each.state is not State.REFUSED]

    def _of(self, key: str) -> Record:
        (found,) = [each for each in self._taken() if each.request == key]
        return found


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Set up the sandbox and the sender's certificate."""
    files = certificates().write(folder / "certificates")
    client = files.clients[SENDER]
    with ExitStack() as stack:
        service = Office(folder / "sandbox", senders=frozenset({SENDER}), after=None)
        far_side = FarSide(stack, service, files)
        config = {
            "url": f"https://127.0.0.1:{far_side.port}",
            "certificate_file": str(client.pkcs12.relative_to(folder)),
            "password_file": str(client.password.relative_to(folder)),
            "ca_file": str(files.ca.relative_to(folder)),
        }
        yield Bench(config=config, far_side=far_side, folder=folder)
