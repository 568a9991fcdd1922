"""The distributions as a user installs them: built here, unpacked, used without a checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.material import ROOT

pytestmark = pytest.mark.slow


def build(part: str, place: Path) -> zipfile.Path:
    """Build the wheel of the distribution in folder `part` and return its inside."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*command, "--wheel-dir", place, ROOT / part], check=True, env=environment)
    (wheel,) = place.glob("*.whl")
    return zipfile.Path(wheel)


def test_the_hub_is_installed_with_its_schemas_and_nothing_of_the_checkout(tmp_path: Path) -> None:
    wheel = build(".", tmp_path)
    tops = {path.name for path in wheel.iterdir()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"hub"}
    installed = {path.name for path in (wheel / "hub" / "schemas").iterdir()}
    assert {path.name for path in (ROOT / "schemas").glob("*.xsd")} <= installed


def test_the_schemas_are_found_without_the_checkout(tmp_path: Path) -> None:
    wheel = build(".", tmp_path)
    site = tmp_path / "site"
    zipfile.ZipFile(wheel.root.filename or "").extractall(site)
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import hub.schemas as s; print(s.folder())"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert Path(run.stdout.strip()) == site / "hub" / "schemas"


@pytest.mark.parametrize(
    ("part", "group", "name", "package"),
    [
        ("directory", "mailboxes", "directory", "postfach_mailbox_directory"),
        ("check-clamd", "checks", "clamd", "postfach_check_clamd"),
        ("observer-lines", "observers", "lines", "postfach_observer_lines"),
    ],
)
def test_a_plugin_is_found_by_its_entry_point(
    tmp_path: Path, part: str, group: str, name: str, package: str
) -> None:
    wheel = build(f"plugins/{part}", tmp_path)
    (metadata,) = [path for path in wheel.iterdir() if path.name.endswith(".dist-info")]
    entry_points = (metadata / "entry_points.txt").read_text("utf-8")
    assert f"[postfach.{group}]\n{name} = {package}" in entry_points
    assert (wheel / package / "py.typed").exists()
