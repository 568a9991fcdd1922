"""BundID, FIT-Connect and MUK at their worst: all that is handed in balances.

While notices pass, all sandboxes answer wrongly, late or not at all, lose their answers after
storing, and are killed, as is the hub. Then everything is in order again. Whoever is in doubt at
the mailbox that cannot be asked waits for a person, who looks into it.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Self
from urllib.error import URLError

import pytest

from tests.flow.federal import (
    CLOSED,
    COMPANY,
    DELETED,
    DESTINATION,
    HIGH,
    LOW,
    Companies,
    Federal,
    Sandbox,
    hub_with,
)
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import Drop, drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
FAULTS = ("busy", "error", "away", "drop-before", "drop-after", "wrong-type", "slow")
STEPS = ("token", "destination", "key", "create", "attachment", "submit", "events", "delete")
MUK_STEPS = (COMPANY, "upload", "state")
# Of 20 notices: where they go, and how they must end where no one has to be asked.
KINDS = (
    *(("bundid", HIGH, "DEPOSITED"),) * 5,
    *(("bridged", HIGH, "DEPOSITED"),) * 4,
    *(("fitconnect", DESTINATION, "DEPOSITED"),) * 3,
    *(("muk", COMPANY, "DEPOSITED"),) * 4,
    ("bundid", DELETED, "FAILED"),
    ("bundid", LOW, "FAILED"),
    ("bridged", DELETED, "FAILED"),
    ("muk", CLOSED, "FAILED"),
)
OPEN = """
    SELECT count(*) AS n FROM notice WHERE state NOT IN ('DEPOSITED', 'FAILED', 'UNRESOLVED')
    AND NOT (state = 'IN_DOUBT' AND mailbox = 'bundid')
"""
DOUBT = "SELECT message_id, delivery_key FROM notice WHERE state = 'IN_DOUBT'"


def drops(count: int) -> list[Drop]:
    made = []
    for number in range(count):
        way, account, _ = KINDS[number % len(KINDS)]
        basis = "NONE" if way == "fitconnect" else "OZG9"
        stem = f"n{number:04}"
        made.append(drop(stem=stem, scheme=way, account=account, legal_basis=basis))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """All that is beyond the hub."""

    federal: Federal
    companies: Companies

    @property
    def requests(self) -> list[str]:
        """The keys of all that lies in mailboxes or was accepted by a destination."""
        return [*self.federal.requests(), *self.companies.requests()]

    @property
    def doors(self) -> tuple[tuple[Sandbox, int, tuple[str, ...]], ...]:
        """Where switches are turned: the sandbox, which of its ports, and for what."""
        return (
            (self.federal, 0, (HIGH,)),
            (self.federal, 1, STEPS),
            (self.companies, 0, MUK_STEPS),
        )

    def kill(self) -> None:
        """Kill all."""
        self.federal.kill()
        self.companies.kill()

    def start(self) -> Self:
        """Start what does not run."""
        for each in (self.federal, self.companies):
            if each.process is None:
                each.start()
        return self


@contextmanager
def at_its_worst(others: Others, dice: random.Random) -> Iterator[Counter[str]]:
    """Turn a switch several times a second, until it ends; then all are good."""
    end, turned = threading.Event(), Counter[str]()

    def turn() -> None:
        (sandbox, port, accounts), do = dice.choice(others.doors), dice.choice(FAULTS)
        account = dice.choice(accounts)
        sandbox.post(port, "/switch", account=account, do=do, value="1", once="1")
        turned[f"{account} {do}"] += 1

    def turning() -> None:
        while not end.wait(dice.uniform(0.05, 0.25)):
            with suppress(URLError, OSError):  # it was just killed
                turn()

    thread = threading.Thread(target=turning)
    thread.start()
    try:
        yield turned
    finally:
        end.set()
        thread.join()
        for sandbox, port, _ in others.doors:
            sandbox.post(port, "/switch", account="*", do="good")


def badly(world: World, others: Others, made: list[Drop], turns: int) -> Counter[str]:
    """Hand all in and let everything fail meanwhile, then nothing; return what was switched."""
    dice = random.Random(len(made))
    with at_its_worst(others, dice) as turned:
        for turn in range(turns):
            world.put(*made[turn::turns])
            with world.service() as hub, suppress(TimeoutExpired):  # killed at its end
                hub.wait_for("accepted ")
                hub.process.wait(dice.uniform(2.0, 5.0))
                if turn % 2:
                    dice.choice((others.federal, others.companies)).kill()
                    hub.process.wait(dice.uniform(0.0, 1.0))
            others.start()
        with world.service() as hub:
            until(lambda: world.rows(OPEN)[0]["n"] < len(made) / 2, "half of it", 600)
            others.kill()
            others.start()
    with world.service() as hub:
        until(lambda: not world.rows(OPEN)[0]["n"], "all but the doubtful", 900)
        assert hub.stop() == 0
    return turned


def settle(world: World, others: Others) -> int:
    """Be the person who finds out what became of a notice in doubt; return of how many."""
    rows, there = world.rows(DOUBT), set(others.requests)
    for row in rows:
        became = "deposited" if row["delivery_key"] in there else "failed"
        world.hub("settle", row["message_id"], "--as", became, "--reason", "asked the operator")
    return len(rows)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("notices", "turns"),
    [(100, 2), pytest.param(10_000, 50, marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_whatever_fails_nothing_is_lost_doubled_or_said_wrongly(
    tmp_path: Path, notices: int, turns: int
) -> None:
    others = Others(
        federal=Federal(folder=tmp_path / "federal"),
        companies=Companies(folder=tmp_path / "companies"),
    ).start()
    try:
        tables = others.federal.tables() | others.companies.tables()
        world = hub_with(tmp_path / "hub", tables)
        # Each call that a kill cuts at the mailbox that cannot be asked is a person's work.
        world.configure("[mailboxes.bundid]", "[mailboxes.bundid]\nin_flight = 6")
        made = drops(notices)
        turned = badly(world, others, made, turns)
        assert sum(turned.values()) >= turns
        doubtful = settle(world, others)
        world.once()
        assert unbalanced(world, notices, elsewhere=others.requests) == []
        ended = {row[0]: row[1] for row in world.rows("SELECT delivery_key, state FROM notice")}
        wrong = [
            (each.stem, ended[delivery_key(each.message_id)])
            for number, each in enumerate(made)
            if ended[delivery_key(each.message_id)]
            not in (KINDS[number % len(KINDS)][2], "UNRESOLVED")
        ]
        assert wrong == []
        unresolved = Counter(ended.values())["UNRESOLVED"]
        assert unresolved == doubtful
        print(f"{notices} notices, {sum(turned.values())} faults, {doubtful} settled")  # noqa: T201
    finally:
        others.kill()
