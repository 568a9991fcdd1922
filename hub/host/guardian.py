"""The process between the hub and a plugin's process: confines it, watches it, ends all of it.

    hub -> guardian -> the plugin's process -> whatever that starts

Run as a script of the standard library alone, before any foreign code: `python -I -S guardian.py
ORDER`, ORDER being JSON of `Order`. It is the reaper of all that the plugin's process leaves behind
(PR_SET_CHILD_SUBREAPER), so a process that daemonises stays below it. It ends everything when the
plugin's process ends, at SIGTERM, and when the hub dies, also of SIGKILL; then itself, as that one
did. Standard output goes to the hub: one line, why it killed. Limits: a plugin of the same user may
stop or kill it and so keep a process; a cgroup of its own, or another user, closes that.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
GLANCE, LOOKS = 0.05, 5  # seconds between glances at the machine's tasks; a look at each fifth
BURST = 6  # new tasks since the last look that make it look at once
ROUNDS = 200  # of killing and looking who is left, each of 20 ms at most
NICE = 5  # lower weight than the hub's own stages
OOM_SCORE = 500  # when memory is short, the kernel takes plugins before the hub
SLACK = 256  # tasks that the plugin's user may have beyond its own: others may share the user
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM)
PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run, and how it is confined.

    command: follows the interpreter; the guardian's process id is added at its end
    fd: the plugin's end of the hub's socket
    hub: the hub's process id
    memory: bytes of address space for each process, and resident in all together
    file_size: bytes of the largest file
    processes: how many the plugin may start; threads: how many its process has itself
    uid, gid: whom it runs as; None: the hub's user
    cgroup: a group that was made for it, removed at the end; None: there is none to be had
    folder: its working folder
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    fd: int
    hub: int
    memory: int | None = None
    file_size: int | None = None
    processes: int | None = None
    threads: int = 1
    uid: int | None = None
    gid: int | None = None
    cgroup: str | None = None
    folder: str = "/"

    def written(self) -> str:
        """Return it as a command line's argument."""
        return json.dumps(asdict(self))


class Unconfined(Exception):
    """The plugin's process cannot be confined as it must be: what is wrong, and what to do."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _run(order: Order) -> NoReturn:
    """Become the plugin's process. Raises Unconfined, OSError, ValueError."""
    parent = os.getppid()
    os.setsid()  # a signal to its own group is not one to the guardian
    if order.cgroup is not None:
        (Path(order.cgroup) / "cgroup.procs").write_text("0", "ascii")
    _limit(order)
    if order.uid is not None and order.gid is not None:
        try:
            os.setgroups([])
            os.setresgid(order.gid, order.gid, order.gid)
            os.setresuid(order.uid, order.uid, order.uid)
        except PermissionError as error:
            raise Unconfined(
                "the hub may not run a process as another user",
                "Run the hub as root or with CAP_SETUID and CAP_SETGID, or leave `user` out",
            ) from error
    # A hub that is not root has by these what it needs for another user; a plugin must not.
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    os.chdir(order.folder)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what a plugin prints could be payload, and has no end
        os.dup2(null, stream)
    os.close(null)
    os.set_inheritable(order.fd, True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        command = (*order.command, str(parent))
        os.execve(command[0], command, order.environment)  # noqa: S606  # that is its purpose
    except OSError as error:
        raise Unconfined(
            f"{order.command[0]} cannot be run ({error.strerror})",
            "See that the plugin's user may read and run that Python and what lies beside it",
        ) from error


def _limit(order: Order) -> None:
    """Set what is inherited by all that the plugin starts."""
    limits: list[tuple[int, int | None]] = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, order.memory),
        (resource.RLIMIT_FSIZE, order.file_size),
        (resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
    ]
    if order.processes is not None:
        tasks = _tasks_of(os.geteuid() if order.uid is None else order.uid)
        limits.append((resource.RLIMIT_NPROC, tasks + order.processes + order.threads + SLACK))
    for kind, wanted in limits:
        if wanted is not None:
            hard = resource.getrlimit(kind)[1]
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(kind, (most, most))
    with suppress(OSError):  # only a courtesy; a container may forbid it
        os.nice(NICE)
    # `autogroup` is what counts between sessions, where they share the processor.
    for name, value in (("autogroup", NICE), ("oom_score_adj", OOM_SCORE)):
        with suppress(OSError):
            Path(f"/proc/self/{name}").write_text(str(value), "ascii")


def _tasks_of(uid: int) -> int:
    count = 0
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # gone meanwhile, or not a process
            if process.name.isdigit() and process.stat().st_uid == uid:
                count += sum(1 for _ in (process / "task").iterdir())
    return count


def tasks_of_all() -> int:
    """Return how many tasks the machine has, 0 where it does not say; cheaper than a look."""
    with suppress(OSError, ValueError):
        return int(Path("/proc/loadavg").read_text("ascii").partition("/")[2].partition(" ")[0])
    return 0


def descendants(pid: int) -> Iterator[int]:
    """Give all processes below `pid`; those that come and go meanwhile may be missed."""
    rest = [pid]
    while rest:
        found: list[int] = []
        with suppress(OSError):  # gone meanwhile
            for task in Path(f"/proc/{rest.pop()}/task").iterdir():
                with suppress(OSError):
                    found += map(int, (task / "children").read_text("ascii").split())
        yield from found
        rest += found


def _resident(pid: int) -> int:
    """Return bytes of memory that a process has for itself."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * PAGE


def excess(order: Order) -> str | None:
    """Say what the plugin takes too much of, if it does: a word of Fault, and a sentence."""
    below = list(descendants(os.getpid()))
    if order.processes is not None and len(below) - 1 > order.processes:
        return f"PROCESSES started {len(below) - 1} processes, {order.processes} are allowed"
    if order.memory is not None and (taken := sum(map(_resident, below))) > order.memory:
        return f"MEMORY took {taken >> 20} MiB of memory, {order.memory >> 20} are allowed"
    return None


def end_all(cgroup: str | None) -> dict[int, int]:
    """Kill everything below this process and reap it; return exit statuses by process."""
    ended: dict[int, int] = {}
    for _ in range(ROUNDS):
        if cgroup is not None:
            with suppress(OSError):
                (Path(cgroup) / "cgroup.kill").write_text("1", "ascii")
        stopped: set[int] = set()
        # Stopped first, so that none makes another while the list is gone through.
        while new := set(descendants(os.getpid())) - stopped:
            _signal(new, signal.SIGSTOP)
            stopped |= new
        _signal(stopped, signal.SIGKILL)
        if _reap(ended):
            break
        signal.sigtimedwait([signal.SIGCHLD], 0.02)
    if cgroup is not None:
        with suppress(OSError):
            Path(cgroup).rmdir()
    return ended


def _signal(pids: set[int], number: int) -> None:
    for pid in pids:
        with suppress(OSError):  # gone meanwhile
            os.kill(pid, number)


def _reap(ended: dict[int, int]) -> bool:
    """Note who has ended. Returns whether nobody is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        ended[pid] = os.waitstatus_to_exitcode(status)


def _watch(order: Order, child: int) -> int:
    """Wait until the plugin's process has ended or must end; return how it ended."""
    ended: dict[int, int] = {}
    glances, before = 0, tasks_of_all()
    signal.setitimer(signal.ITIMER_REAL, GLANCE, GLANCE)
    while child not in ended:
        # Of those that wait the lowest comes first: children that end do not hold up a look.
        found = signal.sigwaitinfo(SIGNALS).si_signo
        if found == signal.SIGTERM:
            break
        glances, tasks = glances + (found == signal.SIGALRM), tasks_of_all()
        if glances >= LOOKS or tasks - before >= BURST:
            glances, before = 0, tasks
            if reason := excess(order):
                with suppress(OSError):  # the hub may be gone
                    os.write(1, reason.encode())
                break
        _reap(ended)
    ended |= end_all(order.cgroup)
    return ended.get(child, -signal.SIGKILL)


def _refuse(fd: int, what: str, fix: str) -> NoReturn:
    """Say to the hub, as the plugin's process would, why there is none."""
    said = json.dumps({"kind": "start-failed", "reason": what, "fix": fix}).encode()
    with socket.socket(fileno=fd) as connection:
        connection.sendall(len(said).to_bytes(4, "big") + said)
    os._exit(0)


def main(order: Order) -> int:
    """Run the plugin's process to its end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != order.hub:
        return 0
    child = os.fork()
    if child == 0:
        try:
            _run(order)
        except Unconfined as error:
            _refuse(order.fd, error.what, error.fix)
        except (OSError, ValueError) as error:
            _refuse(order.fd, f"cannot be confined: {error}", "See to the limits in hub.toml")
    os.close(order.fd)
    return _watch(order, child)


def end_as(code: int) -> NoReturn:
    """End with an exit status, or by the signal -code, so that the hub sees how it was."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # these two cannot be set
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    end_as(main(Order(**given | {"command": tuple(given["command"])})))
