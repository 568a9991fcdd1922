"""The sandbox served for tests, and a sender who makes valid requests to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from postfach_mailbox_bundid.sandbox.app import serving
from postfach_mailbox_bundid.sandbox.attempt import Attempt, Heard
from postfach_mailbox_bundid.sandbox.service import SUBSTANTIAL, Service
from postfach_sandbox import ca

SENDER: Final = "authority"  # CN of the sender who is registered
OTHER: Final = "unregistered"  # CN of one who is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A served sandbox."""

    service: Service
    certificates: ca.Certificates
    files: ca.Files
    port: int

    def message(self) -> Attempt:
        """Begin a valid message."""
        return Attempt(self.certificates.clients[SENDER], SUBSTANTIAL)

    def state(self, application: str) -> Attempt:
        """Begin a valid state."""
        return Attempt.state(self.certificates.clients[SENDER], application)

    def send(self, attempt: Attempt) -> Heard:
        """Send a message as the registered sender."""
        return attempt.send(self.port, self.files.ca, self.files.clients[SENDER].pem)

    def send_state(self, attempt: Attempt) -> Heard:
        """Send a state as the registered sender."""
        return attempt.send_state(self.port, self.files.ca, self.files.clients[SENDER].pem)


@contextmanager
def trying(folder: Path, certificates: ca.Certificates) -> Iterator[Desk]:
    """Serve over TLS; the certificates were issued for SENDER and OTHER, folder keeps the rest."""
    files = certificates.write(folder / "certificates")
    service = Service(
        folder / "arrived",
        senders=frozenset({SENDER}),
        authority=certificates.authority.issued.certificate,
    )
    with serving(service, files) as served:
        yield Desk(service=service, certificates=certificates, files=files, port=served.port)
