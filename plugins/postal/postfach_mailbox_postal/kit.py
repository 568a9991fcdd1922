"""The far side for the contract's tests: a print service that takes jobs out of its folder."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from postfach_mailbox.testkit import Bench
from postfach_mailbox_postal.folder import JOBS, MARKER
from postfach_mailbox_postal.results import RESULTS
from postfach_mailbox_postal.ticket import NAMESPACE

RESULT = """\
<PrintResults xmlns="{namespace}" version="1.0">
  <Result key="{key}" outcome="{outcome}" at="{at}"/>
</PrintResults>
"""


class PrintService:
    """The folder, and whoever prints what lies in it."""

    account, unknown_id = "somebody", "nobody"

    def __init__(self, root: Path, printed: Path) -> None:
        """Take both as they are; `printed`: where the service puts what it took."""
        self._root, self._printed = root, printed

    def set_up(self) -> "PrintService":
        """Make the folder with its marker."""
        self._root.mkdir()
        self._printed.mkdir()
        self.up()
        return self

    @property
    def deposited(self) -> list[str]:
        """The keys of all letters that it took, in their order; first it takes what lies there."""
        jobs = self._root / JOBS
        if jobs.is_dir():
            for job in sorted(jobs.iterdir(), key=lambda each: each.stat().st_mtime_ns):
                count = len(list(self._printed.iterdir()))
                shutil.move(job, self._printed / f"{count:06}-{job.name}")
        printed = sorted(self._printed.iterdir()) if self._printed.is_dir() else []
        return [each.name.partition("-")[2] for each in printed]

    def documents(self, key: str) -> list[str]:
        """Return the digests of a letter's documents, without the cover sheet."""
        if key not in self.deposited:
            raise LookupError("no such letter")
        (job,) = self._printed.glob(f"*-{key}")
        files = sorted(job.glob("*.pdf"))[1:]
        return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]

    def down(self) -> None:
        """Take the marker away, as when the file system is not mounted."""
        (self._root / MARKER).unlink()

    def up(self) -> None:
        """Put the marker there."""
        (self._root / MARKER).touch()

    def deleted(self, account: str) -> None:
        """Do nothing: the post has no accounts."""

    def reply(self, key: str) -> None:
        """Tell that a letter was posted."""
        self.tell(key, "posted")

    def tell(self, key: str, outcome: str) -> None:
        """Tell what became of a letter: posted, or undeliverable."""
        results = self._root / RESULTS
        results.mkdir(exist_ok=True)
        aside = results / f".{key}.xml"
        at = datetime.now(UTC).isoformat(timespec="seconds")
        text = RESULT.format(namespace=NAMESPACE, key=key, outcome=outcome, at=at)
        aside.write_text(text, encoding="utf-8")
        aside.rename(results / f"{outcome}-{key}.xml")


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Set up a print service's folder."""
    service = PrintService(folder / "print", folder / "printed").set_up()
    config = {"path": "print", "sender": "Amt, Postfach 1, 19048 Schwerin"}
    yield Bench(config=config, far_side=service, folder=folder)
