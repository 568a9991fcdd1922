"""The far side of the fake, for tests: everything that the kit's protocols ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postfach_mailbox.testkit.bench import Bench
from postfach_mailbox.testkit.fake.store import Store


class Moods:
    """What the fake can be told to be; each is in its file, so it counts in every process."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)

    def down(self) -> None:
        """Be away."""
        self._store.mood("down", 1)

    def up(self) -> None:
        """Be there again."""
        self._store.mood("down", 0)

    def slow(self, seconds: float) -> None:
        """Answer each deposit after so many seconds; it is stored at once."""
        self._store.mood("slow", seconds)

    def lose_next_answer(self) -> None:
        """Store the next notice, and do not answer."""
        self._store.mood("lose", 1)

    def busy(self, retry_after: float) -> None:
        """Turn everything away for so many seconds."""
        self._store.mood("busy", retry_after)

    def wrong_credentials(self) -> None:
        """Take the plugin for a stranger."""
        self._store.mood("locked", 1)

    def deleted(self, account: str) -> None:
        """Close an account."""
        self._store.account(account, "deleted")


class FakeFarSide(Moods):
    """The far side of the fake in a folder, with the account `anna`."""

    account = "anna"
    unknown_id = "nobody"
    application = "application"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._store.account(self.account, "active")

    @property
    def deposited(self) -> list[str]:
        """The keys of all deposits, in their order."""
        return [key for key, _ in self._store.letters()]

    @property
    def statuses(self) -> list[str]:
        """The states of applications that it was told."""
        return [value for _, value, _ in self._store.told("status")]

    def documents(self, key: str) -> list[str]:
        """Return the SHA-256 of each document."""
        return dict(self._store.letters())[key]

    def confirm(self, key: str) -> None:
        """Confirm a deposit."""
        self._store.judge(key, "confirmed")

    def turn_down(self, key: str) -> None:
        """Refuse a deposit that was taken."""
        self._store.judge(key, "refused")

    def reply(self, key: str) -> None:
        """Let a reply come back."""
        self._store.add("reply", key)


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Set up a fake that is idempotent, for the kit's tests."""
    config = {"path": str(folder), "repeat": "IDEMPOTENT"}
    yield Bench(config=config, far_side=FakeFarSide(folder), folder=folder)
