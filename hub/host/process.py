"""The processes behind a Host: made, spoken with, killed; nothing here blocks or decides."""

import fcntl
import itertools
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hub.host import cgroup, guardian
from hub.host.events import Answer, Event, Kept, Started, StartFailed, StartFault, plain
from hub.host.limits import Limits
from hub.mailboxes import Account, Installed
from postfach_mailbox import frames
from postfach_mailbox.frames import Described, Operation
from postfach_mailbox.kinds import KINDS
from postfach_mailbox.wire import Broken, Inbox, Outbox

FOLDER = "postfach-mailbox-"
STALE = 60  # seconds; longer than it takes to make a folder and lock it
PATIENCE = 6.0  # seconds for the guardian to end everything; more than its own
WORDS = 500  # bytes of what a guardian says
OWN_TASKS = 8  # threads that a plugin's process has beside those of its calls
KEPT_MOST = 16  # references of one call; each costs the hub a commit
READS = 64  # reads for one pump(), so that a child that floods does not hold up the others
_numbers = itertools.count(1)


@dataclass(slots=True)  # changes as the call goes on
class InFlight:
    """A call that the child has."""

    operation: Operation
    deadline: float
    keeping: bool = False
    kept: int = 0


@dataclass(slots=True, kw_only=True)  # changes as the process lives
class Child:
    """A running process and what connects it."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    pidfd: int
    poll: select.epoll
    folder: Path
    lock: int
    cgroup: Path | None
    start_by: float
    described: type[Described]  # what its plugin's kind says of itself
    inbox: Inbox = field(default_factory=lambda: Inbox(descriptors=False))
    outbox: Outbox = field(default_factory=Outbox)
    calls: dict[int, InFlight] = field(default_factory=dict)
    up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What was made for one process: its folder, its end of the socket, its cgroup."""

    folder: Path
    fd: int
    cgroup: Path | None


def spawn(installed: Installed, limits: Limits, in_flight: int, start_by: float) -> Child:
    """Start the process. Raises OSError where none can be made, and leaves nothing then."""
    with ExitStack() as undo:
        folder, lock = _own_folder(installed.account)
        undo.callback(os.close, lock)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        ours, theirs = socket.socketpair()
        undo.callback(ours.close)
        ours.setblocking(False)
        poll = undo.enter_context(select.epoll())
        own = _cgroup(limits, in_flight)
        if own is not None:
            undo.callback(cgroup.end, own)
        with theirs:
            place = _Place(folder=folder, fd=theirs.fileno(), cgroup=own)
            process = _run(_order(installed, limits, in_flight, place))
        undo.callback(_end, process)
        pidfd = os.pidfd_open(process.pid)
        poll.register(ours, select.EPOLLIN)
        poll.register(pidfd, select.EPOLLIN)
        undo.pop_all()
    return Child(
        process=process,
        connection=ours,
        pidfd=pidfd,
        poll=poll,
        folder=folder,
        lock=lock,
        cgroup=own,
        start_by=start_by,
        described=KINDS[installed.group].capabilities,
    )


def _cgroup(limits: Limits, in_flight: int) -> Path | None:
    """Make a cgroup for a plugin's process where that is possible."""
    made = cgroup.groups()
    if made is None:
        return None
    tasks = None if limits.processes is None else limits.processes + in_flight + OWN_TASKS
    return made.make(f"plugin-{os.getpid()}-{next(_numbers)}", limits.memory, tasks)


def _order(installed: Installed, limits: Limits, in_flight: int, place: _Place) -> guardian.Order:
    python, account = str(installed.python or sys.executable), installed.account
    return guardian.Order(
        command=(python, "-I", "-m", "postfach_mailbox.child", str(place.fd)),
        environment={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(place.folder),
            "TMPDIR": str(place.folder),
            "MALLOC_ARENA_MAX": "2",  # else each thread reserves address space of its own
        },
        fd=place.fd,
        hub=os.getpid(),
        memory=limits.memory,
        file_size=limits.file_size,
        processes=limits.processes,
        threads=in_flight + OWN_TASKS,
        uid=account.uid if account else None,
        gid=account.gid if account else None,
        cgroup=None if place.cgroup is None else str(place.cgroup),
        folder=str(place.folder),
    )


def _run(order: guardian.Order) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # Without site packages: nothing but the standard library runs before it is confined.
        [sys.executable, "-I", "-S", guardian.__file__, order.written()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        pass_fds=[order.fd],
        start_new_session=True,
    )


def flush(child: Child) -> None:
    """Send what the socket takes, and have the poll watch for room where it does not take all."""
    # A child that is gone shows as the end of the socket in the next events().
    with suppress(BrokenPipeError, ConnectionResetError):
        child.outbox.flush(child.connection)
    wanted = select.EPOLLIN | (select.EPOLLOUT if len(child.outbox) else 0)
    child.poll.modify(child.connection, wanted)


def pump(child: Child, found: list[Event]) -> bool:
    """Send and receive what is possible; False when the child has ended and all of it is read."""
    ended = bool(select.select([child.pidfd], [], [], 0)[0])
    flush(child)
    for _ in range(READS):
        try:
            if not child.inbox.receive(child.connection):
                # Its exit follows its socket's end; the moment's wait tells how it ended.
                select.select([child.pidfd], [], [], 0.05)
                return False
        except BlockingIOError:
            return not ended
        except ConnectionResetError:
            return False
        for frame in child.inbox.frames():
            found.append(_event(child, frame))  # noqa: PERF401  # keeps those before a broken one
    return True


def _event(child: Child, data: bytes) -> Event:
    """Return the event that a frame of the child means. Raises Broken where it has no place."""
    try:
        frame = frames.TO_HUB.validate_json(data)
    except ValueError as error:
        raise Broken("a frame cannot be read") from error
    match frame:
        case frames.Started() if not child.up and type(frame.capabilities) is child.described:
            child.up = True
            return Started(capabilities=frame.capabilities, operations=frozenset(frame.operations))
        case frames.StartFailed() if not child.up:
            fault = StartFault.CONFIG if frame.configured else StartFault.REFUSED
            return StartFailed(reason=plain(frame.reason), fix=plain(frame.fix), fault=fault)
        case frames.Kept() if (each := child.calls.get(frame.id)) and not each.keeping:
            each.keeping, each.kept = True, each.kept + 1
            if each.kept > KEPT_MOST:
                raise Broken("a call keeps too many references")
            return Kept(call=frame.id, reference=frame.reference)
        case frames.Answer() if each := child.calls.get(frame.id):
            if type(frame.value) not in frames.ALLOWED[each.operation]:
                raise Broken("an answer is none that its operation allows")
            del child.calls[frame.id]
            return Answer(call=frame.id, operation=each.operation, outcome=frame.value)
    raise Broken("a frame has no place here")


def bury(child: Child) -> tuple[int, str]:
    """End what is left of the child, free everything.

    Returns its exit status, or -signal, and what the guardian said, if that is why it ended.
    """
    code, said = _end(child.process)
    if child.cgroup is not None:
        cgroup.end(child.cgroup)
    child.outbox.close()
    child.inbox.close()
    child.poll.close()
    child.connection.close()
    os.close(child.pidfd)
    shutil.rmtree(child.folder, ignore_errors=True)
    os.close(child.lock)
    return code, said


def _end(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Have the guardian end everything; kill it where it does not. Returns status and words."""
    process.terminate()
    process.send_signal(signal.SIGCONT)  # the plugin may have stopped it
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    said = b""
    if process.stdout is not None:
        os.set_blocking(process.stdout.fileno(), False)
        with suppress(BlockingIOError), process.stdout:
            said = os.read(process.stdout.fileno(), WORDS)
    return code, said.decode("utf-8", "replace")


def _own_folder(account: Account | None) -> tuple[Path, int]:
    """Make an empty folder, locked by an open descriptor; sweep those of hubs that were killed."""
    made = Path(tempfile.mkdtemp(prefix=FOLDER))
    if account is not None:
        try:
            os.chown(made, account.uid, account.gid)
        except OSError:
            made.rmdir()
            raise
    lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    for other in made.parent.glob(f"{FOLDER}*"):
        with suppress(OSError):  # another user's, or swept by another hub
            if other.stat().st_mtime < made.stat().st_mtime - STALE:
                _remove_unless_locked(other)
    return made, lock


def _remove_unless_locked(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(fd)
