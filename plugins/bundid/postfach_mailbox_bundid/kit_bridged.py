"""The far side for the contract's tests, through FIT-Connect: both sandboxes, over TLS.

The bridge refuses at once what the service would refuse, and hands a message over when `confirm`
says so. States it hands over at once.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from postfach_fitconnect.sandbox import (
    BRIDGE,
    Destination,
    Handed,
    Platform,
    Record,
    State,
    farside,
)
from postfach_mailbox.testkit import Bench
from postfach_mailbox_bundid.assumed import BRIDGE_MESSAGE, Code
from postfach_mailbox_bundid.kit import APPLICATION, SENDER, certificates, service
from postfach_mailbox_bundid.kit_mail import Mail
from postfach_mailbox_bundid.sandbox import HIGH, UNKNOWN, Account, Refusal, Service, bridging
from postfach_sandbox import ca


class ByHand:
    """A bridge that looks at a message at once, and waits for a word to hand it over."""

    def __init__(self, mailboxes: Service) -> None:
        """Take where it leads."""
        self._service = mailboxes
        self.confirmed: set[str] = set()
        self.turned_down: set[str] = set()

    def message(
        self, envelope: bytes, files: Sequence[Handed], *, submission: str, at: datetime
    ) -> None:
        """Hand a message over, or wait. Raises Refusal; OSError: it waits."""
        if submission in self.turned_down:
            raise Refusal(Code.MAILBOX_DELETED, "turned down by hand")
        if submission in self.confirmed:
            return self._service.receive(envelope, files, submission=submission, at=at)
        _, _, message = self._service.examine(envelope, at)
        self._service.admit(message, self._service.switches.at(message.mailboxUuid))
        raise BlockingIOError("no one has confirmed it")


class FarSide(farside.Played):
    """Both sandboxes, as the kit plays with them."""

    account, unknown_id, application = HIGH, UNKNOWN, APPLICATION

    def __init__(self, stack: ExitStack, folder: Path, files: ca.Files, mail: Mail) -> None:
        """Serve FIT-Connect with the bridge; `stack` ends it."""
        self.service, self.mail = service(folder / "arrived"), mail
        self.by_hand = ByHand(self.service)
        usual = bridging.bridge(self.service)
        forwards = {**usual.forwards, BRIDGE_MESSAGE: self.by_hand.message}
        bridge = Destination(services=usual.services, forwards=forwards)
        platform = Platform(
            folder / "fitconnect",
            clients=farside.CLIENTS,
            destinations={BRIDGE: bridge},
            keyring=farside.keyring(),
        )
        super().__init__(stack, platform, files, mail)

    @property
    def deposited(self) -> list[str]:
        """The keys of all messages that the bridge took, in their order."""
        return [each.request or "" for each in self._taken()]

    @property
    def statuses(self) -> list[str]:
        """The states that applications were given, in their order."""
        found = self.service.arrivals.all()
        return [each.facts["status"] for each in found if each.facts["kind"] == "state"]

    def documents(self, key: str) -> list[str]:
        """Return the digests of a message's files, in their order."""
        number = str(self._of(key).arrival)
        files = sorted(self.platform.arrivals.folder.joinpath(number).glob("file-*"))
        return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]

    def reply(self, key: str) -> None:
        """Let a reply come by e-mail."""
        self.mail.reply(key)

    def deleted(self, account: str) -> None:
        """Close an account."""
        self.service.accounts[account] = Account(level=4, deleted=True)

    def wrong_credentials(self) -> None:
        """Know our certificate no more."""
        self.service.senders = frozenset({"another"})

    def confirm(self, key: str) -> None:
        """Hand a message over."""
        self.by_hand.confirmed.add(self._of(key).id)

    def turn_down(self, key: str) -> None:
        """Refuse a message, as if the account had been deleted meanwhile."""
        self.by_hand.turned_down.add(self._of(key).id)

    def _taken(self) -> list[Record]:
        found = self.platform.in_state(State.SUBMITTED, State.ACCEPTED)
        messages = [each for each in found if each.service == BRIDGE_MESSAGE]
        return sorted(messages, key=lambda each: each.submitted or 0)

    def _of(self, key: str) -> Record:
        (found,) = [each for each in self._taken() if each.request == key]
        return found


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Set up both sandboxes, the client's secret and the sender's certificate."""
    files = certificates().write(folder / "certificates")
    client = files.clients[SENDER]
    (folder / "secret").write_text(f"{farside.SECRET}\n", "ascii")
    with ExitStack() as stack:
        mail = Mail(folder / "mail")
        far_side = FarSide(stack, folder / "far", files, mail)
        way: dict[str, Any] = {
            **far_side.settings("secret", str(files.ca.relative_to(folder))),
            "destination": BRIDGE,
        }
        config: dict[str, Any] = {
            **mail.settings(folder),
            "transport": "fitconnect",
            "certificate_file": str(client.pkcs12.relative_to(folder)),
            "password_file": str(client.password.relative_to(folder)),
            "fitconnect": way,
        }
        yield Bench(config=config, far_side=far_side, folder=folder)
