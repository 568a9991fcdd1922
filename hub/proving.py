"""Whether the evidence log is whole, and each receipt stands in it: `hub evidence verify`.

Read in one snapshot, beside a running hub; a commit at a time in memory. A chain that was written
anew from its beginning, or cut at its end, shows only against a head that was kept elsewhere.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from hub.evidence import Commit, Finding, Head, check_chain
from hub.journal import Journal, soundness
from hub.journal.proof import Log
from hub.journal.tables import entry

MOST = 100  # findings that are told one by one
TAKEN = "receipt.taken"
TOLD = 50_000  # commits between two words of progress
_NAMED = re.compile(rb"<LogEntry[^>]*>([0-9a-f]{64})</LogEntry>")


@dataclass(slots=True, kw_only=True)  # counted as the log is read
class Proof:
    """What was read, and what does not hold.

    head: of the last commit; kept elsewhere, it proves all up to it later
    findings: the first of them; wrong: how many there are
    """

    entries: int = 0
    commits: int = 0
    receipts: int = 0
    first: datetime | None = None
    last: datetime | None = None
    head: Head | None = None
    wrong: int = 0
    findings: list[str] = field(default_factory=list)

    def find(self, what: str) -> None:
        """Note something that does not hold."""
        self.wrong += 1
        if len(self.findings) < MOST:
            self.findings.append(what)


def prove(journal: Journal, end: Head | None, told: Callable[[int], None]) -> Proof:
    """Check the log and the receipts.

    end: a head known to be true; told: is called with the number of commits, now and then
    Raises StorageFailed.
    """
    made = Proof()
    with journal.read() as connection:
        log = Log(connection=connection)
        try:
            for finding in check_chain(_counted(log, made, told), end=end):
                made.find(_shown(finding))
        except (ValueError, TypeError):  # a time, or bytes, that nobody can have written so
            made.find(f"after commit {made.commits}: what is stored cannot be read")
            return made
        if strange := log.outside():
            made.find(f"{strange} entries belong to no commit")
        for one in soundness.unsound(connection, entry):
            columns = ", ".join(one.columns)
            made.find(f"entry {one.row} of the journal: {columns} is not as it was written")
        _missing(log, made)
    return made


def _counted(log: Log, made: Proof, told: Callable[[int], None]) -> Iterator[Commit]:
    for commit in log.commits():
        made.commits, made.entries = made.commits + 1, made.entries + len(commit.entries)
        made.first, made.last = made.first or commit.at, commit.at
        made.head = Head(number=commit.number, link=commit.link)
        _see_receipts(log, commit, made)
        if made.commits % TOLD == 0:
            told(made.commits)
        yield commit


def _see_receipts(log: Log, commit: Commit, made: Proof) -> None:
    """Hold the receipts that a commit tells of against what they name."""
    issued = {
        found: _named(data) or digest
        for data, digest in commit.entries
        if (found := _receipt_of(data))
    }
    kept = log.receipts(issued) if issued else {}
    for name, digest in issued.items():
        named = _NAMED.search(kept.get(name, b""))
        if name not in kept:
            made.find(f"commit {commit.number}: receipt {name} is not there")
        elif named is None or named[1].decode("ascii") != digest:
            made.find(f"commit {commit.number}: receipt {name} names another entry than its own")
        else:
            made.receipts += 1


def _named(data: bytes) -> str | None:
    """Return the entry, of a lost log, that a receipt names which was found at a restore."""
    told = json.loads(data)
    return str(told["subject"].get("log_entry")) if told.get("kind") == "receipt.found" else None


def _missing(log: Log, made: Proof) -> None:
    """Find the receipts that no entry tells of, where the numbers differ."""
    there = log.count_receipts()
    if there == made.receipts:
        return
    known = {
        found
        for commit in log.commits()
        for data, _ in commit.entries
        if (found := _receipt_of(data))
    }
    for name in log.receipt_ids():
        if name not in known:
            made.find(f"receipt {name}: no entry of the log tells of it")


def _receipt_of(data: bytes) -> str | None:
    """Return the receipt that an entry was made with; one that was fetched only tells of it."""
    try:
        entry = json.loads(data)
        found = None if entry["kind"] == TAKEN else entry["subject"].get("receipt")
    # check_chain tells of it
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _shown(finding: Finding) -> str:
    place = f"commit {finding.commit}"
    if finding.entry is not None:
        place += f", entry {finding.entry + 1}"
    return f"{place}: {finding.what}"
