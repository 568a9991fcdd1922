"""The process behind a Host: made, spoken with, killed; nothing here blocks or decides."""

import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hub.host.events import Answer, Event, Kept, Started, StartFailed
from postfach_mailbox import frames
from postfach_mailbox.frames import Operation
from postfach_mailbox.wire import Broken, Inbox, Outbox

FOLDER = "postfach-mailbox-"
STALE = 60  # seconds; longer than it takes to make a folder and lock it
READS = 64  # reads for one pump(), so that a child that floods does not hold up the others


@dataclass(slots=True)  # changes as the call goes on
class InFlight:
    """A call that the child has."""

    operation: Operation
    deadline: float
    keeping: bool = False


@dataclass(slots=True, kw_only=True)  # changes as the process lives
class Child:
    """A running process and what connects it."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    pidfd: int
    poll: select.epoll
    folder: Path
    lock: int
    start_by: float
    inbox: Inbox = field(default_factory=lambda: Inbox(descriptors=False))
    outbox: Outbox = field(default_factory=Outbox)
    calls: dict[int, InFlight] = field(default_factory=dict)
    up: bool = False


def spawn(interpreter: str, start_by: float) -> Child:
    """Start the process. Raises OSError where none can be made, and leaves nothing then."""
    with ExitStack() as undo:
        folder, lock = _own_folder()
        undo.callback(os.close, lock)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        ours, theirs = socket.socketpair()
        undo.callback(ours.close)
        ours.setblocking(False)
        poll = undo.enter_context(select.epoll())
        with theirs:
            process = _run(interpreter, folder, theirs.fileno())
        undo.callback(process.wait)
        undo.callback(process.kill)
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
        start_by=start_by,
    )


def _run(interpreter: str, folder: Path, fd: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [interpreter, "-I", "-m", "postfach_mailbox.child", str(fd), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a plugin's own words could be payload
        cwd=folder,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "MALLOC_ARENA_MAX": "2",  # else each thread reserves address space of its own
        },
        pass_fds=[fd],
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
        case frames.Started() if not child.up:
            child.up = True
            return Started(capabilities=frame.capabilities, operations=frozenset(frame.operations))
        case frames.StartFailed() if not child.up:
            return StartFailed(reason=frame.reason, fix=frame.fix)
        case frames.Kept() if (each := child.calls.get(frame.id)) and not each.keeping:
            each.keeping = True
            return Kept(call=frame.id, reference=frame.reference)
        case frames.Answer() if each := child.calls.get(frame.id):
            if type(frame.value) not in frames.ALLOWED[each.operation]:
                raise Broken("an answer is none that its operation allows")
            del child.calls[frame.id]
            return Answer(call=frame.id, operation=each.operation, outcome=frame.value)
    raise Broken("a frame has no place here")


def bury(child: Child) -> int:
    """Kill what is left of the child, free everything; return its exit status, or -signal."""
    with suppress(ProcessLookupError):  # not reaped yet, so the group's id is still its own
        os.killpg(child.process.pid, signal.SIGKILL)
    code = child.process.wait()
    child.outbox.close()
    child.inbox.close()
    child.poll.close()
    child.connection.close()
    os.close(child.pidfd)
    shutil.rmtree(child.folder, ignore_errors=True)
    os.close(child.lock)
    return code


def _own_folder() -> tuple[Path, int]:
    """Make an empty folder, locked by an open descriptor; sweep those of hubs that were killed."""
    made = Path(tempfile.mkdtemp(prefix=FOLDER))
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
