"""A backup as it lies there, and what is refused of it: no processes, a real journal and vault."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub import backup, manifest
from hub.errors import (
    CannotCreate,
    HubError,
    StorageFailed,
)
from hub.journal import copying, open_journal
from hub.journal.tables import payload
from tests.unit.backups import CLOCK, Kept

Damage = Callable[[Kept], object]


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
    everything = [kept.target, *kept.target.rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in everything} == {0}
    assert made.manifest.head.startswith("1:")


def test_the_copy_is_of_one_moment_however_much_is_committed_meanwhile(kept: Kept) -> None:
    before, steps = kept.journal.commits, []

    def commit(done: int, _whole: int) -> None:
        steps.append(done)
        if len(steps) > 1000:
            raise ValueError("each commit begins the copy anew")
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


def _no_segment(kept: Kept, value: object) -> None:
    with kept.journal.write() as tx:
        tx.connection.execute(sa.update(payload).values(segment=value))


def _leads_elsewhere(kept: Kept) -> None:
    segment = kept.config.vault.path / kept.segment[0] / f"{kept.segment}.seg"
    segment.rename(segment.with_suffix(".away"))
    segment.symlink_to(segment.with_suffix(".away"))


def _is_a_folder(kept: Kept) -> None:
    segment = kept.config.vault.path / kept.segment[0] / f"{kept.segment}.seg"
    segment.unlink()
    segment.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: _no_segment(kept, "../../hub.toml"),
        lambda kept: _no_segment(kept, sa.text("x'00ff'")),
        lambda kept: _no_segment(kept, sa.text("CAST(x'61ff' AS TEXT)")),
        _leads_elsewhere,
        _is_a_folder,
    ],
    ids=["a path", "bytes", "no text", "a link", "a folder"],
)
def test_what_is_damaged_is_told_as_missing_and_all_else_is_backed_up(
    kept: Kept, damage: Damage
) -> None:
    damage(kept)
    made = kept.back_up()
    assert len(made.manifest.missing) == 1
    assert {path.name for path in kept.target.rglob("*") if path.is_file()} == {
        "manifest.json",
        "hub.db",
        "hub.toml",
    }
    kept.lose()
    assert kept.restore().missing == manifest.read(kept.target).missing


def test_a_damaged_database_is_no_backup(kept: Kept) -> None:
    with kept.journal.read() as connection:
        page = connection.scalar(
            sa.text("SELECT rootpage FROM sqlite_master WHERE name = 'attempt'")
        )
        size = connection.scalar(sa.text("PRAGMA page_size"))
    kept.journal.truncate_log()
    with kept.journal.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(StorageFailed, match=r"damaged|malformed"):
        kept.back_up()
    assert not kept.target.exists()


def test_a_configuration_that_is_a_link_is_backed_up(kept: Kept) -> None:
    kept.config.file.rename(away := kept.config.file.with_name("elsewhere.toml"))
    kept.config.file.symlink_to(away)
    kept.back_up()
    assert (kept.target / "hub.toml").read_bytes() == away.read_bytes()


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
    assert synced[-2].name.endswith(".part")  # the last of all before it has its name
    assert all(".part" in path.as_posix() for path in synced[:-1])
