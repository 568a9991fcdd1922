"""A hub that is lost, and restored from a backup made amid its work: what must hold after it.

Mailboxes of each kind: folders, which are IDEMPOTENT; one that can be asked; one that can be
neither. They, and what a procedure fetched, are not lost with the hub.
"""

import json
import shutil
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.flow import moody as moody_mailbox
from tests.flow.inventory import delivery_key
from tests.flow.moody import Moody, lines
from tests.flow.papers import Drop, drop
from tests.flow.receipts import FINAL, Receipt, faults, read
from tests.flow.world import World

ASKED, NEITHER = "moody", "other"
PLACES = (("citizens", "anna"), ("citizens", "carla"), (ASKED, "anna"), (NEITHER, "anna"))
DOUBTFUL = "SELECT message_id, delivery_key FROM notice WHERE state IN ('IN_DOUBT', 'HELD')"


@dataclass(slots=True, kw_only=True)  # collects what a procedure does and fetches
class Drill:
    """A hub, and what its procedure handed in and fetched."""

    world: World
    handed: dict[str, Drop] = field(default_factory=dict)
    fetched: list[tuple[str, Receipt]] = field(default_factory=list)

    @classmethod
    def make(cls, moody: Moody, **settings: str) -> "Drill":
        """Make the hub; `carla`'s account is closed."""
        world = moody("good", {"repeat": "QUERYABLE", "timeout": "2s"}, **settings)
        moody_mailbox.add(world, NEITHER, "good", timeout="2s")
        return cls(world=world)

    def hand_in(self, name: str, count: int) -> list[Drop]:
        """Hand in notices to mailboxes of all kinds."""
        made = []
        for number in range(count):
            scheme, account = PLACES[number % len(PLACES)]
            made.append(drop(stem=f"{name}{number:03}", scheme=scheme, account=account))
        self.handed |= {one.message_id: one for one in made}
        self.world.put(*made)
        return made

    def fetch(self, names: Iterable[str]) -> None:
        """Take receipts as a procedure does: read, store, delete."""
        for name in names:
            path = self.world.procedure / "out" / name
            self.fetched.append((name, read(path)))
            path.unlink()

    def lose(self, *, vault: bool = True) -> None:
        """Lose the database, and the vault if told; what lies in mailboxes and spool stays."""
        var = self.world.folder / "var"
        for path in var.glob("hub.db*"):
            path.unlink()
        if vault:
            shutil.rmtree(var / "vault")

    def restore(self, backup: Path, *options: str) -> dict[str, Any]:
        """Put the backup back; return the report."""
        said = self.world.hub("restore", str(backup), "--json", *options).stdout
        report: dict[str, Any] = json.loads(said)
        return report

    def seen(self) -> list[tuple[str, Receipt]]:
        """Return all receipts that a procedure ever saw, and their names."""
        return [*self.fetched, *self.world.receipts().items()]

    def without_end(self) -> list[Drop]:
        """Return what was handed in and has no final receipt."""
        ended = {receipt.message_id for _, receipt in self.seen() if receipt.outcome in FINAL}
        return [one for message_id, one in self.handed.items() if message_id not in ended]

    def there(self) -> list[str]:
        """Return the keys of all that lies in mailboxes, each as often as it does."""
        found = [path.name for path in self.world.letters() if len(path.name) == 64]
        return [*found, *(line for name in (ASKED, NEITHER) for line in stored(self.world, name))]

    def settle(self) -> int:
        """Be the person who looks into the mailboxes; return how often that was needed."""
        there, rows = self.there(), self.world.rows(DOUBTFUL)
        for row in rows:
            became = "deposited" if row["delivery_key"] in there else "failed"
            self.world.hub("settle", row["message_id"], "--as", became, "--reason", "looked there")
        return len(rows)


def stored(world: World, name: str) -> list[str]:
    """Return the keys that a moody mailbox holds."""
    return lines(world, "stored", name)


def at_the_copy(backup: Path, statement: str) -> list[Any]:
    """Return what the database of a backup says."""
    with closing(sqlite3.connect(backup / "hub.db")) as database:
        return database.execute(statement).fetchall()


def wrong(drill: Drill) -> list[str]:
    """Return what may not be after a restore, when all is handed in again, worked and settled."""
    there = Counter(drill.there())
    return [
        *(f"{count} times in its mailbox: {key}" for key, count in there.items() if count > 1),
        *_notices(drill, there),
        *_receipts(drill, there),
        *(f"left: {path.name}" for path in (drill.world.procedure / ".claimed").rglob("*")),
    ]


def _notices(drill: Drill, there: Counter[str]) -> Iterator[str]:
    rows = {
        row["message_id"]: row for row in drill.world.rows("SELECT * FROM notice WHERE open = 0")
    }
    ended = {receipt.message_id for _, receipt in drill.seen() if receipt.outcome in FINAL}
    for message_id in drill.handed:
        if message_id not in rows and message_id not in ended:
            yield f"{message_id}: lost"
        elif message_id in rows:
            lies, state = there[delivery_key(message_id)], rows[message_id]["state"]
            if (state, bool(lies)) in (("DEPOSITED", False), ("FAILED", True)):
                yield f"{message_id}: {state}, and {lies} times in its mailbox"


def _receipts(drill: Drill, there: Counter[str]) -> Iterator[str]:
    trust = drill.world.folder / "keys" / "ca.pem"
    said, bytes_of = defaultdict[str, set[str]](set), defaultdict[str, set[bytes]](set)
    for name, receipt in drill.seen():
        bytes_of[name].add(receipt.data)
        yield from (f"{name}: {fault}" for fault in faults(receipt, trust))
        if receipt.outcome in FINAL:
            said[receipt.message_id or ""].add(receipt.outcome)
    yield from (
        f"{name}: other bytes than before" for name, each in bytes_of.items() if len(each) > 1
    )
    for message_id, outcomes in said.items():
        lies = delivery_key(message_id) in there
        if {"DEPOSITED", "FAILED"} <= outcomes:
            yield f"{message_id}: contradicting receipts {sorted(outcomes)}"
        if ("DEPOSITED" in outcomes and not lies) or ("FAILED" in outcomes and lies):
            yield f"{message_id}: {sorted(outcomes)}, and in its mailbox: {lies}"


def hand_in_again(drill: Drill, drops: Sequence[Drop]) -> None:
    """Hand in again, unchanged; what a lost hub had claimed lies no more in `in/`."""
    drill.world.put(*drops)
