"""Damaged files of spool and vault, and a procedure's missing folders, stop nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow.papers import drop
from tests.flow.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECOND = """
[tenants.rostock.procedures.sozialamt]
authors = ["ags:130030000000"]
"""
OTHER_BYTES = b"<Receipt>not ours</Receipt>"


def cut(segment: Path) -> None:
    os.truncate(segment, segment.stat().st_size // 2)


def flipped(segment: Path) -> None:
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)


def gone(segment: Path) -> None:
    segment.unlink()


def a_link(segment: Path) -> None:
    segment.unlink()
    segment.symlink_to("/etc/hostname")


def a_folder(segment: Path) -> None:
    segment.unlink()
    segment.mkdir()


WAYS: tuple[Callable[[Path], None], ...] = (cut, flipped, gone, a_link, a_folder)


def test_a_damaged_segment_of_the_vault_holds_up_its_own_notice_alone(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    world.once()
    world.hub("pause", "citizens", "--mailbox")
    vault = world.folder / "var" / "vault"
    known: set[Path] = set()
    for way in WAYS:  # a segment for each
        world.put(drop(stem=way.__name__))
        world.once()
        (segment,) = set(vault.glob("*/*.seg")) - known
        known.add(segment)
    for way, segment in zip(
        WAYS, sorted(known, key=lambda one: one.stat().st_mtime_ns), strict=True
    ):
        way(segment)
    (vault / "0").mkdir(exist_ok=True)
    (vault / "0" / f"{'0' * 32}.seg").symlink_to("/etc/hostname")
    world.hub("resume", "citizens", "--mailbox")
    world.put(drop(stem="sound"))
    world.once()
    assert world.outcomes("sound")[-1] == "DEPOSITED"
    for way in WAYS:
        assert "DEPOSITED" not in world.outcomes(way.__name__), way
    told = world.hub("list", "--cases").stdout
    assert told.count("  why  ") >= len(WAYS) - 2, told  # cut and flipped the mailbox may tell
    world.put(drop(stem="next"))
    world.once()
    assert world.outcomes("next")[-1] == "DEPOSITED"


def test_what_lies_where_claims_locks_and_receipts_belong_stops_nothing(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    world.once()
    dead = world.procedure / ".claimed" / "w-dead"
    (dead / "a-folder.xml").mkdir(parents=True)
    for name in ("garbage", "0.0.x.xml", f"{'f' * 22}.7", f"{'f' * 22}.999999999.one.xml"):
        (dead / name).write_bytes(b"\x00")
    (world.procedure / ".claimed" / "no-folder").write_bytes(b"")
    workers = world.folder / "spool" / ".workers"
    (workers / "w-folder.lock").mkdir()
    (workers / "w-link.lock").symlink_to("/etc/hostname")
    (workers / "junk").write_bytes(b"")
    out = world.procedure / "out"
    (out / "one.01.deposited.xml").mkdir()
    (out / "two.01.deposited.xml").write_bytes(OTHER_BYTES)
    (out / ".postfach").write_bytes(b"\xff not a mark \x00")
    world.put(drop(stem="one"), drop(stem="two"), drop(stem="sound"))
    world.once()
    world.put(drop(stem="next"))
    said = world.hub("run", "--once").stderr
    for stem in ("sound", "next"):
        assert world.outcomes(stem)[-1] == "DEPOSITED", stem
    assert (out / "two.01.deposited.xml").read_bytes() == OTHER_BYTES
    assert said.count("receipt not written") == 2
    assert "worker lock damaged" in said


def test_a_procedure_whose_folders_are_missing_stops_no_other(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    with (world.folder / "hub.toml").open("a", encoding="utf-8") as file:
        file.write(SECOND)
    world.put(drop(stem="one"))
    said = world.hub("run", "--once", code=75).stderr
    assert "spool set aside" in said
    assert world.outcomes("one") == ["DEPOSITED"]
    assert "sozialamt: in/ is missing" in world.hub("doctor", code=None).stdout.replace("  ", " ")
    for name in ("in", "out", "rejected"):
        (world.procedure.parent / "sozialamt" / name).mkdir(parents=True)
    world.once()


def test_without_any_folder_or_without_the_seal_the_hub_does_not_start(tmp_path: Path) -> None:
    world = World.make(tmp_path / "hub")
    (world.procedure / "in").rename(world.procedure / "away")
    assert "no such folder" in world.hub("run", "--once", code=69).stderr
    (world.procedure / "away").rename(world.procedure / "in")
    (world.folder / "keys" / "seal.p12").write_bytes(b"no key")
    ended = world.hub("run", "--once", code=78)
    assert "seal.p12" in ended.stderr
    assert "Traceback" not in ended.stderr
