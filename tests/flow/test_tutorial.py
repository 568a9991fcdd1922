"""The tutorial, and the README's mailbox: what they show is run."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.host import Started
from hub.mailboxes import Installed
from postfach_mailbox import Capabilities, Deferred, Deposited, Repeat
from tests import foreign
from tests.foreign.box import TEXT, Box
from tests.material import ROOT
from tests.shape.test_docs import block

pytestmark = pytest.mark.slow
SHELF = Installed(
    name="shelf", distribution="postfach-mailbox-shelf", version="1.0.0", entry_point="shelf"
)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run all shell blocks of the tutorial as one script, as a reader does."""
    home = tmp_path_factory.mktemp("home")
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    return subprocess.run(
        ["bash", "-euxc", script],
        cwd=ROOT,
        env=os.environ | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_command_of_the_tutorial_works(shell: subprocess.CompletedProcess[str]) -> None:
    assert shell.returncode == 0, shell.stderr[-2000:]


def test_the_tutorial_ends_with_a_deposit_a_proof_and_a_refusal(
    shell: subprocess.CompletedProcess[str],
) -> None:
    words = [line.split()[0] for line in shell.stdout.splitlines() if line.split()]
    assert [word for word in words if word in ("accepted", "final", "receipt")] == [
        "accepted",
        "final",
        "receipt",
        "receipt",
    ]
    assert ": valid, Receipt sealed by" in shell.stdout
    assert "<RefusalClass>AttachmentRejected</RefusalClass>" in shell.stdout
    for name in ("Baugenehmigung.pdf", "bescheid-siegel.xml", ".answer.json"):
        assert name in shell.stdout
    assert "BAD" not in shell.stdout


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Box]:
    """Give the README's mailbox, installed as a third party's is, in a process of its own."""
    venv.create(tmp_path / "python", symlinks=True, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = tmp_path / "python" / "lib" / version / "site-packages"
    ours = sysconfig.get_path("purelib")
    (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    name = "postfach_mailbox_shelf"
    modules = {name: block("python", "import os")}
    foreign.install(site, SHELF.distribution, SHELF.version, modules, f"shelf = {name}")
    made = Box(tmp_path / "python" / "bin" / "python", SHELF, tmp_path, {"path": "shelf"})
    yield made
    made.host.stop(0.0)


def test_the_mailbox_of_the_readme_deposits(shelf: Box, tmp_path: Path) -> None:
    started = shelf.start()
    assert isinstance(started, Started)
    assert isinstance(started.capabilities, Capabilities)
    assert started.capabilities.repeat is Repeat.NEITHER
    assert isinstance(shelf.outcome("away", call=1), Deferred)
    (tmp_path / "shelf").mkdir()
    deposited = shelf.outcome("there", call=2)
    assert isinstance(deposited, Deposited)
    assert (tmp_path / "shelf" / deposited.reference / "d1").read_bytes() == TEXT
    assert shelf.outcome("a second time", call=3).kind == "unknown"
