"""Handing in: nothing is overwritten, nothing half, and the envelope comes last."""

import os
from pathlib import Path

import pytest

from hub import config, starter
from hub.clock import system_clock
from hub.config import Config
from hub.errors import CannotCreate, DataInvalid, NoticeRefused, UsageError
from hub.starter import Started
from hub.submission import submit
from tests.unit.barriers import Watched

PLACE = "rostock/bauamt"
DOCUMENT = "notice.pdf"


@pytest.fixture
def started(tmp_path: Path) -> Started:
    return starter.init(tmp_path / "h", system_clock().now())


@pytest.fixture
def settings(started: Started) -> Config:
    return config.load(started.config, {})


@pytest.fixture
def incoming(settings: Config) -> Path:
    return settings.folder_of("rostock", "bauamt") / "in"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def other(started: Started, folder: Path) -> Path:
    """Make a second notice, with a document of the same name."""
    folder.mkdir()
    text = started.notice.read_text("utf-8")
    number = text.partition("</MessageID>")[0][-12:]
    notice = folder / "other.xml"
    notice.write_text(text.replace(number, "0123456789ab"), "utf-8")
    (folder / DOCUMENT).write_bytes(started.document.read_bytes())
    return notice


def test_envelope_and_documents_arrive_as_they_were(
    settings: Config, started: Started, incoming: Path
) -> None:
    name = submit(settings, started.notice, PLACE, ())
    assert names(incoming) == sorted([DOCUMENT, name])
    assert (incoming / name).read_bytes() == started.notice.read_bytes()
    assert (incoming / DOCUMENT).read_bytes() == started.document.read_bytes()
    assert f":{name.removesuffix('.xml')}<" in started.notice.read_text("utf-8")
    assert {path.stat().st_mode & 0o777 for path in incoming.iterdir()} == {0o640}


def test_a_document_may_lie_anywhere(
    settings: Config, started: Started, incoming: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / DOCUMENT
    started.document.rename(elsewhere)
    submit(settings, started.notice, PLACE, (elsewhere,))
    assert (incoming / DOCUMENT).read_bytes() == elsewhere.read_bytes()


def test_a_document_that_is_missing_or_not_wanted_hands_nothing_in(
    settings: Config, started: Started, incoming: Path, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.pdf"
    stranger.touch()
    with pytest.raises(DataInvalid, match=r"references no stranger\.pdf"):
        submit(settings, started.notice, PLACE, (stranger,))
    started.document.unlink()
    with pytest.raises(DataInvalid, match=r"missing: notice\.pdf"):
        submit(settings, started.notice, PLACE, ())
    assert names(incoming) == []


def test_what_the_hub_would_refuse_is_refused_at_once(
    settings: Config, started: Started, incoming: Path
) -> None:
    started.notice.write_bytes(b"<!DOCTYPE Notice><Notice/>")
    with pytest.raises(NoticeRefused) as caught:
        submit(settings, started.notice, PLACE, ())
    assert caught.value.exit_code == 65
    assert names(incoming) == []


@pytest.mark.parametrize("place", ["rostock/none", "none/bauamt", "rostock", "", "../x"])
def test_an_unknown_place_is_a_usage_error(settings: Config, started: Started, place: str) -> None:
    with pytest.raises(UsageError, match="rostock/bauamt"):
        submit(settings, started.notice, place, ())


def test_no_such_envelope(settings: Config, tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="no such file"):
        submit(settings, tmp_path / "none.xml", PLACE, ())


def test_handing_in_again_completes_what_was_cut(
    settings: Config, started: Started, incoming: Path
) -> None:
    (incoming / DOCUMENT).write_bytes(started.document.read_bytes())
    (incoming / f"{DOCUMENT}.00000000.part").write_bytes(b"half")
    name = submit(settings, started.notice, PLACE, ())
    assert submit(settings, started.notice, PLACE, ()) == name
    assert names(incoming) == sorted([DOCUMENT, f"{DOCUMENT}.00000000.part", name])


def test_another_envelope_under_the_same_id_is_not_written_over(
    settings: Config, started: Started, incoming: Path
) -> None:
    name = submit(settings, started.notice, PLACE, ())
    waiting = (incoming / name).read_bytes()
    started.notice.write_bytes(waiting.replace(b"Ihre Baugenehmigung", b"Ihre Baugenehmigung 2"))
    with pytest.raises(CannotCreate, match="waits to be taken"):
        submit(settings, started.notice, PLACE, ())
    assert (incoming / name).read_bytes() == waiting
    assert names(incoming) == sorted([DOCUMENT, name])


def test_two_notices_do_not_share_one_document(
    settings: Config, started: Started, incoming: Path, tmp_path: Path
) -> None:
    name = submit(settings, started.notice, PLACE, ())
    with pytest.raises(CannotCreate, match="references a document of this name"):
        submit(settings, other(started, tmp_path / "other"), PLACE, ())
    assert names(incoming) == sorted([DOCUMENT, name])


def test_strange_files_in_the_folder_do_not_stop_it(
    settings: Config, started: Started, incoming: Path
) -> None:
    (incoming / DOCUMENT).write_bytes(started.document.read_bytes())
    os.mkfifo(incoming / "pipe.xml")
    (incoming / "folder.xml").mkdir()
    (incoming / "link.xml").symlink_to("/dev/zero")
    assert submit(settings, started.notice, PLACE, ()) in names(incoming)


def test_each_file_is_durable_before_it_has_its_name_and_the_folder_after(
    settings: Config, started: Started, incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Watched()
    monkeypatch.setattr("hub.submission.Disk", lambda: disk)
    submit(settings, started.notice, PLACE, ())
    files, folders = disk.synced[::2], disk.synced[1::2]
    assert len(files) == len(folders) == 2
    assert all(path.parent == incoming and path.suffix == ".part" for path in files)
    assert set(folders) == {incoming}
