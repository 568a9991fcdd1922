"""Mailboxes that hold, keep silent, die or answer late: what is in doubt is never sent blindly."""

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.moody import Moody, add, feel, lines, notice
from tests.flow.papers import drop

pytestmark = pytest.mark.slow

UNSURE = ("unknown", "raise", "die", "pending")
STATE = "SELECT state, held_from FROM notice WHERE mailbox = ?"
ATTEMPTS = "SELECT outcome FROM attempt ORDER BY id"


def test_a_mailbox_out_of_order_holds_its_notices_and_they_go_on_when_it_is_up(
    moody: Moody,
) -> None:
    world = moody("held")
    first, second = notice("first"), notice("second")
    world.put(first)
    with world.service() as hub:
        hub.wait_for("receipt rostock/bauamt/out/first.01.accepted.xml")
        world.put(second, drop(stem="other"))
        hub.wait_for("receipt rostock/bauamt/out/other.01.deposited.xml")
        hub.wait_for("receipt rostock/bauamt/out/second.01.accepted.xml")
        assert len(lines(world, "calls")) == 1  # no second one to a mailbox that is out of order
        feel(world, "good")
        hub.wait_for(f"final {first.message_id} DEPOSITED")
        hub.wait_for(f"final {second.message_id} DEPOSITED")
        assert hub.stop() == 0
    assert world.outcomes("first") == world.outcomes("second") == ["ACCEPTED", "DEPOSITED"]
    assert len(lines(world, "stored")) == 2


def test_what_is_held_survives_a_restart(moody: Moody) -> None:
    world = moody("held")
    world.put(notice())
    world.once()
    world.once()
    (row,) = world.rows(STATE, "moody")
    assert tuple(row) == ("HELD", "SEALED")
    feel(world, "good")
    with world.service() as hub:
        hub.wait_for("final ")
        assert hub.stop() == 0
    assert world.outcomes("one") == ["ACCEPTED", "DEPOSITED"]


def test_a_single_run_waits_for_a_mailbox_s_word_that_it_is_in_order(moody: Moody) -> None:
    world = moody("held")
    world.put(notice())
    world.once()
    feel(world, "slow-to-say")
    world.once()
    assert world.outcomes("one") == ["ACCEPTED", "DEPOSITED"]


def test_a_single_run_waits_for_a_process_that_starts_again(moody: Moody) -> None:
    world = moody("once-die", {"repeat": "IDEMPOTENT"})
    world.put(notice())
    world.once()
    assert world.outcomes("one") == ["ACCEPTED", "DEPOSITED"]


def test_in_doubt_at_a_mailbox_that_cannot_be_asked_nothing_is_sent_again(moody: Moody) -> None:
    world = moody(give_up="12s")
    notices = {mood: notice(mood, mood) for mood in UNSURE}
    for mood in UNSURE:
        add(world, mood, f"once-{mood}")
    world.put(*notices.values())
    with world.service() as hub:
        for mood, one in notices.items():
            hub.wait_for(f"receipt rostock/bauamt/out/{mood}.01.accepted.xml")
            (row,) = world.rows(STATE, mood)
            assert row["state"] == ("PENDING" if mood == "pending" else "IN_DOUBT")
            world.hub("retry", one.message_id, code=65)
        for one in notices.values():
            hub.wait_for(f"final {one.message_id} UNRESOLVED")
        assert hub.stop() == 0
    for mood in UNSURE:
        assert len(lines(world, "calls", mood)) == 1
        *_, last = world.receipts(mood).values()
        assert (last.outcome, last.code) == ("UNRESOLVED", "OUTCOME_UNKNOWN")


@pytest.mark.parametrize("mood", ["unknown", "raise", "die"])
def test_in_doubt_an_idempotent_mailbox_gets_the_same_key_and_bytes_at_once(
    moody: Moody, mood: str
) -> None:
    world = moody(f"once-{mood}", {"repeat": "IDEMPOTENT"}, wait="3600")
    one = notice()
    world.put(one)
    with world.service() as hub:
        hub.wait_for(f"final {one.message_id} DEPOSITED")
        assert hub.stop() == 0
    first, second = lines(world, "calls")
    assert first == second
    assert [row["outcome"] for row in world.rows(ATTEMPTS)] == ["UNKNOWN", "DEPOSITED"]
    assert world.outcomes("one")[-1] == "DEPOSITED"


def test_what_a_mailbox_fails_with_stands_in_no_log(moody: Moody) -> None:
    world = moody("once-raise", give_up="6s")
    world.put(drop(stem="one", scheme="moody", account="anna", subject="canary-5b1c"))
    with world.service() as hub:
        hub.wait_for("receipt ")
        assert hub.stop() == 0
    assert "canary" not in (world.folder / "log").read_text()
    assert b"canary" not in b"".join(each.data for each in world.receipts().values())


def test_a_mailbox_that_never_started_holds_its_notices_until_it_is_mended(moody: Moody) -> None:
    world = moody("good")
    world.configure('plugin = "moody"', 'plugin = "moodless"')
    world.put(notice(), drop(stem="other"))
    world.once()
    assert world.outcomes("one") == ["ACCEPTED"]
    assert world.outcomes("other") == ["DEPOSITED"]
    (held,) = world.rows(STATE, "moody")
    assert held["state"] == "HELD"
    world.configure('plugin = "moodless"', 'plugin = "moody"')
    world.once()
    assert world.outcomes("one")[-1] == "DEPOSITED"
    assert unbalanced(world, 2) == []
