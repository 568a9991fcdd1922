"""What RECORD holds a plugin to."""

import hashlib
import sys
from importlib import metadata
from pathlib import Path

import pytest

from postfach_mailbox import installed, record

NAME = "postfach-mailbox-kept"
INFO = "postfach_mailbox_kept-1.0.dist-info"


class Site:
    """A folder on sys.path with a distribution whose RECORD names these files."""

    def __init__(self, folder: Path, *files: str) -> None:
        self.folder = folder
        info = folder / INFO
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[postfach.mailboxes]\nkept = kept_plugin.deep\n")
        lines = [f"{file},," for file in (*files, f"{INFO}/METADATA", f"{INFO}/RECORD")]
        (info / "RECORD").write_text("\n".join(lines) + "\n")

    def write(self, *files: str, folder: Path | None = None) -> None:
        for file in files:
            path = (folder or self.folder) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")

    @property
    def distribution(self) -> metadata.Distribution:
        return metadata.distribution(NAME)


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """Have the module found anew."""
    for name in [each for each in sys.modules if each.split(".")[0] == "kept_plugin"]:
        del sys.modules[name]


CODE = ("kept_plugin/__init__.py", "kept_plugin/deep.py")


def test_code_that_record_names_is_no_stray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    site = Site(tmp_path, *CODE)
    site.write(*CODE)
    assert record.stray(site.distribution, "kept_plugin.deep") is None


def test_an_editable_install_is_held_to_nothing_by_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "site", tmp_path / "checkout"
    here.mkdir()
    monkeypatch.syspath_prepend(there)
    monkeypatch.syspath_prepend(here)
    site = Site(here, "_kept.pth")
    site.write(*CODE, folder=there)
    assert record.stray(site.distribution, "kept_plugin.deep") == str(there / CODE[0])


def test_a_copy_that_stands_before_it_on_the_path_is_a_stray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, before = tmp_path / "site", tmp_path / "before"
    here.mkdir()
    monkeypatch.syspath_prepend(here)
    monkeypatch.syspath_prepend(before)
    site = Site(here, *CODE)
    site.write(*CODE)
    site.write(*CODE, folder=before)
    assert record.stray(site.distribution, "kept_plugin.deep") == str(before / CODE[0])


@pytest.mark.parametrize(
    ("origin", "editable"),
    [
        ('{"url": "file:///src", "dir_info": {"editable": true}}', True),
        ('{"url": "file:///src", "dir_info": {}}', False),
        ('{"url": "https://example.org/x.whl", "archive_info": {}}', False),
        ("[]", False),
        ("not JSON", False),
        (None, False),
    ],
)
def test_the_listing_says_what_is_installed_editable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str | None, editable: bool
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    site = Site(tmp_path, *CODE)
    if origin is not None:
        (tmp_path / INFO / "direct_url.json").write_text(origin)
    (one,) = [each for each in installed.offered() if each.distribution == NAME]
    assert one.editable is editable
    made = "sha256:" + hashlib.sha256((site.folder / INFO / "RECORD").read_bytes()).hexdigest()
    assert one.record == made
