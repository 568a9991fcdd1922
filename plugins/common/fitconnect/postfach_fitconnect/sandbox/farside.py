"""The sandbox as the contract's tests play with it: what the kits of several mailboxes share."""

import functools
from contextlib import ExitStack
from typing import Final, Protocol

from postfach_fitconnect.assumed import KEY_BITS_MIN
from postfach_fitconnect.sandbox.app import TOKEN, serving
from postfach_fitconnect.sandbox.granting import Client
from postfach_fitconnect.sandbox.keyring import Keyring
from postfach_fitconnect.sandbox.platform import Platform
from postfach_fitconnect.sandbox.switching import Step
from postfach_sandbox.ca import Files

CLIENT: Final = "authority"
SECRET: Final = "not-a-secret"  # noqa: S105  # everyone may know it
CLIENTS: Final = {CLIENT: Client(secret=SECRET)}


@functools.cache
def keyring() -> Keyring:
    """Return keys that are made once: making them is slow."""
    return Keyring(bits=KEY_BITS_MIN)


class Beside(Protocol):
    """What is away when the platform is, and there when it is."""

    def up(self) -> None:
        """Be there."""
        ...

    def down(self) -> None:
        """Be away."""
        ...


class Played:
    """A platform, served on a free port until `stack` ends it."""

    def __init__(self, stack: ExitStack, platform: Platform, files: Files, *beside: Beside) -> None:
        """Serve."""
        self.platform, self._files, self._stack, self.port = platform, files, stack, 0
        self._beside = beside
        self.up()

    def down(self) -> None:
        """Stop serving and break all connections."""
        self._stack.close()
        for each in self._beside:
            each.down()

    def up(self) -> None:
        """Serve, on the same port as before."""
        served = serving(self.platform, self._files, port=self.port)
        self.port = self._stack.enter_context(served).port
        for each in self._beside:
            each.up()

    def slow(self, seconds: float) -> None:
        """Take a submission at once, answer late."""
        self.platform.switches.turn(Step.SUBMIT, "slow" if seconds else "good", seconds)

    def lose_next_answer(self) -> None:
        """Take the next submission, then break the connection."""
        self.platform.switches.turn(Step.SUBMIT, "drop-after", once=True)

    def busy(self, retry_after: float) -> None:
        """Answer 429; 0: no more."""
        self.platform.switches.turn("*", "busy" if retry_after else "good", retry_after)

    def settings(self, secret_file: str, ca_file: str) -> dict[str, str]:
        """Return what a client's table in hub.toml must say."""
        url = f"https://127.0.0.1:{self.port}"
        return {
            "submission_url": url,
            "token_url": f"{url}{TOKEN}",
            "client_id": CLIENT,
            "secret_file": secret_file,
            "issuer": self.platform.issuer,
            "ca_file": ca_file,
        }
