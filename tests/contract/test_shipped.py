"""What an installed distribution has with it: template, kit, quality.toml."""

from pathlib import Path

import pytest

from tests.material import ROOT
from tests.shape.test_distributions import build

pytestmark = pytest.mark.slow


def test_the_hub_ships_every_file_of_its_template(tmp_path: Path) -> None:
    wheel = build(".", tmp_path)
    files = ROOT / "hub" / "template" / "files"
    names = [each.relative_to(files) for each in files.rglob("*.in")]
    assert len(names) > 10
    missing = [name for name in names if not (wheel / "hub/template/files" / str(name)).exists()]
    assert missing == []


def test_the_contract_ships_its_kit_and_asks_for_pytest_only_with_it(tmp_path: Path) -> None:
    wheel = build("plugins/contract", tmp_path)
    assert (wheel / "postfach_mailbox" / "testkit" / "contract.py").exists()
    (metadata,) = [path for path in wheel.iterdir() if path.name.endswith(".dist-info")]
    wants = (metadata / "METADATA").read_text("utf-8").splitlines()
    assert [line for line in wants if "pytest" in line] == [
        "Requires-Dist: pytest>=8.3; extra == 'testkit'"
    ]


def test_the_directory_mailbox_ships_its_far_side_and_its_claim(tmp_path: Path) -> None:
    wheel = build("plugins/directory", tmp_path)
    assert (wheel / "postfach_mailbox_directory" / "kit.py").exists()
    assert (wheel / "postfach_mailbox_directory" / "quality.toml").exists()
