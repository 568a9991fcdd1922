"""A backup as it lies there, and what is refused of it: no processes, a real journal and vault."""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hub import backup, manifest, restoring, starter
from hub.backup import Made
from hub.clock import system_clock
from hub.config import Config, load
from hub.durable import Disk
from hub.errors import CannotCreate, ConfigError, DataInvalid, HubError, StorageFailed, TryLater
from hub.journal import Journal, copying, open_journal, taking
from hub.journal.taking import NewPayload
from hub.restoring import Order, Report
from hub.spool import WorkerLock
from hub.vault import Vault, load_master_key, new_key
from tests.unit import notices

CLOCK = system_clock()
Damage = Callable[["Kept"], object]


def silent(_what: str, _done: int, _whole: int) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A hub with a notice whose document lies in the vault, and where its backup goes."""

    config: Config
    journal: Journal
    vault: Vault
    target: Path
    segment: str

    def back_up(self) -> Made:
        return backup.make(self.config, self.journal, self.target, CLOCK, silent)

    def lose(self) -> None:
        """Lose database and vault."""
        self.journal.close()
        for path in self.config.hub.database_file.parent.glob("hub.db*"):
            path.unlink()
        shutil.rmtree(self.config.vault.path)

    def restore(self) -> Report:
        return restoring.restore(self.config, self.target, Order(user=7), CLOCK, silent)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    config = load(starter.init(tmp_path / "hub", CLOCK.now()).config, {})
    journal = open_journal(config.hub.database_file, CLOCK, create=True)
    master = load_master_key(config.vault.master_key_file)
    vault = Vault(config.vault.path, master, Disk())
    key, row = new_key(), notices.notice(1, accepted_at=CLOCK.now())
    owner = row.delivery_key.encode()
    with vault.segment() as segment:
        extent = segment.add(key, b"c", [b"document"], 100)
        segment.sync()
        lies = NewPayload(
            item="document",
            n=0,
            size=extent.size,
            sha256=extent.sha256,
            segment=extent.segment,
            offset=extent.offset,
            length=extent.length,
        )
        wrapped = replace(row, key_wrapped=vault.wrap(key, owner))
        with journal.write() as tx:
            taking.insert(tx, [(wrapped, [lies])])
            tx.note(1, "notice.taken", CLOCK.now(), message_id=row.message_id)
    yield Kept(
        config=config,
        journal=journal,
        vault=vault,
        target=tmp_path / "backup",
        segment=extent.segment,
    )
    vault.close()
    journal.close()


def test_a_backup_is_whole_and_for_our_eyes_only(kept: Kept) -> None:
    made = kept.back_up()
    files = {path for path in kept.target.rglob("*") if path.is_file()}
    inside = f"vault/{kept.segment[0]}/{kept.segment}.seg"
    assert {path.relative_to(kept.target).as_posix() for path in files} == {
        "manifest.json",
        "hub.db",
        "hub.toml",
        inside,
    }
    manifest.check(kept.target, made.manifest, lambda _done, _whole: None)
    assert {path.stat().st_mode & 0o077 for path in kept.target.rglob("*")} == {0}
    assert made.manifest.head.startswith("1:")


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


def test_the_copy_is_of_one_moment_however_much_is_committed_meanwhile(kept: Kept) -> None:
    before, steps = kept.journal.commits, []

    def commit(done: int, _whole: int) -> None:
        steps.append(done)
        with kept.journal.write() as tx:
            tx.note(None, "tenant.paused", CLOCK.now(), name="rostock")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "PAGES", 3)
        made = copying.copy(kept.journal.path, kept.target.parent / "copy.db", CLOCK.now(), commit)
    assert len(steps) > 10
    assert kept.journal.commits == before + len(steps)
    assert made.head is not None
    assert made.head.number == 1


def test_no_hub_works_on_a_copy(kept: Kept) -> None:
    kept.back_up()
    opened = open_journal(kept.target / "hub.db", CLOCK)
    with pytest.raises(HubError, match="was not restored"):
        opened.bind("any")
    opened.close()


def test_a_segment_that_was_erased_meanwhile_is_no_loss_and_one_that_is_named_is(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.vault.remove(kept.segment)
    assert kept.back_up().manifest.missing == (kept.segment,)
    shutil.rmtree(kept.target)
    monkeypatch.setattr(copying, "named", lambda _connection, _segment: False)
    made = kept.back_up().manifest
    assert (made.missing, made.erased) == ((), 1)


def test_a_backup_replaces_nothing_and_leaves_nothing_half(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.target.mkdir()
    (kept.target / "other").write_text("x")
    with pytest.raises(CannotCreate):
        kept.back_up()
    shutil.rmtree(kept.target)
    kept.target.mkdir()
    kept.back_up()  # an empty folder is as good as none
    shutil.rmtree(kept.target)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_write_manifest", full)
    with pytest.raises(StorageFailed):
        kept.back_up()
    assert sorted(path.name for path in kept.target.parent.iterdir()) == ["hub"]


def test_each_file_is_synced_before_the_backup_has_its_name(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def note(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    kept.back_up()
    names = {path.name for path in synced}
    inside = {path.name for path in kept.target.rglob("*")}
    assert inside <= names
    assert synced[-1] == kept.target.parent
    assert kept.target not in synced[:-1]


def _bend(kept: Kept) -> None:
    (segment,) = (kept.target / "vault").glob("*/*.seg")
    segment.write_bytes(segment.read_bytes()[:-1] + b"\0")


def _take(kept: Kept) -> None:
    next((kept.target / "vault").glob("*/*.seg")).unlink()


def _lead(kept: Kept) -> None:
    change(kept, lambda told: told["files"][0].update(path="../hub/hub.toml"))


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


def test_a_vault_with_other_bytes_is_another_hubs(kept: Kept) -> None:
    kept.back_up()
    kept.lose()
    place = kept.config.vault.path / kept.segment[0] / f"{kept.segment}.seg"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"other")
    with pytest.raises(CannotCreate, match="other bytes"):
        kept.restore()
    shutil.copy(kept.target / "vault" / place.parent.name / place.name, place)
    kept.restore()
