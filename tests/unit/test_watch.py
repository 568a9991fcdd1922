import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.watch import Watch

WAIT = 20.0  # seconds; none of these tests waits so long unless it fails


class Hints:
    """Counts hints; a test waits until one more has come."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)

    def __call__(self) -> None:
        self.came.release()

    def comes(self) -> bool:
        return self.came.acquire(timeout=WAIT)

    def any_so_far(self) -> bool:
        return self.came.acquire(blocking=False)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture
def hints(folders: tuple[Path, Path]) -> Iterator[Hints]:
    hints = Hints()
    watch = Watch(folders, hints)
    watch.start()
    assert watch.alive
    yield hints
    watch.stop()


def test_an_envelope_renamed_within_a_folder_wakes(
    folders: tuple[Path, Path], hints: Hints
) -> None:
    (folders[1] / "a.xml.part").write_text("")
    (folders[1] / "a.xml.part").rename(folders[1] / "a.xml")
    assert hints.comes()


def test_an_envelope_moved_in_from_elsewhere_wakes(
    tmp_path: Path, folders: tuple[Path, Path], hints: Hints
) -> None:
    (tmp_path / "a.xml").write_text("")
    (tmp_path / "a.xml").rename(folders[0] / "a.xml")
    assert hints.comes()


def test_an_envelope_written_in_place_wakes_when_it_is_closed(
    folders: tuple[Path, Path], hints: Hints
) -> None:
    with (folders[0] / "a.xml").open("w") as file:
        assert hints.comes()  # its creation
        file.write("x")
    assert hints.comes()


def test_documents_and_parts_wake_nobody(folders: tuple[Path, Path], hints: Hints) -> None:
    for name in ("a.pdf", "a.xml.part", ".hidden"):
        (folders[0] / name).write_text("")
    (folders[0] / "a.xml").touch()
    # Events of one folder come in their order: the envelope's are the first that wake.
    assert hints.comes()
    assert hints.comes()
    assert not hints.any_so_far()


def test_a_failing_call_does_not_end_the_watch(folders: tuple[Path, Path]) -> None:
    hints = Hints()

    def fail() -> None:
        hints()
        raise RuntimeError("on purpose")

    watch = Watch(folders, fail)
    watch.start()
    for name in ("a.xml", "b.xml", "c.xml"):
        (folders[0] / name).touch()
        assert hints.comes()
    assert watch.alive
    watch.stop()


def test_a_folder_that_is_not_there_does_not_keep_the_others_from_waking(
    tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    hints = Hints()
    watch = Watch([tmp_path / "nowhere", *folders], hints)
    assert not watch.alive
    watch.start()
    assert not watch.alive
    (folders[1] / "a.xml").touch()
    assert hints.comes()
    watch.stop()


def test_a_stopped_watch_is_not_alive_and_may_be_stopped_again(
    folders: tuple[Path, Path],
) -> None:
    watch = Watch(folders, Hints())
    watch.start()
    watch.stop()
    assert not watch.alive
    watch.stop()
