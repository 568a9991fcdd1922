"""The state of an application: handed in as a notice is, shown in order, answered by receipts."""

import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.inventory import unbalanced
from tests.flow.papers import drop, status_drop
from tests.flow.world import World, statuses

pytestmark = pytest.mark.slow

APPLICATION = "0b6e8f52-3a0e-4d63-9a3b-6f2f0c1d7e05"
IN_ORDER = ("INITIATED", "SUBMITTED", "RECEIVED", "PROCESSING", "ACTION_REQUIRED", "COMPLETED")


def shown(world: World, application: str = APPLICATION) -> list[str]:
    """Return the states of the application in the order in which the mailbox got them."""
    files = sorted(statuses(world), key=lambda path: path.stat().st_mtime_ns)
    stored = [json.loads(path.read_text("utf-8"))["shown"] for path in files]
    return [one["status"] for one in stored if one["application_id"] == application]


def test_the_states_of_an_application_are_shown_in_their_order(world: World) -> None:
    states = [status_drop(status, n, APPLICATION) for n, status in enumerate(IN_ORDER)]
    world.put(*reversed(states))  # one scan finds them all: their times say the order
    said = world.once()
    assert shown(world) == list(IN_ORDER)
    for one in states:
        assert f"final {one.message_id} STATUS_SET" in said
        assert world.outcomes(one.stem)[-1] == "STATUS_SET"
    assert unbalanced(world, len(IN_ORDER)) == []
    (name,) = [name for name in world.receipts(states[0].stem) if ".status." in name]
    file = world.procedure / "out" / name
    world.hub("receipt", "verify", str(file), "--trust", str(world.folder / "keys" / "ca.pem"))


def test_a_state_that_goes_back_or_is_older_is_refused_and_the_next_one_passes(
    world: World,
) -> None:
    world.put(status_drop("PROCESSING", 10, APPLICATION))
    world.once()
    back, older = status_drop("RECEIVED", 20, APPLICATION), status_drop("COMPLETED", 5, APPLICATION)
    world.put(back, older)
    world.once()
    for one in (back, older):
        (receipt,) = world.receipts(one.stem).values()
        assert (receipt.outcome, receipt.refusal, receipt.code, receipt.path) == (
            "REJECTED",
            "MailboxRefused",
            "9022",
            "/StatusUpdate/Status",
        )
    world.put(status_drop("ACTION_REQUIRED", 30, APPLICATION))
    other = str(uuid.uuid4())
    world.put(status_drop("INITIATED", 1, other))
    world.once()
    assert shown(world) == ["PROCESSING", "ACTION_REQUIRED"]
    assert shown(world, other) == ["INITIATED"]
    assert unbalanced(world, 5) == []


def test_states_wait_for_a_mailbox_that_is_away_and_are_shown_in_order_then(
    tmp_path: Path,
) -> None:
    world = World.make(tmp_path / "hub", wait="1")
    world.mark("citizens", there=False)
    for minute, status in enumerate(IN_ORDER[:3]):
        world.put(status_drop(status, minute, APPLICATION))
        world.once()
    waiting = world.rows("SELECT message_id FROM notice ORDER BY id")[1]["message_id"]
    told = world.hub("status", waiting).stdout
    assert f"SUBMITTED of application {APPLICATION}" in told
    assert "waits until an earlier state of this application is shown" in told
    world.mark("citizens", there=True)
    with world.service() as hub:
        hub.wait_for(f"final {waiting} STATUS_SET")
        last = world.rows("SELECT message_id FROM notice ORDER BY id")[2]["message_id"]
        hub.wait_for(f"final {last} STATUS_SET")
        assert hub.stop() == 0
    assert shown(world) == list(IN_ORDER[:3])
    assert unbalanced(world, 3) == []


def test_the_same_state_again_gives_the_same_receipts_and_other_content_a_conflict(
    world: World,
) -> None:
    first = status_drop("RECEIVED", 1, APPLICATION)
    world.put(first)
    world.once()
    world.put(replace(first, stem="again"))
    world.once()
    (one,), (again,) = world.receipts(first.stem).values(), world.receipts("again").values()
    assert one.data == again.data
    other = status_drop("COMPLETED", 2, APPLICATION, message_id=first.message_id)
    world.put(other)
    world.once()
    assert list(world.receipts(first.stem).values())[-1].code == "9024"
    assert shown(world) == ["RECEIVED"]
    assert unbalanced(world, 3) == []


def test_a_closed_account_refuses_and_nothing_speaks_of_the_post(world: World) -> None:
    one = status_drop("RECEIVED", 1, APPLICATION, account="carla")
    world.put(one, drop(stem="notice", account="carla"))
    world.once()
    (receipt,) = world.receipts(one.stem).values()
    assert (receipt.outcome, receipt.code) == ("STATUS_REFUSED", "RECIPIENT_DELETED")
    assert b"deliver by post" not in receipt.data
    assert unbalanced(world, 2) == []


def test_no_text_of_a_state_reaches_log_or_receipts(world: World) -> None:
    one = status_drop("RECEIVED", 1, APPLICATION)
    canary = one.envelope.replace(b"Baugenehmigung", b"CANARY-7f3a")
    assert canary != one.envelope
    world.put(replace(one, envelope=canary))
    ended = world.hub("run", "--once", "--announce")
    assert "CANARY-7f3a" not in ended.stdout + ended.stderr
    assert shown(world) == ["RECEIVED"]
    for place in ("var/hub.db", "var/hub.db-wal"):
        file = world.folder / place
        assert not file.exists() or b"CANARY-7f3a" not in file.read_bytes()
    assert all(b"CANARY-7f3a" not in each.data for each in world.receipts().values())
