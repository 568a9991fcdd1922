"""What `hub plugin new` renders is a distribution that passes its own checks."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub import template
from hub.errors import CannotCreate, UsageError
from tests.material import ROOT
from tests.shape import gates

TOOLS = Path(sys.executable).parent


def run(folder: Path, *command: str | Path) -> None:
    """Run a command that must succeed; without the checkout's own settings."""
    ended = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zapuk", "a", "landesweites-elternportal-2027"])
def test_it_is_formatted_and_clean_whatever_its_name(name: str, tmp_path: Path) -> None:
    folder = template.render(name, tmp_path)
    run(folder, TOOLS / "ruff", "format", "--check", ".")
    run(folder, TOOLS / "ruff", "check", ".")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_it_is_typed_and_its_own_tests_pass(python: Path, tmp_path: Path) -> None:
    folder = template.render("zapuk", tmp_path)
    run(folder, TOOLS / "mypy", "postfach_mailbox_zapuk", "tests")
    install = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    run(folder, python, *install, "--editable", ".")
    run(folder, python, "-m", "pytest", "-q")


def test_it_keeps_the_gates_of_this_repository(tmp_path: Path) -> None:
    folder = template.render("zapuk", tmp_path)
    for path in folder.rglob("*.py"):
        text = path.read_text("utf-8")
        for gate in (gates.length, gates.wide_except, gates.loose_dataclass, gates.empty_name):
            assert list(gate(ast.parse(text), text)) == [], path.name


def test_nothing_of_the_placeholders_is_left(tmp_path: Path) -> None:
    folder = template.render("zapuk", tmp_path)
    names = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    assert {"ci", "pyproject.toml", ".gitignore", "postfach_mailbox_zapuk/quality.toml"} <= names
    assert os.access(folder / "ci", os.X_OK)
    texts = [(folder / name).read_text("utf-8") for name in names]
    assert [text for text in texts if "@NAME@" in text or "@PACKAGE@" in text] == []
    assert len(names) == len(list((ROOT / "hub" / "template" / "files").rglob("*.in")))


@pytest.mark.parametrize("name", ["", "Zapuk", "a_b", "-a", "a-", "a--b", "ä", "../x", "a" * 31])
def test_a_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        template.render(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "postfach-mailbox-zapuk"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    with pytest.raises(CannotCreate):
        template.render("zapuk", tmp_path)
    assert [each.name for each in folder.iterdir()] == ["README.md"]
    assert (folder / "README.md").read_text() == "mine"
