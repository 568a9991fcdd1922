"""Doubt that ends by a question, by bytes made once, or by a person: real hubs, real children."""

from pathlib import Path

import pytest

from hub import seal
from tests.flow import moody as moody_mailbox
from tests.flow.inventory import unbalanced
from tests.flow.moody import Moody, feel, lines, notice
from tests.flow.papers import drop
from tests.flow.world import World, until

pytestmark = pytest.mark.slow

ASKED = {"repeat": "QUERYABLE", "timeout": "1s"}
ATTEMPTS = "SELECT operation, outcome FROM attempt ORDER BY id"


def attempts(world: World) -> list[tuple[str, str]]:
    return [tuple(row) for row in world.rows(ATTEMPTS)]


@pytest.mark.parametrize("mood", ["once-lost", "once-die-late"])
def test_an_answer_lost_after_storing_is_asked_for_and_deposited_once(
    moody: Moody, mood: str
) -> None:
    world, one = moody(mood, ASKED), notice()
    world.put(one)
    with world.service() as hub:
        hub.wait_for(f"final {one.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert attempts(world) == [("deposit", "UNKNOWN"), ("reconcile", "DEPOSITED")]
    assert len(lines(world, "stored")) == 1
    assert world.outcomes("one") == ["ACCEPTED", "DEPOSITED"]
    assert unbalanced(world, 1) == []


def test_what_never_arrived_is_found_absent_and_goes_again(moody: Moody) -> None:
    world, one = moody("once-unknown", ASKED), notice()
    world.put(one)
    with world.service() as hub:
        hub.wait_for(f"final {one.message_id} DEPOSITED")
        assert hub.stop() == 0
    called = [("deposit", "UNKNOWN"), ("reconcile", "ABSENT"), ("deposit", "DEPOSITED")]
    assert attempts(world) == called
    assert len(lines(world, "stored")) == 1


def test_what_the_mailbox_took_is_asked_for_until_it_is_there(moody: Moody) -> None:
    world, one = moody("pending", {"confirms": "later"}), notice()
    world.put(one)
    with world.service() as hub:
        until(lambda: len(lines(world, "asked")) >= 2, "two questions")
        key = lines(world, "calls")[0].split()[0]
        (moody_mailbox.place(world) / "stored").write_text(f"{key}\n")
        feel(world, "good")
        hub.wait_for(f"final {one.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert len(lines(world, "calls")) == 1
    assert {line.split()[1] for line in lines(world, "asked")} == {"1"}


def test_a_question_survives_the_death_of_its_hub(moody: Moody) -> None:
    world, one = moody("pending", ASKED), notice()
    world.put(one)
    with world.service() as hub:
        until(lambda: len(lines(world, "asked")) >= 1, "a question")
        hub.kill()
    key = lines(world, "calls")[0].split()[0]
    (moody_mailbox.place(world) / "stored").write_text(f"{key}\n")
    feel(world, "good")
    with world.service() as hub:
        hub.wait_for(f"final {one.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert len(lines(world, "calls")) == 1


def test_bytes_made_by_an_older_version_are_sent_again_as_they_are(tmp_path: Path) -> None:
    python = tmp_path / "python"
    program = moody_mailbox.install(python)
    more = {"repeat": "IDEMPOTENT", "prepares": "true"}
    world = moody_mailbox.make(tmp_path / "hub", program, "deferred", more)
    first, second = notice("first"), notice("second")
    world.put(first)
    world.once()
    moody_mailbox.release(python, "1.1")
    feel(world, "good")
    world.put(second)
    with world.service() as hub:
        hub.wait_for(f"final {first.message_id} DEPOSITED")
        hub.wait_for(f"final {second.message_id} DEPOSITED")
        assert hub.stop() == 0
    sent = lines(world, "sent")
    old = [line for line in sent if line.startswith("1.0 ")]
    new = [line for line in sent if line.startswith("1.1 ")]
    assert (len(set(old)), len(new)) == (1, 1)
    assert len(old) >= 2


def test_a_person_settles_what_nobody_can_tell(moody: Moody) -> None:
    world, one = moody("once-unknown"), notice()
    world.put(one)
    world.once()
    assert one.message_id in world.hub("list", "--cases").stdout
    decided = ("settle", one.message_id, "--as", "failed", "--reason", "the authority has no copy")
    world.hub(*decided)
    world.hub(*decided, code=65)
    world.once()
    assert world.outcomes("one") == ["ACCEPTED", "UNRESOLVED", "SETTLED"]
    *_, last = world.receipts("one").values()
    seal.verify(last.data, (world.folder / "keys" / "ca.pem",))
    assert world.hub("list", "--cases").stdout == ""
    assert world.outcomes("one") == ["ACCEPTED", "UNRESOLVED", "SETTLED"]


def test_a_paused_tenant_s_drops_stay_where_they_lie_and_go_on_later(moody: Moody) -> None:
    world, one = moody("good"), notice()
    world.once()
    world.hub("pause", "rostock")
    world.put(one)
    world.once()
    assert (world.procedure / "in" / "one.xml").exists()
    world.hub("resume", "rostock")
    world.once()
    assert world.outcomes("one") == ["DEPOSITED"]


def test_a_paused_mailbox_s_drops_are_taken_and_wait(moody: Moody) -> None:
    world = moody("good")
    world.once()
    world.hub("pause", "moody")
    world.put(notice(), drop(stem="other"))
    world.once()
    assert world.outcomes("one") == ["ACCEPTED"]
    assert world.outcomes("other") == ["DEPOSITED"]
    assert lines(world, "calls") == []
    world.hub("resume", "moody")
    world.once()
    assert world.outcomes("one") == ["ACCEPTED", "DEPOSITED"]


@pytest.mark.long
@pytest.mark.timeout(180)  # it dies several times, and stays away for 15 s after each but the first
def test_a_notice_that_kills_its_mailbox_is_held_and_the_others_go_on(moody: Moody) -> None:
    world, one = moody("die", {"repeat": "IDEMPOTENT"}), notice()
    world.put(one)
    with world.service() as hub:
        hub.wait_for("receipt rostock/bauamt/out/one.01.accepted.xml")
        until(
            lambda: "HELD" in world.hub("list", "--cases").stdout, "the end of its crashes", 120.0
        )
        feel(world, "good")
        other = notice("other")
        world.put(other)
        hub.wait_for(f"final {other.message_id} DEPOSITED")
        world.hub("release", one.message_id)
        hub.wait_for(f"final {one.message_id} DEPOSITED")
        assert hub.stop() == 0
