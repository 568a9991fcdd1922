"""A backup beside a running hub, and what a restore makes of it: real hubs, real mailboxes."""

import json
import shutil
from pathlib import Path

import pytest

from tests.flow.drill import NEITHER, Drill, at_the_copy, stored, wrong
from tests.flow.inventory import delivery_key, unbalanced
from tests.flow.moody import Moody, feel, lines
from tests.flow.papers import drop
from tests.flow.world import World, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
long = pytest.mark.long
WERE_OPEN = """
    SELECT stem FROM "drop" JOIN notice ON notice.id = notice_id WHERE open AND mailbox = 'citizens'
"""
OPEN = "SELECT count(*) AS n FROM notice WHERE open = 1"


def lost(world: World) -> None:
    Drill(world=world).lose()


def test_a_hub_lost_amid_its_work_deposits_nothing_twice_and_contradicts_nothing(
    moody: Moody, tmp_path: Path
) -> None:
    drill, backup = Drill.make(moody), tmp_path / "backup"
    world = drill.world
    world.mark("citizens", there=False)
    with world.service() as hub:
        drill.hand_in("before", 24)
        until(lambda: bool(stored(world, NEITHER)), "the first deposits")
        world.hub("backup", str(backup))
        world.mark("citizens", there=True)
        drill.hand_in("after", 24)
        were_open = {f"{stem}.02.deposited.xml" for (stem,) in at_the_copy(backup, WERE_OPEN)}
        until(lambda: bool(were_open & world.receipts().keys()), "the end of one that was open")
        until(lambda: any(name.startswith("after") for name in world.receipts()), "a later one")
        hub.kill()
    one, *others = were_open & world.receipts().keys()
    drill.fetch([*others, *sorted(world.receipts().keys() - were_open)[::3]])
    drill.lose()
    report = drill.restore(backup)
    assert report["doubted"]
    assert one in [found["file"] for found in report["ended"]]
    assert report["unknown"]
    assert "restored 2" in world.hub("doctor", code=None).stdout
    world.put(*drill.without_end())
    world.once()
    drill.settle()
    world.once()
    assert world.rows(OPEN)[0]["n"] == 0
    assert wrong(drill) == []
    world.hub("evidence", "verify")


def test_what_was_only_taken_after_the_backup_is_not_sent_blindly_again(
    moody: Moody, tmp_path: Path
) -> None:
    drill, backup = Drill.make(moody), tmp_path / "backup"
    world = drill.world
    world.once()
    world.hub("backup", str(backup))
    drops = drill.hand_in("after", 4)
    world.once()
    drill.fetch(world.receipts())
    drill.lose()
    drill.restore(backup)
    world.put(*drops)  # against the report's advice: all have their final receipt
    world.once()
    assert sorted(drill.there()) == sorted(set(drill.there()))
    assert len(drill.there()) == 3
    cases = json.loads(world.hub("list", "--cases", "--json").stdout)
    assert [(case["case"], case["mailbox"]) for case in cases] == [("in-doubt", NEITHER)]
    drill.settle()
    world.once()
    assert wrong(drill) == []


@long
def test_what_is_written_after_the_loss_is_as_new_as_ever(moody: Moody, tmp_path: Path) -> None:
    drill, backup = Drill.make(moody), tmp_path / "backup"
    world = drill.world
    world.once()
    world.hub("backup", str(backup))
    drill.lose()
    drill.restore(backup)
    late = drop(stem="late", scheme=NEITHER)
    world.put(drop(stem="old", scheme=NEITHER))
    created = b"2026-02-03T10:00:00+01:00"
    assert created in late.envelope
    part = world.procedure / "in" / "late.xml.part"
    part.write_bytes(late.envelope.replace(created, b"2099-01-01T00:00:00Z"))
    (world.procedure / "in" / "late.0.bin").write_bytes(late.files["late.0.bin"])
    part.rename(part.with_suffix(""))
    world.once()
    assert stored(world, NEITHER) == [delivery_key(late.message_id)]
    assert world.outcomes("late") == ["DEPOSITED"]
    assert world.outcomes("old") == ["ACCEPTED"]


@long
def test_absent_is_no_proof_after_a_restore(moody: Moody, tmp_path: Path) -> None:
    drill, backup = Drill.make(moody), tmp_path / "backup"
    world = drill.world
    feel(world, "deferred")
    world.put(drop(stem="one", scheme="moody"))
    world.once()
    world.hub("backup", str(backup))
    drill.lose()
    report = drill.restore(backup)
    assert [(one["was"], one["next"]) for one in report["doubted"]] == [
        ("DEFERRED", "its mailbox is asked")
    ]
    feel(world, "good")
    world.once()
    assert len(lines(world, "asked")) == 1
    assert stored(world, "moody") == []
    (case,) = json.loads(world.hub("list", "--cases", "--json").stdout)
    assert "before the restore" in case["why"]
    world.hub("settle", case["message_id"], "--as", "failed", "--reason", "looked there")
    world.once()
    assert world.outcomes("one") == ["ACCEPTED", "UNRESOLVED", "SETTLED"]


def test_a_receipt_that_lies_in_out_ends_its_notice_as_it_says(
    world: World, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    world.mark("citizens", there=False)
    world.put(drop(stem="one"), drop(stem="closed", account="carla"))
    world.once()
    world.hub("backup", str(backup))
    world.mark("citizens", there=True)
    world.once()
    said = {name: receipt.data for name, receipt in world.receipts().items()}
    Drill(world=world).lose(vault=False)  # which then belongs to the restored database
    shutil.rmtree(world.letters()[0])  # the citizen took it: nothing may be deposited again
    report = json.loads(world.hub("restore", str(backup), "--json").stdout)
    assert sorted(one["outcome"] for one in report["ended"]) == ["DEPOSITED", "FAILED"]
    assert report["doubted"] == []
    world.once()
    assert {name: receipt.data for name, receipt in world.receipts().items()} == said
    assert world.letters() == []
    world.hub("evidence", "verify")
    found = [finding for finding in unbalanced(world, 2) if "0 letters" not in finding]
    assert found == []


@long
def test_a_receipt_of_another_seal_ends_nothing(world: World, tmp_path: Path) -> None:
    backup, stranger = tmp_path / "backup", World.make(tmp_path / "stranger")
    world.mark("citizens", there=False)
    one = drop(stem="one")
    world.put(one)
    world.once()
    world.hub("backup", str(backup))
    stranger.put(one)
    stranger.once()
    (forged,) = (stranger.procedure / "out").glob("one.*.deposited.xml")
    shutil.copy(forged, world.procedure / "out" / "one.02.deposited.xml")
    lost(world)
    report = json.loads(world.hub("restore", str(backup), "--json").stdout)
    assert (report["ended"], report["unknown"]) == ([], [])
    assert [one["was"] for one in report["doubted"]] == ["DEFERRED"]


@long
def test_a_log_that_was_restored_goes_on_as_another_one(world: World, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    world.put(drop(stem="one"))
    world.once()
    world.hub("backup", str(backup))
    world.put(drop(stem="two"))
    world.once()
    later = world.hub("evidence", "verify").stdout.rpartition("head ")[2].strip()
    lost(world)
    report = json.loads(world.hub("restore", str(backup), "--json", "--head", head(backup)).stdout)
    assert report["former_log"] != report["log"]
    assert world.hub("evidence", "verify", "--head", report["head"]).returncode == 0
    assert "checkpoint" in world.hub("evidence", "verify", "--head", later, code=65).stdout
    (entry,) = world.rows("SELECT body FROM entry WHERE kind = 'log.restored'")
    told = json.loads(entry["body"])["subject"]
    assert (told["head"], told["log"]) == (report["head"], report["log"])


def head(backup: Path) -> str:
    return str(json.loads((backup / "manifest.json").read_text())["head"])


@long
def test_the_copy_holds_every_segment_that_its_database_names(world: World, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with world.service():
        for turn in range(3):
            world.put(*(drop(stem=f"n{turn}{number:02}") for number in range(20)))
            until(lambda: bool(world.letters()), "the work under way")
            shutil.rmtree(backup, ignore_errors=True)
            world.hub("backup", str(backup))
            named = {row[0] for row in at_the_copy(backup, "SELECT DISTINCT segment FROM payload")}
            lie = {path.stem for path in (backup / "vault").glob("*/*.seg")}
            assert named - {None} == lie
            assert at_the_copy(backup, "PRAGMA integrity_check") == [("ok",)]
