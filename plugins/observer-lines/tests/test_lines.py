"""The observer's file: whole lines, in order, durable, whatever broke before."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postfach_mailbox import NoticeEvent, Observed
from postfach_observer_lines import LinesObserver


def event(number: int, **more: str) -> NoticeEvent:
    at = datetime(2026, 2, 3, 10, tzinfo=UTC)
    return NoticeEvent(id=number, event="notice.taken", at=at, tenant="rostock", **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def observer(path: Path) -> LinesObserver:
    return LinesObserver(LinesObserver.Config(path=path))


def ids(path: Path) -> list[int]:
    return [json.loads(line)["id"] for line in path.read_text("utf-8").splitlines()]


def test_each_event_is_a_line_with_what_is_known_of_it(path: Path, observer: LinesObserver) -> None:
    assert observer.observe((event(1, mailbox="archive"), event(2))) == Observed()
    first, second = path.read_text("utf-8").splitlines()
    assert json.loads(first) == {
        "id": 1,
        "event": "notice.taken",
        "at": "2026-02-03T10:00:00Z",
        "tenant": "rostock",
        "mailbox": "archive",
    }
    assert json.loads(second)["id"] == 2


def test_lines_are_appended_and_a_file_that_was_renamed_is_made_anew(
    path: Path, observer: LinesObserver
) -> None:
    observer.observe((event(1),))
    observer.observe((event(2),))
    assert ids(path) == [1, 2]
    path.rename(path.with_suffix(".1"))
    observer.observe((event(3),))
    assert ids(path) == [3]


@pytest.mark.parametrize("rest", [b'{"id": 2, "eve', b"x"])
def test_half_a_line_that_a_crash_left_is_taken_off(
    path: Path, observer: LinesObserver, rest: bytes
) -> None:
    observer.observe((event(1),))
    with path.open("ab") as file:
        file.write(rest)
    observer.observe((event(2),))
    assert ids(path) == [1, 2]


def test_a_file_that_is_half_a_line_alone_becomes_whole(
    path: Path, observer: LinesObserver
) -> None:
    path.write_bytes(b"half")
    observer.observe((event(1),))
    assert ids(path) == [1]


def test_what_cannot_be_written_is_raised_and_leaves_the_file_as_it_was(
    path: Path, observer: LinesObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer.observe((event(1),))
    real, calls = os.write, []

    def fills_up(fd: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(28, "no space left")
        return real(fd, data[:10])

    monkeypatch.setattr(os, "write", fills_up)
    with pytest.raises(OSError, match="no space"):
        observer.observe((event(2),))
    assert ids(path) == [1]


def test_health_is_down_where_the_folder_is_not_there(tmp_path: Path) -> None:
    away = LinesObserver(LinesObserver.Config(path=tmp_path / "away" / "events.jsonl"))
    assert away.health().status == "down"
    (tmp_path / "away").mkdir()
    assert away.health().status == "up"
