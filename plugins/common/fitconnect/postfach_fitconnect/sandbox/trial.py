"""The sandbox served for tests, and a client who makes valid submissions to it."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from postfach_fitconnect.sandbox.app import TOKEN, serving
from postfach_fitconnect.sandbox.attempt import Attempt, Line
from postfach_fitconnect.sandbox.granting import Client
from postfach_fitconnect.sandbox.keyring import Keyring
from postfach_fitconnect.sandbox.platform import ACTIVE, DESTINATIONS, Platform
from postfach_fitconnect.sandbox.receiving import Destination
from postfach_sandbox import ca

BITS: Final = 3072  # less is not taken
CLIENT: Final = "authority"
OTHER_CLIENT: Final = "another"
SECRET: Final = "not-a-secret"  # noqa: S105  # everyone may know it
CLIENTS: Final = {
    CLIENT: Client(secret=SECRET, scopes=frozenset({"send", "receive"})),
    OTHER_CLIENT: Client(secret=SECRET),
}


@functools.cache
def keyring() -> Keyring:
    """Return keys that are made once: making them is slow."""
    return Keyring(bits=BITS)


@functools.cache
def certificates() -> ca.Certificates:
    """Return certificates that are made once."""
    return ca.issue((), bits=2048)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A served sandbox; `secret_file` holds the secret of CLIENT."""

    platform: Platform
    files: ca.Files
    secret_file: Path
    port: int
    url: str

    @property
    def line(self) -> Line:
        """Requests to it."""
        return Line(self.port, self.files.ca)

    @property
    def settings(self) -> dict[str, str]:
        """What a client's table in hub.toml must say."""
        return {
            "submission_url": self.url,
            "token_url": f"{self.url}{TOKEN}",
            "client_id": CLIENT,
            "secret_file": str(self.secret_file),
            "issuer": self.platform.issuer,
            "ca_file": str(self.files.ca),
        }

    def attempt(self, destination: str = ACTIVE, client: str = CLIENT) -> Attempt:
        """Begin a valid submission."""
        granted = self.platform.grants.grant(
            "application/x-www-form-urlencoded",
            f"grant_type=client_credentials&client_id={client}&client_secret={SECRET}".encode(),
        )
        jwk = self.platform.keyring.encryption(destination).jwk
        return Attempt(self.line, str(granted["access_token"]), destination, jwk)


@contextmanager
def trying(
    folder: Path,
    destinations: Mapping[str, Destination] = DESTINATIONS,
    *,
    port: int = 0,
    accept_after: float | None = 0.0,
) -> Iterator[Trial]:
    """Serve over TLS; `folder` keeps all, also for the next time."""
    files = certificates().write(folder / "certificates")
    secret_file = folder / "secret"
    secret_file.write_text(f"{SECRET}\n", "ascii")
    platform = Platform(
        folder,
        clients=CLIENTS,
        destinations=destinations,
        keyring=keyring(),
        accept_after=accept_after,
    )
    with serving(platform, files, port=port) as served:
        yield Trial(
            platform=platform,
            files=files,
            secret_file=secret_file,
            port=served.port,
            url=served.url,
        )
