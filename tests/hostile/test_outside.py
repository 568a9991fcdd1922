"""A whole run of the hub over hostile documents, watched by strace.

It connects to nothing, and touches no file that a run over a good notice and a faulty one does not
touch, but its own folders and what Python loads.
"""

import re
import shutil
import sys
import sysconfig
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from hub import schemas
from hub.host import process
from tests import material
from tests.flow.papers import Drop, drop
from tests.flow.world import HUB, World
from tests.hostile.test_handed_in import ROWS, stem_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

# CALL(FD</the/folder/of/it>, "name", ...
CALL = re.compile(r'^(\w+)\((?:[^"<]*<([^>]*)>, )?"((?:[^"\\]|\\.)*)"(.*)')
# What a later part of the same call names: the new name of a rename.
SECOND = re.compile(r'<([^>]*)>, "((?:[^"\\]|\\.)*)"')
WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT")
LIBRARIES = ("/etc/ld.so", "/lib", "/opt/pyca/", "/usr/")
READS = ("access", "faccessat2", "newfstatat", "readlink", "readlinkat", "stat", "lstat", "statx")


def traced(world: World) -> list[str]:
    """Run the hub once; return the calls that it and all its processes made."""
    trace = world.folder.with_name("trace")
    calls = "trace=%network,%file"
    program = ("strace", "-ff", "-qq", "-y", "-o", str(trace), "-e", calls, str(HUB))
    replace(world, program=program).once()
    # One file for each process: in a common one, calls would be cut in two by those of others.
    files = sorted(trace.parent.glob("trace.*"))
    return [line for each in files for line in each.read_text("utf-8", "replace").splitlines()]


def touched(lines: list[str], world: World) -> set[tuple[str, bool]]:
    """Return the paths outside the hub's folder, and whether each was written or changed."""
    found = set()
    for line in lines:
        call = CALL.match(line)
        if call is None or line.endswith("ENOENT (No such file or directory)"):
            continue
        name, folder, path, rest = call.groups()
        if name.startswith(("send", "recv")):
            continue
        changes = any(each in rest for each in WRITES) or not name.startswith(("open", *READS))
        changes = changes and name not in ("execve", "chdir", "getcwd", "statfs")
        for where, what in ((folder or "", path), *SECOND.findall(rest)):
            place = (Path(where or world.folder.parent) / what).as_posix()
            if place.startswith("/") and not place.startswith(str(world.folder.parent)):
                found.add((general(place), changes))
    return found


def general(place: str) -> str:
    """Return a path without what is another one in each run."""
    if place.startswith("/proc/"):
        return re.sub(r"\d+", "N", place)
    place = re.sub(r"^/sys/fs/cgroup/.*", "/sys/fs/cgroup", place)
    # a child's own folder, and the file by which Python tries the place for such
    own = rf"^{re.escape(tempfile.gettempdir())}/({process.FOLDER}[^/]*|[a-z0-9_]{{8}}$)"
    return re.sub(own, "/OWN", place)


def of_libraries(place: str) -> bool:
    """Whether it is code, or what libraries look for; it is loaded when it is needed first."""
    homes = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(material.ROOT)}
    return place.startswith((*homes, *LIBRARIES)) or place.endswith((".so", ".pyc"))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, bool]]:
    if shutil.which("strace") is None:
        pytest.skip("strace is not there: opened files are not checked")
    world = World.make(tmp_path_factory.mktemp("usual") / "hub")
    plain = (schemas.folder() / "examples" / "bad" / "notice-legal-basis.xml").read_bytes()
    world.put(drop(stem="good"), Drop(stem="bad", envelope=plain))
    return touched(traced(world), world)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, list[str]]:
    material.shared("hostile/index.tsv")
    world = World.make(tmp_path_factory.mktemp("watched") / "hub")
    for row in ROWS:
        data = (material.SHARED / "hostile" / row["file"]).read_bytes()
        world.put(Drop(stem=stem_of(row), envelope=data))
    world.put(drop(stem="good"))
    return world, traced(world)


def test_hostile_documents_make_the_hub_connect_to_nothing(
    usual: set[tuple[str, bool]], watched: tuple[World, list[str]]
) -> None:
    world, lines = watched
    assert len(world.receipts()) >= len(ROWS)
    world.once()  # strace makes slow: a deposit may be left
    assert world.outcomes("good")[-1] == "DEPOSITED"
    assert [line for line in lines if "AF_INET" in line] == []
    connects = [line for line in lines if line.startswith("connect(")]
    assert [line for line in connects if "nscd/socket" not in line] == []  # users, by name


def test_hostile_documents_make_the_hub_touch_nothing_else(
    usual: set[tuple[str, bool]], watched: tuple[World, list[str]]
) -> None:
    world, lines = watched
    assert usual
    more = touched(lines, world) - usual
    assert sorted(each for each, changes in more if changes) == []
    assert sorted(each for each, _ in more if not of_libraries(each)) == []
