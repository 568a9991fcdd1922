"""The doctor's look at the folders of a procedure."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import config, starter
from hub.clock import system_clock
from hub.config import Config
from hub.doctor import spools
from hub.journal import Journal, open_journal, places, taking, workers
from hub.spool import Claim, Stuck, WorkerLock
from hub.spool.folders import MARKER
from tests.unit.findings import KEY, SetClock, bad


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return config.load(starter.init(tmp_path / "h", system_clock().now()).config, {})


@pytest.fixture
def journal(settings: Config) -> Iterator[Journal]:
    opened = open_journal(settings.hub.database_file, system_clock(), create=True)
    yield opened
    opened.close()


@pytest.fixture
def place(settings: Config) -> spools.Place:
    return spools.Place(tenant=KEY[0], procedure=KEY[1], config=settings)


def look(place: spools.Place, journal: Journal | None = None, **later: float) -> list[str]:
    return bad(spools.look(place, SetClock(**later), journal))


def test_the_folders_of_a_new_hub_are_in_order(place: spools.Place, journal: Journal) -> None:
    assert look(place, journal) == []


@pytest.mark.parametrize("name", ["in", "out", "rejected"])
def test_a_missing_folder_or_a_link_in_its_place(place: spools.Place, name: str) -> None:
    away = place.folder / "away"
    (place.folder / name).rename(away)
    assert [what.partition("/")[0] for what in look(place)] == [name]
    (place.folder / name).symlink_to(away)
    assert [what.partition("/")[0] for what in look(place)] == [name]


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        (".claimed", 0o750, "not the hub's alone"),
        ("in", 0o2777, "everybody may write in in"),
        ("out", 0o2772, "everybody may write in out"),
        (".", 0o770, "folder above"),
    ],
)
def test_loose_rights_are_found(place: spools.Place, name: str, mode: int, words: str) -> None:
    (place.folder / name).chmod(mode)
    (what,) = look(place)
    assert words in what


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_out_without_setgid_and_of_another_group_is_found(place: spools.Place) -> None:
    out = place.folder / "out"
    os.chown(out, 0, 12345)
    out.chmod(0o770)
    assert "setgid" in look(place)[0]


def test_files_left_in_the_folder_for_more_than_a_day(place: spools.Place) -> None:
    (place.folder / "in" / "stray.pdf").touch()
    assert look(place) == []
    assert look(place, hours=25) == ["1 files lie in in/ for more than a day"]


def test_claims_of_a_dead_hub_and_claims_that_wait(place: spools.Place, journal: Journal) -> None:
    own = place.folder / ".claimed" / "w1"
    own.mkdir(mode=0o700)
    claim = Claim.new(b"stem.xml", system_clock())
    (own / claim.file).touch()
    (own / claim.document(1)).touch()
    assert look(place) == ["claimed drops of a hub that runs no more: 1"]
    with WorkerLock.hold(place.config.spool.path, "w1"):
        assert look(place) == []
        findings = [*spools.look(place, SetClock(hours=1), journal)]
    (what,) = bad(findings)
    assert what.startswith("1 claimed drops wait")
    assert "archive, citizens" in findings[0].fix
    assert "start the hub" not in findings[0].fix


def test_claims_that_a_hub_left_when_it_ended_by_itself_only_wait(
    place: spools.Place, journal: Journal
) -> None:
    own = place.folder / ".claimed" / "w1"
    own.mkdir(mode=0o700)
    (own / Claim.new(b"stem.xml", system_clock()).file).touch()
    with journal.write() as tx:
        workers.begin(tx, "w1", "boot", 1, system_clock().now())
    assert look(place, journal) == ["claimed drops of a hub that runs no more: 1"]
    with journal.write() as tx:
        workers.end(tx, "w1", system_clock().now())
    assert look(place, journal) == []
    (found,) = spools.look(place, SetClock(hours=1), journal)
    assert found.what.startswith("1 claimed drops wait")
    assert "start the hub" in found.fix


def test_looking_whether_a_hub_is_alive_does_not_take_its_lock(place: spools.Place) -> None:
    (place.folder / ".claimed" / "w1").mkdir(mode=0o700)
    (place.folder / ".claimed" / "w1" / "a.xml").touch()
    with WorkerLock.hold(place.config.spool.path, "w1"):
        look(place)
        assert WorkerLock.take_over(place.config.spool.path, "w1") is None
    look(place)
    assert [*(place.config.spool.path / ".workers").iterdir()] == []


def test_another_folder_in_the_place_of_out(place: spools.Place, journal: Journal) -> None:
    out = place.folder / "out"
    status = out.stat()
    known = places.Place(
        tenant=KEY[0],
        procedure=KEY[1],
        device=status.st_dev,
        inode=status.st_ino,
        marker=(out / MARKER).read_text("ascii").strip(),
    )
    with journal.write() as tx:
        places.remember(tx, known)
    assert look(place, journal) == []
    (out / MARKER).unlink()
    assert "another folder" in look(place, journal)[0]


def test_a_refused_file_that_cannot_be_moved_until_it_is_gone(
    place: spools.Place, journal: Journal
) -> None:
    file = place.folder / "in" / "stuck.xml"
    file.touch()
    found = file.stat()
    stuck = Stuck(device=found.st_dev, inode=found.st_ino, ctime_ns=found.st_ctime_ns, stem="stuck")
    drop = taking.NewDrop(
        claim="1" * 22,
        tenant=KEY[0],
        procedure=KEY[1],
        stem="stuck",
        kind=taking.STUCK,
        at=system_clock().now(),
        file=stuck.file,
    )
    with journal.write() as tx:
        taking.drops(tx, [drop])
    assert "'stuck.xml' was refused" in look(place, journal)[0]
    file.unlink()
    assert look(place, journal) == []
