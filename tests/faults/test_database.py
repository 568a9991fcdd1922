"""The database is locked, deleted, damaged, too new, not to be written: nothing is begun anew."""

import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from tests.faults.aftermath import aftermath
from tests.flow.papers import drop
from tests.flow.world import Service, World, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
long = pytest.mark.long
A_WHILE = 3.0  # seconds
LOCKED = 65.0  # seconds; the hub waits for a lock for 60
REFUSED = (74, 75, 78)  # the disk fails; try later; not a database to work with
BUT_FOR_THE_HEADER = 100  # bytes


@pytest.fixture
def used(world: World) -> World:
    """Give a hub that has worked."""
    world.put(drop(stem="before"))
    world.once()
    return world


def database(world: World) -> Path:
    return world.folder / "var" / "hub.db"


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Hold the database's lock for writing, as another process does."""
    with closing(sqlite3.connect(database(world), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def logged(world: World, text: str) -> bool:
    return text in (world.folder / "log").read_text("utf-8")


def opened(hub: Service, name: str) -> Path:
    """Return under which name a file that was deleted lives on in the hub."""
    fds = Path(f"/proc/{hub.process.pid}/fd").iterdir()
    return next(fd for fd in fds if fd.readlink().name == f"{name} (deleted)")


def test_a_database_that_another_process_locks_for_a_while_is_waited_for(used: World) -> None:
    with used.service() as hub:
        until(lambda: bool(hub.children()), "the hub at work")
        with locked(used):
            used.put(drop(stem="one"))
            with pytest.raises(TimeoutExpired):
                hub.process.wait(A_WHILE)
            assert not [line for line in hub.said if line.startswith("accepted")]
        hub.wait_for("receipt ")
        assert hub.stop() == 0
    assert aftermath(used, 2) == []


@long
def test_a_database_that_stays_locked_stops_the_run_and_not_the_service(used: World) -> None:
    used.put(drop(stem="one"))
    with locked(used), used.service() as hub:
        assert hub.process.wait(LOCKED + 30) == 74
    assert logged(used, "database is locked")
    with used.service() as hub:
        hub.wait_for("receipt ")
        with locked(used):
            used.put(drop(stem="two"))
            until(lambda: logged(used, '"error": "StorageFailed"'), "the end of its patience", 100)
        until(lambda: len(used.letters()) == 3, "all letters")
        assert hub.stop() == 0
    assert aftermath(used, 3) == []


@pytest.mark.parametrize("which", ["all of it", pytest.param("the log", marks=long)])
def test_a_database_deleted_under_the_hub_takes_nothing_and_comes_back(
    used: World, which: str
) -> None:
    file = database(used)
    names = ["hub.db-wal"] if which == "the log" else ["hub.db", "hub.db-wal", "hub.db-shm"]
    with used.service() as hub:
        used.put(drop(stem="one"))
        hub.wait_for("receipt ")
        for name in names:
            file.with_name(name).unlink()
        used.put(drop(stem="two"))
        until(lambda: logged(used, "database deleted or replaced under the hub"), "its word")
        assert [line for line in hub.said if line.startswith("accepted")] == hub.said[:1]
        assert not file.with_name(names[0]).exists()
        saved = {name: opened(hub, name).read_bytes() for name in names[:2]}
        hub.stop()
    if which == "all of it":
        refused = used.hub("run", "--once", code=78).stderr
        assert str(file) in refused
        assert "the database is gone" in refused
        assert not file.exists()
        for name, data in saved.items():  # as the message says
            file.with_name(name).write_bytes(data)
    assert aftermath(used, 3) == []


@long
def test_another_database_in_its_place_is_refused(used: World, tmp_path: Path) -> None:
    away = tmp_path / "away"
    shutil.move(database(used), away)
    database(used).touch()
    assert "belongs to another database" in used.hub("run", "--once", code=78).stderr
    for file in database(used).parent.glob("hub.db*"):
        file.unlink()
    shutil.move(away, database(used))
    assert aftermath(used, 1) == []


@long
@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_database_is_said_to_be_and_a_good_one_goes_on(used: World, seed: int) -> None:
    dice, file = random.Random(seed), database(used)
    good = file.read_bytes()
    data = bytearray(good)
    for _ in range(seed + 1):
        at = dice.randrange(BUT_FOR_THE_HEADER, len(data) - 512)
        data[at : at + 512] = dice.randbytes(512)
    file.write_bytes(data)
    used.put(drop(stem="one"))
    ended = used.hub("run", "--once", code=None)
    assert ended.returncode in (0, *REFUSED), ended.stderr
    if ended.returncode:
        assert "hub.db" in ended.stderr or "database damaged - put a backup" in ended.stderr
    if not used.letters()[1:]:  # else it is the damaged one that knows of the letter
        for rest in file.parent.glob("hub.db-*"):
            rest.unlink()
        file.write_bytes(good)
        assert aftermath(used, 2) == []


@long
def test_a_database_of_a_newer_hub_is_left_alone(used: World) -> None:
    with closing(sqlite3.connect(database(used))) as other, other:
        known = other.execute("UPDATE alembic_version SET version_num = '9999'").rowcount
        assert known == 1
    used.put(drop(stem="one"))
    refused = used.hub("run", "--once", code=78).stderr
    assert str(database(used)) in refused
    assert (used.procedure / "in" / "one.xml").exists()


@long
def test_a_database_that_may_not_be_written_is_named(used: World) -> None:
    if os.geteuid() == 0:  # as any user: root may write whatever the rights say
        used = replace(used, program=("setpriv", "--bounding-set=-all", *used.program))
    used.put(drop(stem="one"))
    folder, file = database(used).parent, database(used)
    file.chmod(0o400)
    folder.chmod(0o500)
    try:
        ended = used.hub("run", "--once", code=None)
        assert ended.returncode in (*REFUSED, 77), ended.stderr
        assert str(file) in ended.stderr
    finally:
        folder.chmod(0o700)
        file.chmod(0o600)
    assert aftermath(used, 2) == []
