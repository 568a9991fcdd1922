"""The far side for the contract's tests: the sandbox, in this process, over TLS.

Named in pyproject.toml as entry point of the group `postfach.testkits`. Needs the extra `sandbox`.
Its destinations accept what `confirm` names, and nothing before.
"""

import functools
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from postfach_fitconnect.sandbox import (
    ACTIVE,
    UNKNOWN,
    Client,
    Handed,
    Platform,
    Record,
    State,
    farside,
)
from postfach_mailbox.testkit import Bench
from postfach_sandbox import ca

REPLY: Final = Handed(filename="antwort.pdf", content_type="application/pdf", data=b"%PDF-1.4 r")


@functools.cache
def certificates() -> ca.Certificates:
    """Return certificates that are made once."""
    return ca.issue((), bits=2048)


class FarSide(farside.Played):
    """The sandbox, as the kit plays with it."""

    account, unknown_id = ACTIVE, UNKNOWN

    @property
    def deposited(self) -> list[str]:
        """The keys of all that a destination has and found nothing wrong with, in their order."""
        return [self._key(each) for each in self._taken()]

    def documents(self, key: str) -> list[str]:
        """Return the digests of a deposit's documents, in their order, without the seal."""
        arrivals, number = self.platform.arrivals, str(self._of(key).arrival)
        files = sorted(arrivals.folder.joinpath(number).glob("file-*"))
        return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files[:-1]]

    def deleted(self, account: str) -> None:
        """Give a destination up."""
        self.platform.switches.turn(account, "closed")

    def wrong_credentials(self) -> None:
        """Know another secret, and no token any more."""
        self.platform.grants.clients[farside.CLIENT] = Client(secret="another")  # noqa: S106
        self.platform.grants.forget()

    def confirm(self, key: str) -> None:
        """Let its destination accept a submission."""
        self.platform.decider.accept(self._of(key).id)

    def turn_down(self, key: str) -> None:
        """Let its destination reject a submission."""
        self.platform.decider.reject(self._of(key).id, "malware")

    def reply(self, key: str) -> None:
        """Let its destination reply to a submission, with a document."""
        self.platform.replies.send(self._of(key).id, b'{"text":"a"}', [REPLY], "Antwort")

    def _taken(self) -> list[Record]:
        found = self.platform.in_state(State.SUBMITTED, State.ACCEPTED)
        opened = [each for each in found if each.arrival and not each.findings]
        return sorted(opened, key=lambda each: str(each.arrival))

    def _of(self, key: str) -> Record:
        (found,) = [each for each in self._taken() if self._key(each) == key]
        return found

    def _key(self, record: Record) -> str:
        data = json.loads(self.platform.arrivals.read(str(record.arrival), "data.json"))
        return str(data["key"])


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Set up the sandbox, the client's secret, and a key for replies."""
    files = certificates().write(folder / "certificates")
    platform = Platform(
        folder / "sandbox",
        clients=farside.CLIENTS,
        keyring=farside.keyring(),
        accept_after=None,
    )
    (folder / "secret").write_text(f"{farside.SECRET}\n", "ascii")
    key = farside.keyring().encryption("the hub's own").key
    (folder / "reply.pem").write_bytes(key.as_pem(private=True))
    with ExitStack() as stack:
        far_side = FarSide(stack, platform, files)
        config = far_side.settings("secret", str(files.ca.relative_to(folder)))
        yield Bench(
            config={**config, "reply_key_file": "reply.pem"}, far_side=far_side, folder=folder
        )
