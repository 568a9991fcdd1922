"""The attacks on a spool where neither the hub nor the procedure is root.

Root passes over permissions: what is unreadable, or another user's, shows only here. The tests of
test_spool.py run once more, as a plain user, and a hub of such a user meets a stranger's file.
"""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests import material
from tests.flow.papers import Paper, drop
from tests.flow.world import World
from tests.foreign.environment import public_base
from tests.hostile import mutations, standing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LATER = [each for each in mutations.params() if each.marks]
HUB = "#!{python}\nfrom hub.cli import main\n\nmain()\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A user without rights, a folder of its own, and a Python in it that has the hub."""

    user: pwd.struct_passwd
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "python" / "bin" / "python"

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in the checkout."""
        plain = {"HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command,
            user=self.user.pw_uid,
            group=self.user.pw_gid,
            extra_groups=[],
            cwd=material.ROOT,
            env=os.environ | plain | more,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def plain() -> Iterator[Plain]:
    """Make the folder where every user may go: pytest's are for its own user."""
    base = public_base()
    if os.geteuid() != 0 or base is None:
        pytest.skip("only root, with a Python that every user may run, becomes another user")
    folder = Path(tempfile.mkdtemp(prefix="plain-user-"))
    made = Plain(user=pwd.getpwnam("nobody"), folder=folder)
    folder.chmod(0o755)
    subprocess.run([base, "-m", "venv", "--without-pip", folder / "python"], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "python" / "lib" / version / "site-packages"
    ours = sysconfig.get_path("purelib")
    (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    program = made.python.with_name("hub")
    program.write_text(HUB.format(python=made.python))
    program.chmod(0o755)
    os.chown(folder, made.user.pw_uid, made.user.pw_gid)
    try:
        if made.run(str(program), "--version").returncode != 0:
            pytest.skip("this checkout is closed to other users: not checked")
        yield made
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("module", "least", "skipped"),
    [
        ("test_spool.py", len(standing.names()), len(standing.ROOTS)),
        pytest.param("test_handed_in.py", 200, len(LATER), marks=pytest.mark.long),
    ],
)
def test_everything_hostile_ends_alike_for_a_plain_user(
    plain: Plain, module: str, least: int, skipped: int
) -> None:
    material.shared("hostile/spool_attacks.py")
    report = plain.folder / "report.xml"
    ended = plain.run(
        str(plain.python),
        *("-m", "pytest", f"tests/hostile/{module}", "-p", "no:cacheprovider", "-q", "-x"),
        *("--basetemp", str(plain.folder / "pytest"), "--junitxml", str(report)),
        POSTFACH_SHARED=str(material.SHARED.resolve()),
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-1000:]
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314  # our own
    assert suite is not None
    assert int(suite.get("skipped", "0")) == skipped
    assert int(suite.get("tests", "0")) > least


def test_a_stranger_s_file_and_an_unreadable_one_are_refused_for_a_plain_user(
    plain: Plain,
) -> None:
    program = ("setpriv", "--reuid", plain.user.pw_name, "--regid", str(plain.user.pw_gid))
    hub = (*program, "--clear-groups", str(plain.python.with_name("hub")))
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv: not installed, not checked")
    world = World.make(plain.folder / "hub", hub)
    paper = Paper(inline=True)
    drops = {name: drop(paper, stem=name) for name in ("good", "stranger", "closed", "linked")}
    world.put(*drops.values())
    owned(world.folder, plain.user)
    incoming = world.procedure / "in"
    os.chown(incoming / "stranger.xml", pwd.getpwnam("daemon").pw_uid, -1)
    (incoming / "closed.xml").chmod(0)
    outside = plain.folder / "outside.xml"
    outside.write_bytes(drop(paper).envelope)
    outside.chmod(0o644)
    (incoming / "linked.xml").unlink()
    os.link(outside, incoming / "linked.xml")
    world.once()
    told = {name: [each.refusal for each in world.receipts(name).values()] for name in drops}
    refused = ["SpoolFileRejected"]
    assert told == {"good": [None], "stranger": refused, "closed": refused, "linked": refused}
    assert outside.stat().st_uid == 0


def owned(folder: Path, user: pwd.struct_passwd) -> None:
    """Give a folder and all in it to a user."""
    for each in (folder, *folder.rglob("*")):
        os.chown(each, user.pw_uid, user.pw_gid, follow_symlinks=False)
