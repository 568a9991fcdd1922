"""The citizens' mailboxes and FIT-Connect at their worst: all that is handed in balances.

While notices pass, both sandboxes answer wrongly, late or not at all, lose their answers after
storing, and are killed, as is the hub. Then everything is in order again. Whoever is in doubt at
the mailbox that cannot be asked waits for a person, who looks into it.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from urllib.error import URLError

import pytest

from tests.flow.federal import DELETED, DESTINATION, HIGH, LOW, Federal
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import Drop, drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
FAULTS = ("busy", "error", "away", "drop-before", "drop-after", "wrong-type", "slow")
STEPS = ("token", "destination", "key", "create", "attachment", "submit", "events", "delete")
# Of 20 notices: where they go, and how they must end where no one has to be asked.
KINDS = (
    *(("bundid", HIGH, "DEPOSITED"),) * 7,
    *(("bridged", HIGH, "DEPOSITED"),) * 6,
    *(("fitconnect", DESTINATION, "DEPOSITED"),) * 3,
    ("bundid", DELETED, "FAILED"),
    ("bundid", LOW, "FAILED"),
    ("bridged", DELETED, "FAILED"),
    ("bridged", LOW, "FAILED"),
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


@contextmanager
def at_its_worst(federal: Federal, dice: random.Random) -> Iterator[Counter[str]]:
    """Turn a switch several times a second, until it ends; then all are good."""
    end, turned = threading.Event(), Counter[str]()

    def turn() -> None:
        port, do = dice.randrange(2), dice.choice(FAULTS)
        account = dice.choice(STEPS) if port else HIGH
        federal.post(port, "/switch", account=account, do=do, value="1", once="1")
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
        for port in (0, 1):
            federal.post(port, "/switch", account="*", do="good")


def badly(world: World, federal: Federal, made: list[Drop], turns: int) -> Counter[str]:
    """Hand all in and let everything fail meanwhile, then nothing; return what was switched."""
    dice = random.Random(len(made))
    with at_its_worst(federal, dice) as turned:
        for turn in range(turns):
            world.put(*made[turn::turns])
            with world.service() as hub, suppress(TimeoutExpired):  # killed at its end
                hub.wait_for("accepted ")
                hub.process.wait(dice.uniform(2.0, 5.0))
                if turn % 2:
                    federal.kill()
                    hub.process.wait(dice.uniform(0.0, 1.0))
            if federal.process is None:
                federal.start()
        with world.service() as hub:
            until(lambda: world.rows(OPEN)[0]["n"] < len(made) / 2, "half of it", 600)
            federal.kill()
            federal.start()
    with world.service() as hub:
        until(lambda: not world.rows(OPEN)[0]["n"], "all but the doubtful", 900)
        assert hub.stop() == 0
    return turned


def settle(world: World, federal: Federal) -> int:
    """Be the person who finds out what became of a notice in doubt; return of how many."""
    rows, there = world.rows(DOUBT), set(federal.requests())
    for row in rows:
        became = "deposited" if row["delivery_key"] in there else "failed"
        world.hub("settle", row["message_id"], "--as", became, "--reason", "asked the operator")
    return len(rows)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("notices", "turns"),
    [(200, 3), pytest.param(5000, 50, marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_whatever_fails_nothing_is_lost_doubled_or_said_wrongly(
    tmp_path: Path, notices: int, turns: int
) -> None:
    federal = Federal(folder=tmp_path / "federal").start()
    try:
        world = federal.world(tmp_path / "hub", "bundid", "bridged", "fitconnect")
        # Each call that a kill cuts at the mailbox that cannot be asked is a person's work.
        world.configure("[mailboxes.bundid]", "[mailboxes.bundid]\nin_flight = 6")
        made = drops(notices)
        turned = badly(world, federal, made, turns)
        assert sum(turned.values()) >= turns
        doubtful = settle(world, federal)
        world.once()
        assert unbalanced(world, notices, elsewhere=federal.requests()) == []
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
        federal.kill()
