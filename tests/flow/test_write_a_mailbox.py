"""The how-to "Write a mailbox": its commands are run, as a stranger would."""

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.material import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
MOST = 120.0  # seconds of machine time from an empty folder to the receipt
HUB = """\
#!{python}
from hub.cli import main

main()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Afternoon:
    """How the commands ended, what they printed, and how long they took in seconds."""

    code: int
    said: str
    complained: str
    took: float


def environment(folder: Path) -> None:
    """Make a Python in `folder` that has what this one has, and takes what is installed more."""
    venv.create(folder, symlinks=True, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    ours = sysconfig.get_path("purelib")
    (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    program = folder / "bin" / "hub"
    program.write_text(HUB.format(python=folder / "bin" / "python"))
    program.chmod(0o755)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def afternoon(tmp_path_factory: pytest.TempPathFactory) -> Afternoon:
    """Run all shell blocks of the page as one script, in a checkout's place, without an index."""
    home, place = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("place")
    environment(place / ".venv")
    text = (ROOT / "docs" / "how-to" / "write-a-mailbox.md").read_text("utf-8")
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    begun = time.monotonic()
    process = subprocess.Popen(
        ["bash", "-euxc", script.replace("8471", str(free_port()))],
        cwd=place,
        env=os.environ
        | {"HOME": str(home), "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complained = process.communicate()
    finally:
        with suppress(ProcessLookupError):  # the sandbox, where a command failed before `kill`
            os.killpg(process.pid, signal.SIGKILL)
    took = time.monotonic() - begun
    return Afternoon(code=process.returncode, said=said, complained=complained, took=took)


def test_every_command_of_the_how_to_works(afternoon: Afternoon) -> None:
    assert afternoon.code == 0, afternoon.said[-2000:] + afternoon.complained[-2000:]


def test_a_stranger_has_a_receipt_from_an_own_mailbox_in_under_two_minutes(
    afternoon: Afternoon,
) -> None:
    assert re.search(r"^final urn:\S+ DEPOSITED$", afternoon.said, re.MULTILINE)
    assert ": valid, Receipt sealed by" in afternoon.said
    assert afternoon.took < MOST


def test_the_new_mailbox_reaches_the_highest_level(afternoon: Afternoon) -> None:
    assert "level reached: gold, claimed: gold" in afternoon.said
    assert " failed " not in afternoon.said
    assert " not-tested " not in afternoon.said


def test_the_new_mailbox_is_listed_as_not_enabled_before_hub_toml_names_it(
    afternoon: Afternoon,
) -> None:
    listed = re.search(r"^mailbox zapuk .*$", afternoon.said, re.MULTILINE)
    assert listed is not None
    assert "not enabled" in listed[0]
