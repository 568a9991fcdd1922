"""Letters that must not go yet, and what a person decides about them."""

import sqlite3
from contextlib import closing

import pytest

from tests.flow.answers import reply
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.papers import Drop, drop
from tests.flow.posting import LINES, receipt, with_post
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
JOB = "SELECT state, held_reason, erased_at FROM notice WHERE follows IS NOT NULL"


def contradict(world: World, made: Drop, how: str) -> None:
    """Let the mailbox say that it has a notice which has failed."""
    if how == "retrieved":
        carla = world.folder / "var" / "mailboxes" / "citizens" / "carla"
        reply(carla / "no-letter", kind="retrieval", about=delivery_key(made.message_id))
        return
    with closing(sqlite3.connect(world.folder / "var" / "hub.db")) as database, database:
        database.execute(
            "INSERT INTO late (notice_id, attempt_id, at, outcome)"
            " SELECT notice.id, attempt.id, attempt.ended_at, 'DEPOSITED' FROM notice"
            " JOIN attempt ON attempt.notice_id = notice.id WHERE follows IS NULL"
        )


@pytest.mark.parametrize("how", ["retrieved", "answered"])
@pytest.mark.parametrize("settled_as", ["deposited", "failed"])
def test_a_late_confirmation_holds_the_job_until_a_person_decides(
    world: World, how: str, settled_as: str
) -> None:
    service = with_post(world)
    service.down()
    made = drop(account="carla", lines=LINES)
    world.put(made)
    world.once()
    contradict(world, made, how)
    world.once()  # the item is fetched
    service.up()
    held = ("HELD", "late")
    until(lambda: world.once() is not None and tuple(world.rows(JOB)[0])[:2] == held, "the hold")
    assert service.deposited == []
    cases = world.hub("list", "--cases").stdout
    assert "it is not posted, since its mailbox seems to have it after all" in cases
    if how == "retrieved":
        world.hub("close", "1")
    world.hub("settle", made.message_id, "--as", settled_as, "--reason", "asked the mailbox")
    world.once()
    ended = {"deposited": "UNDELIVERABLE", "failed": "POSTED"}[settled_as]
    assert world.outcomes(made.stem) == ["FAILED", ended]
    assert len(service.deposited) == (settled_as == "failed")
    assert "0 cases" in world.hub("list", "--cases").stderr
    assert unbalanced(world, 1) == []


def test_what_is_at_the_print_service_is_not_taken_off_it(world: World) -> None:
    with_post(world)
    made = drop(account="carla", lines=LINES)
    world.put(made)
    world.once()
    contradict(world, made, "answered")
    said = world.hub("settle", made.message_id, "--as", "deposited", "--reason", "asked")
    assert "late answers closed: 1" in said.stdout
    assert world.outcomes(made.stem) == ["FAILED", "POSTED"]


def test_what_may_be_at_the_print_service_is_not_said_to_be_taken_off_it(world: World) -> None:
    service = with_post(world)
    service.down()
    made = drop(account="carla", lines=LINES)
    world.put(made)
    world.once()
    contradict(world, made, "answered")
    with closing(sqlite3.connect(world.folder / "var" / "hub.db")) as database, database:
        database.execute("UPDATE notice SET state = 'IN_DOUBT' WHERE follows IS NOT NULL")
    settle = ("settle", made.message_id, "--as", "deposited", "--reason", "asked")
    assert "may be at the print service" in world.hub(*settle, code=75).stderr
    assert world.outcomes(made.stem) == ["FAILED"]


def test_a_notice_without_an_address_waits_for_a_person_who_ends_its_job(world: World) -> None:
    service = with_post(world)
    made = drop(account="carla")
    world.put(made)
    world.once()
    assert world.outcomes(made.stem) == ["FAILED"]
    assert tuple(world.rows(JOB)[0])[:2] == ("HELD", "address")
    assert "no postal address" in world.hub("list", "--cases").stdout
    assert "HELD" in world.hub("status", made.message_id).stdout
    world.hub("settle", made.message_id, "--as", "failed", "--reason", "by messenger")
    world.once()
    assert world.outcomes(made.stem) == ["FAILED", "UNDELIVERABLE"]
    told = receipt(world, made.stem, "UNDELIVERABLE")
    assert told.findtext("{*}Reason/{*}Code") == "NOT_POSTED"
    assert "0 cases" in world.hub("list", "--cases").stderr
    assert service.deposited == []
    assert unbalanced(world, 1) == []


def test_a_person_may_take_a_letter_off_the_post_that_waits_there(world: World) -> None:
    service = with_post(world)
    service.down()
    made = drop(account="carla", lines=LINES)
    world.put(made)
    world.once()
    tables = (world.folder / "hub.toml").read_text("utf-8")
    gone = tables.replace('postal = "print"\n', "").partition("[mailboxes.print]")
    rest = gone[2].partition("[mailboxes.archive]")
    (world.folder / "hub.toml").write_text(gone[0] + rest[1] + rest[2], "utf-8")
    assert "its relay to the post, print, is not in" in world.hub("list", "--cases").stdout
    world.hub("settle", made.message_id, "--as", "failed", "--reason", "by messenger")
    world.once()
    assert world.outcomes(made.stem) == ["FAILED", "UNDELIVERABLE"]
    assert service.deposited == []
    assert unbalanced(world, 1) == []
