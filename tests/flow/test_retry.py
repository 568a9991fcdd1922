"""A mailbox that is away or closed: tried again as designed, and given up so, too."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.papers import drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow

ATTEMPTS = """
    SELECT n, started_at, ended_at, outcome, attempt.code AS code FROM attempt
    JOIN notice ON notice.id = notice_id WHERE message_id = ? ORDER BY n
"""
NOTICE = "SELECT * FROM notice WHERE message_id = ?"


def in_time(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def run_until(world: World, message_id: str, attempts: int) -> None:
    """Run the hub again and again until a notice was tried so often: the schedule's waits pass."""

    def tried() -> bool:
        world.once()
        return len(world.rows(ATTEMPTS, message_id)) >= attempts

    until(tried, f"{attempts} attempts")


def test_a_mailbox_away_for_three_attempts_and_back_gets_the_notice_once(world: World) -> None:
    waiting = drop(stem="waiting")
    world.mark("citizens", there=False)
    world.put(waiting)
    run_until(world, waiting.message_id, 3)  # each run is a restart: the schedule is the journal's
    assert world.outcomes("waiting") == ["ACCEPTED"]
    world.mark("citizens", there=True)
    run_until(world, waiting.message_id, 4)
    assert world.outcomes("waiting") == ["ACCEPTED", "DEPOSITED"]
    attempts = world.rows(ATTEMPTS, waiting.message_id)
    assert [row["outcome"] for row in attempts][-1] == "DEPOSITED"
    assert {row["outcome"] for row in attempts[:-1]} == {"DEFERRED"}
    accepted, deposited = world.receipts("waiting").values()
    assert len(deposited.attempts) == len(attempts) >= 4
    assert [at for at, _ in deposited.attempts] == sorted(at for at, _ in deposited.attempts)
    assert [code for _, code in accepted.attempts] == ["ENOENT"]
    assert len(world.letters()) == 1
    assert unbalanced(world, 1) == []


def test_the_schedule_survives_a_restart_and_is_not_hurried_by_it(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub", wait="3600")
    waiting = drop(stem="waiting")
    world.mark("citizens", there=False)
    world.put(waiting)
    world.once()
    (before,) = world.rows(NOTICE, waiting.message_id)
    world.mark("citizens", there=True)
    for _ in range(2):
        world.once()
    (after,) = world.rows(NOTICE, waiting.message_id)
    assert dict(after) == dict(before)
    assert after["due_at"] > after["accepted_at"]
    assert world.letters() == []
    world.hub("retry", waiting.message_id)
    world.once()
    assert world.outcomes("waiting") == ["ACCEPTED", "DEPOSITED"]


def test_a_closed_or_unknown_account_fails_at_once_and_the_next_notice_passes(world: World) -> None:
    world.put(
        drop(stem="closed", account="carla"),
        drop(stem="unknown", account="nobody"),
        drop(stem="good"),
    )
    world.once()
    (closed,), (unknown,) = world.receipts("closed").values(), world.receipts("unknown").values()
    assert (closed.outcome, closed.code) == ("FAILED", "RECIPIENT_DELETED")
    assert (unknown.outcome, unknown.code) == ("FAILED", "RECIPIENT_UNKNOWN")
    assert world.outcomes("good") == ["DEPOSITED"]
    assert unbalanced(world, 3) == []


def test_a_repeat_of_a_failed_notice_gets_the_failure_again(world: World) -> None:
    failed = drop(stem="closed", account="carla")
    world.put(failed)
    world.once()
    shutil.rmtree(world.folder / "var" / "mailboxes" / "citizens" / "carla")
    (world.folder / "var" / "mailboxes" / "citizens" / "carla").mkdir()
    world.put(failed)
    world.once()
    assert world.outcomes("closed") == ["FAILED"]
    assert world.letters() == []
    assert unbalanced(world, 2) == []


def test_a_notice_that_is_obsolete_before_its_mailbox_comes_back_fails(world: World) -> None:
    late = drop(stem="late", obsolete_after=in_time(10))
    world.mark("citizens", there=False)
    world.put(late)
    world.once()
    until(lambda: world.once() != "" and world.outcomes("late")[-1] == "FAILED", "the deadline")
    world.mark("citizens", there=True)
    world.once()
    *_, failed = world.receipts("late").values()
    assert (failed.outcome, failed.code) == ("FAILED", "GAVE_UP")
    assert len(failed.attempts) >= 1
    assert world.letters() == []
    assert unbalanced(world, 1) == []


def test_a_notice_is_given_up_after_the_configured_time(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub", give_up="1s")
    world.mark("citizens", there=False)
    world.put(drop(stem="late"))
    world.once()
    until(
        lambda: world.once() != "" and world.outcomes("late")[-1] == "FAILED", "the end of trying"
    )
    assert world.outcomes("late") == ["ACCEPTED", "FAILED"]
    assert unbalanced(world, 1) == []


def test_a_notice_waits_for_its_not_before(world: World) -> None:
    early = drop(stem="early", not_before=in_time(10))
    world.put(early)
    world.once()
    assert world.outcomes("early") == ["ACCEPTED"]
    assert world.letters() == []
    until(lambda: world.once() != "" and len(world.letters()) == 1, "the time named by NotBefore")
    (row,) = world.rows(NOTICE, early.message_id)
    (attempt,) = world.rows(ATTEMPTS, early.message_id)
    assert attempt["started_at"] >= row["not_before"]
    assert unbalanced(world, 1) == []


def test_accepted_receipts_are_written_always_or_never_as_configured(tmp_path: Path) -> None:
    found = {}
    for wish in ("always", "never"):
        world = World.make(tmp_path / wish, accepted=wish)
        world.put(drop(stem="good"))
        world.mark("archive", there=False)
        world.put(drop(stem="waiting", scheme="archive", account="registry"))
        world.once()
        found[wish] = (world.outcomes("good"), world.outcomes("waiting"))
    assert found == {
        "always": (["ACCEPTED", "DEPOSITED"], ["ACCEPTED"]),
        "never": (["DEPOSITED"], []),
    }
