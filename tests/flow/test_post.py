"""What no mailbox took goes to the post: once, and only that."""

from dataclasses import replace
from pathlib import Path

import pytest

from hub import schemas
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.moody import Moody
from tests.flow.papers import PDF, Paper, drop
from tests.flow.posting import LINES, receipt, with_post
from tests.flow.world import World, until

pytestmark = pytest.mark.slow
NAME = f"{{{schemas.NAMESPACE}}}"
JOB = "SELECT state, held_reason, erased_at FROM notice WHERE follows IS NOT NULL"


def test_a_failed_notice_is_posted_and_its_procedure_told_what_became_of_it(world: World) -> None:
    service = with_post(world)
    made = drop(Paper(), Paper(data=PDF * 3, filename="Plan.pdf"), account="carla", lines=LINES)
    world.put(made)
    world.once()
    assert world.outcomes(made.stem) == ["FAILED", "POSTED"]
    key = delivery_key(made.message_id)
    assert service.deposited == [key]
    assert service.documents(key) == [one.sha256 for one in (Paper(), Paper(data=PDF * 3))]
    assert tuple(world.rows(JOB)[0])[:2] == ("DEPOSITED", None)
    posted = receipt(world, made.stem, "POSTED")
    assert posted.find(f"{NAME}RelayedAt") is not None
    assert posted.find(f"{NAME}DepositedAt") is None
    assert posted.findtext(f"{NAME}Mailbox") == "carla"
    service.tell(key, "posted")
    service.tell(key, "undeliverable")
    with world.service() as hub:
        until(lambda: len(world.outcomes(made.stem)) == 4, "both results")
        assert hub.stop() == 0
    assert sorted(world.outcomes(made.stem)[2:]) == ["POSTED_ON", "UNDELIVERABLE"]
    back = receipt(world, made.stem, "UNDELIVERABLE")
    assert back.findtext(f"{NAME}Reason/{NAME}Code") == "UNDELIVERABLE"
    assert unbalanced(world, 1) == []
    assert [one for one in world.receipts().values() if b"Nachtigall" in one.data] == []


def test_a_result_that_is_told_twice_changes_nothing(world: World) -> None:
    service = with_post(world)
    made = drop(account="carla", lines=LINES)
    world.put(made)
    world.once()
    key = delivery_key(made.message_id)
    service.tell(key, "posted")
    world.once()
    service.tell(key, "posted")  # at another time, so another file
    world.once()
    assert world.outcomes(made.stem) == ["FAILED", "POSTED", "POSTED_ON"]
    assert world.rows("SELECT count(*) AS n FROM returned WHERE trouble IS NULL")[0]["n"] >= 1


def test_a_result_about_no_letter_is_a_case(world: World) -> None:
    service = with_post(world)
    made = drop(account="anna", lines=LINES)
    world.put(made)
    world.once()
    service.tell(delivery_key(made.message_id), "posted")  # of a notice that was deposited
    service.tell("0" * 64, "posted")
    world.once()
    assert world.outcomes(made.stem) == ["DEPOSITED"]
    assert [row["trouble"] for row in world.rows("SELECT trouble FROM returned")] == [
        "NOTICE_UNKNOWN"
    ] * 2


def test_only_where_the_tenant_says_so(world: World) -> None:
    service = with_post(world)
    world.configure('postal = "print"\n', "")
    made = drop(account="carla", lines=LINES)
    world.put(drop(account="anna", lines=LINES), made)
    world.once()
    assert world.outcomes(made.stem) == ["FAILED"]
    assert service.deposited == []
    assert world.rows(JOB) == []


def test_a_result_about_a_letter_that_was_never_handed_over_is_a_case(world: World) -> None:
    service = with_post(world)
    made = drop(account="carla")  # without an address: its job is held
    world.put(made)
    world.once()
    service.tell(delivery_key(made.message_id), "posted")
    world.once()
    assert world.outcomes(made.stem) == ["FAILED"]
    assert [row["trouble"] for row in world.rows("SELECT trouble FROM returned")] == ["NOT_POSTED"]
    assert "a letter that was never handed to it" in world.hub("list", "--cases").stdout


@pytest.mark.parametrize(("mood", "state"), [("unknown", "UNRESOLVED"), ("held", "HELD")])
def test_what_may_be_in_the_mailbox_is_never_posted_by_itself(
    moody: Moody, mood: str, state: str
) -> None:
    world = moody(mood, give_up="1s")
    service = with_post(world)
    made = drop(scheme="moody", account="anna", lines=LINES)
    world.put(made)
    until(
        lambda: (
            world.once() is not None and world.rows("SELECT state FROM notice")[0]["state"] == state
        ),
        state,
    )
    if state == "UNRESOLVED":  # nor when a person says that it failed: then a person posts it
        world.hub("settle", made.message_id, "--as", "failed", "--reason", "looked")
        world.once()
        assert world.outcomes(made.stem)[-2:] == ["UNRESOLVED", "SETTLED"]
    assert service.deposited == []
    assert world.rows(JOB) == []


def test_a_test_notice_is_never_posted_for_real(world: World) -> None:
    service = with_post(world)
    world.configure('scheme = "citizens"\n', 'scheme = "citizens"\nsandbox = true\n')
    made = drop(account="carla", lines=LINES)
    envelope = made.envelope.replace(
        b"</PostalAddress>", b"</PostalAddress><TestNotice>true</TestNotice>"
    )
    world.put(replace(made, envelope=envelope))
    world.once()
    assert world.outcomes(made.stem) == ["FAILED"]
    assert service.deposited == []
    assert world.rows(JOB) == []


def test_a_mailbox_is_no_relay(world: World) -> None:
    with_post(world)
    world.configure('postal = "print"\n', 'postal = "archive"\n')
    world.configure('mailboxes = ["archive", "citizens"]', 'mailboxes = ["citizens"]')
    made = drop(account="carla", lines=LINES)
    world.put(made)
    world.once()
    assert tuple(world.rows(JOB)[0])[:2] == ("HELD", "relay")
    assert "archive, which is a mailbox and no relay" in world.hub("doctor", code=78).stdout


def test_nobody_hands_in_for_a_relay(world: World) -> None:
    with_post(world)
    world.configure('mailboxes = ["archive", "citizens"]', 'mailboxes = ["citizens", "print"]')
    world.configure('postal = "print"\n', "")
    made = drop(scheme="postal", account="carla", lines=LINES)
    world.put(made)
    world.once()
    assert [one.refusal for one in world.receipts(made.stem).values()] == ["MailboxRefused"]


def test_a_print_service_that_is_away_gets_it_when_it_is_back(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub", payload="1s")
    service = with_post(world)
    service.down()
    made = drop(account="carla", lines=LINES)
    world.put(made)
    world.once()
    assert world.outcomes(made.stem) == ["FAILED"]
    assert world.rows(JOB)[0]["state"] == "DEFERRED"
    failed = "SELECT erased_at FROM notice WHERE follows IS NULL"
    until(
        lambda: world.once() is not None and world.rows(failed)[0]["erased_at"] is not None,
        "the notice's own payload erased",
    )
    service.up()
    world.hub("retry", made.message_id)
    until(lambda: world.once() is not None and bool(service.deposited), "the letter")
    assert service.deposited == [delivery_key(made.message_id)]
    assert world.outcomes(made.stem) == ["FAILED", "POSTED"]


def test_what_was_posted_is_forgotten(world: World) -> None:
    with_post(world)
    made = drop(account="carla", lines=LINES)
    world.put(made)
    world.once()
    assert world.rows(JOB)[0]["erased_at"] is None
    world.once()
    assert world.rows(JOB)[0]["erased_at"] is not None
    assert world.rows("SELECT key_wrapped FROM notice WHERE follows IS NOT NULL")[0][0] is None
    assert unbalanced(world, 1) == []


def test_what_is_not_printed_is_told(world: World) -> None:
    service = with_post(world)
    made = drop(
        Paper(data=b"<x/>", filename="x.xml", content_type="application/xml"),
        account="carla",
        lines=LINES,
    )
    world.put(made)
    world.once()
    assert world.outcomes(made.stem) == ["FAILED", "UNDELIVERABLE"]
    assert service.deposited == []
    service.tell(delivery_key(made.message_id), "posted")  # which it cannot have been
    world.once()
    assert world.outcomes(made.stem) == ["FAILED", "UNDELIVERABLE"]
    assert [row["trouble"] for row in world.rows("SELECT trouble FROM returned")] == ["NOT_POSTED"]
    assert unbalanced(world, 1) == []
