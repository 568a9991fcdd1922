import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from postfach_mailbox.testkit.fake import FakeMailbox
from postfach_mailbox.testkit.fake.store import Store


@dataclass(frozen=True)
class Defect:
    """A mailbox that breaks one rule.

    config: what else must be set for the rule to apply
    also: rules that cannot hold either where this one does not
    """

    rule: str
    mailbox: type[FakeMailbox]
    config: Mapping[str, str | bool] = field(default_factory=dict)
    also: tuple[str, ...] = ()


def drop(store: Store, key: str) -> None:
    """Take a deposit out of the fake's file."""
    with store._open() as database:
        database.execute("DELETE FROM letter WHERE key = ?", (key,))


def relabel(store: Store, key: str, digests: Sequence[str]) -> None:
    """Change what the fake's file says of a deposit's documents."""
    with store._open() as database:
        database.execute("UPDATE letter SET digests = ? WHERE key = ?", (json.dumps(digests), key))
