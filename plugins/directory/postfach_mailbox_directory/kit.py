"""The far side for the contract's tests: a root folder with one account."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postfach_mailbox.testkit import Bench
from postfach_mailbox_directory import CLOSED, MARKER
from postfach_mailbox_directory.letter import ANSWER, SEAL_NAME
from postfach_mailbox_directory.replies import ABOUT, REPLIES
from postfach_mailbox_directory.statuses import STATUSES

APART = (REPLIES, STATUSES)


class FarSide:
    """The folder, as a file server that is mounted or not."""

    account, unknown_id = "anna", "berta"
    application = "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"

    def __init__(self, root: Path) -> None:
        """Make the root with its marker and the account."""
        self._root = root
        (root / self.account).mkdir()
        self.up()

    @property
    def deposited(self) -> list[str]:
        """The keys of all letters, in the order in which they were written."""
        letters = [each for each in self._root.glob("[!.]*/[!.]*") if each.name not in APART]
        return [each.name for each in sorted(letters, key=lambda each: each.stat().st_mtime_ns)]

    def documents(self, key: str) -> list[str]:
        """Return the digests of a letter's documents, in the order of their names."""
        files = sorted(
            each
            for each in (self._root / self.account / key).iterdir()
            if each.name != ANSWER and not each.name.startswith(SEAL_NAME)
        )
        return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]

    def down(self) -> None:
        """Take the marker away, as when the file system is not mounted."""
        (self._root / MARKER).unlink()

    def up(self) -> None:
        """Put the marker there."""
        (self._root / MARKER).touch()

    def reply(self, key: str) -> None:
        """Let a reply with a document come back about a letter."""
        replies = self._root / self.account / REPLIES
        made = replies / ".making"
        made.mkdir(parents=True)
        (made / "proof.txt").write_bytes(b"what the recipient enclosed")
        about = {
            "about": key,
            "subject": "Re: notice",
            "text": "a reply",
            "documents": [{"filename": "proof.txt", "content_type": "text/plain"}],
        }
        (made / ABOUT).write_text(json.dumps(about), encoding="utf-8")
        made.rename(replies / f"reply-{key[:16]}")

    @property
    def statuses(self) -> list[str]:
        """The states that lie there, in the order in which they were written."""
        found = self._root.glob(f"[!.]*/{STATUSES}/*/*.json")
        files = sorted(found, key=lambda each: each.stat().st_mtime_ns)
        return [json.loads(each.read_text("utf-8"))["shown"]["status"] for each in files]

    def deleted(self, account: str) -> None:
        """Close an account."""
        (self._root / account / CLOSED).touch()


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Set up a root folder."""
    root = folder / "root"
    root.mkdir()
    yield Bench(config={"path": "root"}, far_side=FarSide(root), folder=folder)
