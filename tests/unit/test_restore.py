"""What is put back of a backup, and what is refused: no processes, a real journal and vault."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from hub import restoring
from hub.config import Config
from hub.errors import (
    CannotCreate,
    ConfigError,
    DataInvalid,
    HubError,
    TryLater,
    UsageError,
)
from hub.evidence import Head
from hub.restoring import Order
from hub.spool import WorkerLock
from tests.unit.backups import Kept

Damage = Callable[[Kept], object]


def test_what_was_restored_is_what_was_backed_up(kept: Kept) -> None:
    made = kept.back_up()
    kept.lose()
    report = kept.restore()
    assert (report.head, report.former_log) == (made.manifest.head, made.manifest.log_id)
    assert [(one.was, one.next) for one in report.doubted] == [("SEALED", restoring.PERSON)]
    segment = f"{kept.segment[0]}/{kept.segment}.seg"
    was = (kept.target / "vault" / segment).read_bytes()
    assert (kept.config.vault.path / segment).read_bytes() == was
    left = sorted(path.name for path in kept.config.hub.database_file.parent.iterdir())
    assert left == ["hub.db", "mailboxes", "vault"]


def _bend(kept: Kept) -> None:
    (segment,) = (kept.target / "vault").glob("*/*.seg")
    segment.write_bytes(segment.read_bytes()[:-1] + b"\0")


def _take(kept: Kept) -> None:
    next((kept.target / "vault").glob("*/*.seg")).unlink()


def _lead(kept: Kept) -> None:
    """Name a file outside, with its own digest."""
    data = (kept.target.parent / "hub" / "hub.toml").read_bytes()
    outside = {"path": "../hub/hub.toml", "size": len(data)}
    outside["sha256"] = hashlib.sha256(data).hexdigest()
    change(kept, lambda told: told["files"].append(outside))


def _link(kept: Kept) -> None:
    (segment,) = (kept.target / "vault").glob("*/*.seg")
    segment.rename(kept.target.parent / "away")
    segment.symlink_to(kept.target.parent / "away")


def _leave_out(kept: Kept) -> None:
    """Let the manifest say nothing of the database."""
    change(kept, lambda told: told["files"].pop(0))


def _forge(kept: Kept) -> None:
    """Change the log as someone who can write the backup, and its manifest too."""
    with closing(sqlite3.connect(kept.target / "hub.db")) as database, database:
        database.execute("DROP TRIGGER entry_is_final")
        database.execute("UPDATE entry SET body = CAST('{}' AS BLOB)")
    data = (kept.target / "hub.db").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    change(kept, lambda told: told["files"][0].update(size=len(data), sha256=digest))


def _behead(kept: Kept) -> None:
    change(kept, lambda told: told.update(head=f"1:{'0' * 64}"))


def change_key(config: Config) -> None:
    config.vault.master_key_file.write_bytes(b"k" * 32)


def change(kept: Kept, how: Callable[[dict[str, Any]], object]) -> None:
    file = kept.target / "manifest.json"
    told = json.loads(file.read_text())
    how(told)
    file.write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (_bend, DataInvalid),
        (_take, DataInvalid),
        (_lead, DataInvalid),
        (_link, DataInvalid),
        (_leave_out, DataInvalid),
        (_forge, DataInvalid),
        (_behead, DataInvalid),
        (lambda kept: change(kept, lambda told: told.update(head="one:two")), DataInvalid),
        (lambda kept: change(kept, lambda told: told.update(made_at="2026-01-01")), DataInvalid),
        (lambda kept: change(kept, lambda told: told.update(format=2)), DataInvalid),
        (lambda kept: (kept.target / "manifest.json").write_text("{}"), DataInvalid),
        (lambda kept: (kept.target / "manifest.json").unlink(), DataInvalid),
        (lambda kept: change_key(kept.config), ConfigError),
    ],
    ids=[
        "bent",
        "taken",
        "elsewhere",
        "link",
        "left out",
        "forged",
        "beheaded",
        "head",
        "time",
        "format",
        "empty",
        "no manifest",
        "key",
    ],
)
def test_what_is_not_whole_or_not_ours_is_not_put_back(
    kept: Kept, damage: Damage, error: type[HubError]
) -> None:
    kept.back_up()
    damage(kept)
    kept.lose()
    with pytest.raises(error):
        kept.restore()
    assert not list(kept.config.hub.database_file.parent.glob("*hub.db*"))


def test_nothing_is_put_over_a_database_or_beside_a_hub(kept: Kept) -> None:
    kept.back_up()
    with pytest.raises(CannotCreate, match="there is a database"):
        kept.restore()
    kept.lose()
    with WorkerLock.hold(kept.config.spool.path, "w1"), pytest.raises(TryLater):
        kept.restore()
    (kept.config.hub.database_file.parent / "hub.db-wal").touch()
    with pytest.raises(CannotCreate, match="there is a database"):
        kept.restore()


def test_a_hub_that_starts_meanwhile_ends_the_restore(kept: Kept) -> None:
    kept.back_up()
    kept.lose()
    started: list[WorkerLock] = []

    def start(what: str, _done: int, _whole: int) -> None:
        if what == "vault":
            started.append(WorkerLock.hold(kept.config.spool.path, "w1"))

    with pytest.raises(TryLater):
        kept.restore(told=start)
    assert not kept.config.hub.database_file.exists()
    started[0].release()
    kept.restore()


def test_a_head_that_was_kept_elsewhere_is_looked_for(kept: Kept) -> None:
    kept.back_up()
    kept.lose()
    with pytest.raises(DataInvalid, match="does not hold"):
        kept.restore(Order(user=7, head=Head(number=1, link="0" * 64)))
    assert not kept.config.hub.database_file.exists()


@pytest.mark.parametrize("away", [-timedelta(minutes=1), timedelta(hours=1)])
def test_a_hub_is_not_lost_before_its_backup_nor_in_the_future(kept: Kept, away: timedelta) -> None:
    made = kept.back_up()
    kept.lose()
    with pytest.raises(UsageError, match="not after the backup"):
        kept.restore(Order(user=7, lost_until=made.manifest.made_at + away))


def test_a_vault_with_other_bytes_is_another_hubs(kept: Kept) -> None:
    kept.back_up()
    kept.lose()
    place = kept.config.vault.path / kept.segment[0] / f"{kept.segment}.seg"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"other")
    with pytest.raises(CannotCreate, match="other bytes"):
        kept.restore()
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert place.read_bytes() == b"other"
    shutil.copy(kept.target / "vault" / place.parent.name / place.name, place)
    kept.restore()
