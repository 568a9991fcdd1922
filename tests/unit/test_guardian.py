"""The guardian by itself: what it counts, whom it ends, how it ends."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.host import guardian
from hub.host.guardian import Order
from tests.foreign import environment

pytestmark = pytest.mark.slow


class Kept:
    """A guardian, and the hub's end of its socket."""

    def __init__(
        self, program: str, *, become: Sequence[str] = (), python: str = sys.executable, **more: Any
    ) -> None:
        self.ours, theirs = socket.socketpair()
        order = Order(
            command=(python, "-I", "-S", "-c", program, str(theirs.fileno())),
            environment={},
            fd=theirs.fileno(),
            hub=more.pop("hub", os.getpid()),
            **more,
        )
        self.process = subprocess.Popen(
            [*become, python, "-I", "-S", guardian.__file__, order.written()],
            stdout=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its status and what it said."""
        said, _ = self.process.communicate(timeout=30)
        self.ours.close()
        return self.process.returncode, said.decode()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT, signal.SIGINT])
def test_it_ends_by_the_signal_by_which_the_plugins_process_ended(number: int) -> None:
    program = f"import os, signal; signal.signal({number}, signal.SIG_DFL)" if number != 9 else ""
    kept = Kept(f"{program}\nimport os; os.kill(os.getpid(), {number})")
    assert kept.end() == (-number, "")


@pytest.mark.parametrize("code", [0, 1, 97, 255])
def test_it_ends_with_the_status_of_the_plugins_process(code: int) -> None:
    assert Kept(f"import os; os._exit({code})").end() == (code, "")


def test_at_a_signal_of_the_hub_it_ends_the_plugins_process() -> None:
    kept = Kept("import sys, time, os; os.write(int(sys.argv[1]), b'x'); time.sleep(1000)")
    kept.ours.recv(1)
    kept.process.terminate()
    assert kept.end()[0] == -signal.SIGKILL


def test_without_its_hub_it_starts_nothing() -> None:
    kept = Kept("import os; os._exit(5)", hub=1)
    assert kept.end() == (0, "")


def test_what_cannot_be_run_is_said_as_the_plugin_would(tmp_path: Path) -> None:
    kept = Kept("", folder=str(tmp_path / "gone"))
    said = kept.ours.recv(10_000)
    assert int.from_bytes(said[:4], "big") == len(said) - 4
    frame = json.loads(said[4:])
    assert frame["kind"] == "start-failed"
    assert "gone" in frame["reason"]
    assert kept.end()[0] == 0


def test_a_user_that_it_may_not_become_is_said(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may become any user: not checked")
    kept = Kept("", uid=0, gid=0)
    frame = json.loads(kept.ours.recv(10_000)[4:])
    assert "may not run a process as another user" in frame["reason"]
    assert kept.end()[0] == 0


def test_a_plugin_inherits_no_capability_of_a_hub_that_is_not_root() -> None:
    setpriv, python = shutil.which("setpriv"), environment.public_base()
    if os.geteuid() != 0 or setpriv is None or python is None:
        pytest.skip("needs root, setpriv, and a Python that every user may run: not checked")
    given = [f"--{kind}-caps=+setuid,+setgid" for kind in ("inh", "ambient")]
    become = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", *given]
    program = """
import os, sys
status = open("/proc/self/status").read()
found = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff")]
os.write(int(sys.argv[1]), " ".join([*found, str(os.getuid())]).encode())
"""
    kept = Kept(program, become=become, python=str(python), uid=12345, gid=12345)
    assert kept.ours.recv(1000).decode() == "0000000000000000 12345"
    kept.end()


def test_a_plugin_under_its_own_user_is_in_no_group_of_the_hubs() -> None:
    setpriv, python = shutil.which("setpriv"), environment.public_base()
    if os.geteuid() != 0 or setpriv is None or python is None:
        pytest.skip("needs root, setpriv, and a Python that every user may run: not checked")
    program = "import os, sys; os.write(int(sys.argv[1]), repr(os.getgroups()).encode())"
    kept = Kept(
        program, become=[setpriv, "--groups=4,24"], python=str(python), uid=12345, gid=12345
    )
    assert kept.ours.recv(1000) == b"[]"
    kept.end()


def test_limits_hold_for_all_that_is_started() -> None:
    program = """
import os, resource, sys
names = ("RLIMIT_CORE", "RLIMIT_AS", "RLIMIT_FSIZE")
found = [resource.getrlimit(getattr(resource, name)) for name in names]
os.write(int(sys.argv[1]), repr(found).encode())
"""
    kept = Kept(program, memory=2**30, file_size=2**20)
    assert kept.ours.recv(1000).decode() == repr([(0, 0), (2**30,) * 2, (2**20,) * 2])
    kept.end()


def test_its_descendants_are_all_below_it() -> None:
    program = "import subprocess, sys; subprocess.run(['sleep', '1000'])"
    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as process:
        seen: set[int] = set()
        pause = select.poll()
        while len(seen) < 2:
            pause.poll(20)
            seen = set(guardian.descendants(os.getpid())) & (
                set(guardian.descendants(process.pid)) | {process.pid}
            )
        assert process.pid in seen
        os.killpg(process.pid, signal.SIGKILL)


def test_a_burst_of_processes_is_looked_at_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no look by the clock at all: the glance at the machine's tasks calls for one."""
    text = Path(guardian.__file__).read_text("utf-8")
    blind = tmp_path / "guardian.py"
    assert "GLANCE, LOOKS = 0.05, 5 " in text
    blind.write_text(text.replace("GLANCE, LOOKS = 0.05, 5 ", "GLANCE, LOOKS = 0.05, 10**9 "))
    monkeypatch.setattr(guardian, "__file__", str(blind))
    sleeper = "[sys.executable, '-I', '-S', '-c', 'import time; time.sleep(60)']"
    burst = f"for _ in range(30): subprocess.Popen({sleeper})\ntime.sleep(60)"
    kept = Kept(f"import subprocess, sys, time\n{burst}", processes=5)
    assert kept.end()[1].startswith("PROCESSES")


def test_a_plugin_gets_no_rights_by_a_program_that_has_some() -> None:
    program = """
import os, sys
status = open("/proc/self/status").read()
found = [line.split()[1] for line in status.splitlines() if line.startswith("NoNewPrivs")]
os.write(int(sys.argv[1]), found[0].encode())
"""
    kept = Kept(program)
    assert kept.ours.recv(10) == b"1"
    kept.end()


def test_what_daemonised_ends_with_the_plugins_process() -> None:
    program = """
import os, sys, time
hub = int(sys.argv[1])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(hub, b"x")
        time.sleep(20)
    os._exit(0)
os.wait()
os.read(hub, 1)
os._exit(0)
"""
    kept = Kept(program)
    assert kept.ours.recv(1) == b"x"
    kept.ours.send(b"y")
    kept.process.wait(30)
    kept.ours.settimeout(10)
    assert kept.ours.recv(1) == b""  # nobody holds the other end any more
    kept.end()


def test_when_its_hub_is_killed_it_ends_a_plugin_that_hears_nothing() -> None:
    ours, theirs = socket.socketpair()
    program = "import os, sys, time; os.write(int(sys.argv[1]), b'x'); time.sleep(20)"
    start = """
import json, os, subprocess, sys, time
order = json.loads(sys.argv[2]) | {"hub": os.getpid()}
command = [sys.executable, "-I", "-S", sys.argv[1], json.dumps(order)]
subprocess.Popen(command, pass_fds=[order["fd"]])
time.sleep(20)
"""
    fd = theirs.fileno()
    command = (sys.executable, "-I", "-S", "-c", program, str(fd))
    order = Order(command=command, environment={}, fd=fd, hub=0).written()
    hub = [sys.executable, "-I", "-S", "-c", start, guardian.__file__, order]
    with ours, subprocess.Popen(hub, pass_fds=[fd]) as process:
        theirs.close()
        assert ours.recv(1) == b"x"
        process.kill()
        ours.settimeout(10)
        assert ours.recv(1) == b""


def test_what_all_its_processes_have_is_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardian, "descendants", lambda _pid: iter((1, 2, 3)))
    monkeypatch.setattr(guardian, "_resident", lambda _pid: 40 << 20)
    order = Order(command=(), environment={}, fd=0, hub=0, memory=100 << 20, processes=2)
    assert guardian.excess(order) == "MEMORY took 120 MiB of memory, 100 are allowed"
    assert guardian.excess(replace(order, memory=120 << 20)) is None
    assert str(guardian.excess(replace(order, processes=1))).startswith("PROCESSES started 2")
