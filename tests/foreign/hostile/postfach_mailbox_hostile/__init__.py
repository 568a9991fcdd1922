"""A mailbox that does what a mailbox must not do: `act` in its settings says what.

It writes what a test needs to know into its folder `path`, where it can.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from postfach_mailbox import (
    Account,
    Capabilities,
    Delivery,
    Deposited,
    Evidence,
    Health,
    HubPath,
    Keep,
    Outcome,
    Repeat,
    Settings,
    hookimpl,
)
from postfach_mailbox_hostile import returning
from postfach_mailbox_hostile.reach import descriptors, look

SLEEPER = [sys.executable, "-c", "import time; time.sleep(1000)"]
BOMB = 60  # processes that daemonise; more than are allowed, fewer than hurt the machine


class HostileMailbox(returning.Returning):
    class Config(Settings):
        act: str = "good"
        path: HubPath | None = None
        contract: str = "1.0"
        look_at: tuple[str, ...] = ()

    def __init__(self, config: Config) -> None:
        super().__init__(config.act)
        self._config = config
        self._all = threading.Barrier(64)
        at_start = AT_START.get(config.act)
        if at_start:
            at_start()

    def capabilities(self) -> Capabilities:
        return Capabilities(
            contract="1.1" if self._config.act in returning.BACK else self._config.contract,
            scheme="hostile",
            address_pattern="[a-z]+",
            legal_bases=frozenset({"OZG9"}),
            assurance_level="high",
            max_file=10**6,
            max_total=10**6,
            max_count=3,
            repeat=Repeat.NEITHER,
            return_channel=self._config.act in returning.BACK,
        )

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        said = ACTS.get(self._config.act, ACTS["good"])(self, delivery)
        return said if said is not None else deposited(delivery)

    def health(self) -> Health:
        if self._config.act == "raise":
            raise ValueError("no health")
        return Health(status="up")

    def account(self, address: str) -> Account:
        raise ValueError(f"no account {address}")

    def _note(self, text: str) -> None:
        if self._config.path is not None:
            with (self._config.path / "notes").open("a") as file:
                file.write(text + "\n")


def deposited(delivery: Delivery, data: bytes = b"yes") -> Deposited:
    return Deposited(
        reference=delivery.key,
        provided_at=datetime.now(UTC),
        source="mailbox",
        evidence=(Evidence(name="answer", media_type="text/plain", data=data),),
    )


def hub_socket() -> socket.socket:
    """Find the connection to the hub."""
    (fd,) = [fd for fd, target in descriptors().items() if target.startswith("socket:")]
    return socket.socket(fileno=os.dup(int(fd)))


def hang(mailbox: HostileMailbox, delivery: Delivery) -> None:
    threading.Event().wait()


def flood(mailbox: HostileMailbox, delivery: Delivery) -> None:
    while True:
        os.write(1, b"x" * 65536)
        os.write(2, b"y" * 65536)


def gorge(mailbox: HostileMailbox, delivery: Delivery) -> None:
    """Take 2 GB and touch each page."""
    taken = bytearray(2 * 1000**3)
    taken[::4096] = b"x" * len(taken[::4096])


def gorge_together(mailbox: HostileMailbox, delivery: Delivery) -> None:
    """Take memory in processes that each stay below their limit."""
    text = "import time; x = bytearray(120_000_000); x[::4096] = b'x' * len(x[::4096]); "
    for _ in range(6):
        subprocess.Popen([sys.executable, "-c", text + "time.sleep(1000)"])
    hang(mailbox, delivery)


def bomb(mailbox: HostileMailbox, delivery: Delivery) -> None:
    """Start processes that daemonise: a session of their own, and no parent."""
    for _ in range(BOMB):
        daemonise(mailbox)
    hang(mailbox, delivery)


def daemonise(mailbox: HostileMailbox) -> None:
    text = "import os, subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
    subprocess.run([sys.executable, "-c", text, *SLEEPER], start_new_session=True, check=False)


def outlive(mailbox: HostileMailbox, delivery: Delivery) -> None:
    """Leave two processes behind, and answer as if nothing were."""
    subprocess.Popen(SLEEPER, start_new_session=True)
    daemonise(mailbox)


def freeze(mailbox: HostileMailbox, delivery: Delivery) -> None:
    """Stop itself, so that it cannot see that the hub is gone."""
    outlive(mailbox, delivery)
    mailbox._note("frozen")
    os.kill(os.getpid(), signal.SIGSTOP)


def outlive_death(mailbox: HostileMailbox, delivery: Delivery) -> None:
    outlive(mailbox, delivery)
    mailbox._note("started")
    os._exit(7)


def kill_guardian(mailbox: HostileMailbox, delivery: Delivery) -> None:
    outlive(mailbox, delivery)
    os.kill(os.getppid(), signal.SIGKILL)
    hang(mailbox, delivery)


def stop_guardian(mailbox: HostileMailbox, delivery: Delivery) -> None:
    outlive(mailbox, delivery)
    os.kill(os.getppid(), signal.SIGSTOP)
    hang(mailbox, delivery)


def keep_on(mailbox: HostileMailbox, delivery: Delivery) -> None:
    """Send reference after reference for its call, the first that it has."""
    said = b'{"kind":"kept","id":1,"reference":"x"}'
    while True:
        hub_socket().sendall(len(said).to_bytes(4, "big") + said)
        threading.Event().wait(0.01)


def garbage(mailbox: HostileMailbox, delivery: Delivery) -> None:
    hub_socket().sendall(b"\xff\xfe" * 1000)
    hang(mailbox, delivery)


def forge(mailbox: HostileMailbox, delivery: Delivery) -> None:
    """Answer in another's name: a call that never was."""
    said = b'{"kind":"answer","id":999999,"value":{"kind":"health","status":"up","text":""}}'
    hub_socket().sendall(len(said).to_bytes(4, "big") + said)
    hang(mailbox, delivery)


def without_evidence(mailbox: HostileMailbox, delivery: Delivery) -> Outcome:
    return Deposited.model_construct(
        reference="1", provided_at=datetime.now(UTC), source="mailbox", evidence=(), warnings=()
    )


class Better(Deposited):
    """Not of the contract."""


def wrong_type(mailbox: HostileMailbox, delivery: Delivery) -> Outcome:
    return "deposited"  # type: ignore[return-value]  # that is the lie


def subclass(mailbox: HostileMailbox, delivery: Delivery) -> Outcome:
    return Better(**deposited(delivery).model_dump())


def huge_answer(mailbox: HostileMailbox, delivery: Delivery) -> Outcome:
    return deposited(delivery).model_copy(update={"warnings": ("x" * 5_000_000,)})


def huge_file(mailbox: HostileMailbox, delivery: Delivery) -> None:
    with Path("huge").open("wb") as file:
        file.writelines(b"x" * 1024**2 for _ in range(100))


def late(mailbox: HostileMailbox, delivery: Delivery) -> None:
    threading.Event().wait(max(0.0, delivery.seconds_left()) + 30)
    mailbox._note("went on after the deadline")


def fail(mailbox: HostileMailbox, delivery: Delivery) -> None:
    raise ValueError(delivery.notice.subject)


def close(mailbox: HostileMailbox, delivery: Delivery) -> None:
    os.closerange(3, 100)
    hang(mailbox, delivery)


def shut_down(mailbox: HostileMailbox, delivery: Delivery) -> None:
    hub_socket().shutdown(socket.SHUT_RDWR)
    hang(mailbox, delivery)


def wait_for_all(mailbox: HostileMailbox, delivery: Delivery) -> None:
    mailbox._all.wait()


ACTS: dict[str, Callable[[HostileMailbox, Delivery], Outcome | None]] = {
    "good": lambda mailbox, delivery: None,
    "look": lambda mailbox, delivery: deposited(delivery, look(mailbox._config.look_at)),
    "abort": lambda mailbox, delivery: os.abort(),
    "exit": lambda mailbox, delivery: sys.exit(0),
    "exit-at-once": lambda mailbox, delivery: os._exit(0),
    "hang": hang,
    "flood": flood,
    "gorge": gorge,
    "gorge-together": gorge_together,
    "bomb": bomb,
    "outlive": outlive,
    "outlive-death": outlive_death,
    "freeze": freeze,
    "close": close,
    "shut-down": shut_down,
    "kill-guardian": kill_guardian,
    "stop-guardian": stop_guardian,
    "garbage": garbage,
    "keep-on": keep_on,
    "forge": forge,
    "raise": fail,
    "without-evidence": without_evidence,
    "wrong-type": wrong_type,
    "subclass": subclass,
    "huge-answer": huge_answer,
    "huge-file": huge_file,
    "late": late,
    "wait-for-all": wait_for_all,
}


def escapes_at_start() -> None:
    """Fail with words that would change a terminal."""
    said = json.dumps({"kind": "start-failed", "reason": "\x1b[2J" + "x" * 9000, "fix": "\n\r"})
    hub_socket().sendall(len(said).to_bytes(4, "big") + said.encode())
    threading.Event().wait()


def hang_at_start() -> None:
    threading.Event().wait()


AT_START: dict[str, Callable[[], None]] = {
    "escapes-at-start": escapes_at_start,
    "die-at-start": lambda: os._exit(9),
    "raise-at-start": lambda: sys.exit("no"),
    "hang-at-start": hang_at_start,
}


@hookimpl
def postfach_mailbox() -> type:
    return HostileMailbox
