"""Ask a Python that is not the hub's which plugins it has.

It is foreign code that runs there (a `.pth` file is enough), so: bounded time and output, a clean
environment, a process group that is killed, and the user that the plugin's process will have.
"""

import os
import select
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hub.clock import system_clock
from postfach_mailbox.installed import Listing, Offered
from postfach_mailbox.version import CONTRACT_VERSION

TIMEOUT = 15.0  # seconds; a Python answers in under one
MOST = 1024**2  # bytes of an answer
MODULE = "postfach_mailbox.installed"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of the system that a plugin's process runs as."""

    name: str
    uid: int
    gid: int


class Unanswered(Exception):
    """The Python cannot be asked: what is wrong, and what to do."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}. {fix}")
        self.what, self.fix = what, fix


def ask(python: Path, account: Account | None = None, timeout: float = TIMEOUT) -> list[Offered]:
    """Return the plugins that `python` has. Raises Unanswered.

    account: whom the question runs as; None: the hub's own user
    timeout: seconds
    """
    said, ended = _run(python, account, timeout)
    if ended is None:
        raise Unanswered(
            f"{python} did not answer in {timeout:.0f} s",
            f"See what keeps it: {python} -I -m {MODULE}",
        )
    try:
        listing = Listing.model_validate_json(said)
    except ValidationError as error:
        raise Unanswered(
            f"{python} does not say what it has (exit status {ended})",
            f"Install postfach-mailbox there; this shows what is wrong: {python} -I -m {MODULE}",
        ) from error
    if listing.contract != CONTRACT_VERSION:
        raise Unanswered(
            f"{python} has version {listing.contract} of the contract, the hub has"
            f" {CONTRACT_VERSION}",
            "Install the hub's version of postfach-mailbox there",
        )
    return list(listing.offered)


def _run(python: Path, account: Account | None, timeout: float) -> tuple[bytes, int | None]:
    """Return what it printed, and its exit status; None where it took too long or said too much."""
    uid, gid = (account.uid, account.gid) if account else (None, None)
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb", buffering=0) as said:
        try:
            process = subprocess.Popen(
                [str(python), "-I", "-m", MODULE],
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
                user=uid,
                group=gid,
                extra_groups=[] if account else None,
            )
        except OSError as error:
            as_whom = f" as {account.name}" if account else ""
            raise Unanswered(
                f"{python} cannot be run{as_whom} ({error.strerror})",
                "Name a Python that may be run there, or leave the key out: the hub's own is used",
            ) from error
        finally:
            os.close(theirs)
        try:
            return _read(process, said.fileno(), timeout)
        finally:
            with suppress(ProcessLookupError, PermissionError):  # not reaped: its group is its own
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _read(process: "subprocess.Popen[bytes]", fd: int, timeout: float) -> tuple[bytes, int | None]:
    said, clock = b"", system_clock()
    end = clock.elapsed() + timeout
    # A process that it leaves behind may hold the pipe open: no longer waited for than `end`.
    while select.select([fd], [], [], max(0.0, end - clock.elapsed()))[0]:
        if not (data := os.read(fd, 65536)):
            with suppress(subprocess.TimeoutExpired):
                return said, process.wait(max(0.0, end - clock.elapsed()))
            break
        said += data
        if len(said) > MOST:
            break
    return said, None
