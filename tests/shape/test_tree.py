"""What may not stand in a file of the repository, and what its lock files promise."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.material import ROOT

LOCKS = ("requirements.txt", "requirements-dev.txt")
LOCAL = (
    ".",
    "plugins/contract",
    "plugins/directory",
    "plugins/check-clamd",
    "plugins/observer-lines",
    "plugins/common/http",
    "plugins/common/sandbox",
    "plugins/common/fitconnect",
    "plugins/common/mail",
    "plugins/fitconnect",
    "plugins/bundid",
    "plugins/muk",
    "plugins/postal",
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|farm|home/\w+|Users/\w+|tmp/\w+)/")
ADDRESS = re.compile(r"\w+://")


def repository_files() -> list[Path]:
    """Return what is, or with the next commit could be, in the repository."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files belong to the repository is not known")
    names = listed.stdout.decode().split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """Return the text of a file, nothing for a binary one."""
    data = path.read_bytes()
    return "" if b"\0" in data[:8192] else data.decode("utf-8", "replace")


def pins(lock: str) -> dict[str, str]:
    """Return name and version of each package of a lock file."""
    lines = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in lines}


def project(part: str) -> dict[str, object]:
    """Return the [project] table of a distribution."""
    table = tomllib.loads((ROOT / part / "pyproject.toml").read_text("utf-8"))["project"]
    assert isinstance(table, dict)
    return table


def test_no_file_names_a_place_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in repository_files()
        if path != Path(__file__) and (match := MACHINE_PATH.search(text_of(path)))
    ]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_names_no_address(lock: str) -> None:
    assert ADDRESS.search((ROOT / lock).read_text("utf-8")) is None


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_file_has_a_hash(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 10
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_lock_for_developers_has_all_that_runs_in_the_same_versions() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_each_declared_dependency_is_locked_in_a_version_that_fits() -> None:
    locked = pins("requirements.txt")
    local = {canonicalize_name(str(project(part)["name"])): project(part) for part in LOCAL}
    for part in LOCAL:
        declared = project(part)["dependencies"]
        assert isinstance(declared, list)
        for wish in map(Requirement, declared):
            name = canonicalize_name(wish.name)
            version = str(local[name]["version"]) if name in local else locked[name]
            assert wish.specifier.contains(version), f"{part}: {wish} but {version} is locked"


def test_nothing_that_is_made_is_in_the_repository() -> None:
    made = {".pyc", ".pyo", ".so", ".whl", ".db", ".seg"}
    assert [str(path) for path in repository_files() if path.suffix in made] == []
