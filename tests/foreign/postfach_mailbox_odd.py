"""A mailbox that does what the notice's subject says, most of it bad."""

import hashlib
import json
import os
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
    Keep,
    Outcome,
    Repeat,
    Settings,
    hookimpl,
)


class OddMailbox:
    class Config(Settings):
        note: str = ""

    def __init__(self, config: Config) -> None:
        self.note = config.note
        self.together = threading.Barrier(3)

    def capabilities(self) -> Capabilities:
        if self.note == "hangs at start":
            threading.Event().wait()
        if self.note == "dies at start":
            os._exit(4)
        return Capabilities(
            scheme="odd",
            address_pattern="[a-z]+",
            legal_bases=frozenset({"OZG9"}),
            assurance_level="low",
            max_file=10**6,
            max_total=10**6,
            max_count=3,
            repeat=Repeat.NEITHER,
        )

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        if delivery.notice.subject == "lie":
            return "deposited"  # type: ignore[return-value]  # that is the lie
        if delivery.notice.subject == "together":
            self.together.wait()
        act = ACTS.get(delivery.notice.subject)
        said = act(delivery, keep) if act else None
        return Deposited(
            reference=delivery.key,
            provided_at=datetime.now(UTC),
            source="mailbox",
            evidence=(Evidence(name="answer", media_type="text/plain", data=said or b""),),
        )

    def health(self) -> Health:
        return Health(status="up", text=self.note)

    def account(self) -> Account:
        raise RuntimeError("cannot say")


def fail(delivery: Delivery, keep: Keep) -> None:
    raise ValueError(f"cannot take {delivery.notice.text}")


def die(delivery: Delivery, keep: Keep) -> None:
    os._exit(3)


def hang(delivery: Delivery, keep: Keep) -> None:
    threading.Event().wait()


def shout(delivery: Delivery, keep: Keep) -> None:
    for stream in (sys.stdout, sys.stderr):
        print("x" * 1_000_000, flush=True, file=stream)  # that is the nuisance


def start(delivery: Delivery, keep: Keep) -> bytes:
    """Leave a process behind; say which."""
    return str(subprocess.Popen(["sleep", "1000"]).pid).encode()


def look(delivery: Delivery, keep: Keep) -> bytes:
    """Say what there is to see: environment, working folder, descriptors."""
    descriptors = [str(each) for each in Path("/proc/self/fd").iterdir()]
    files = [each.name for each in Path().iterdir()]
    seen = {"environment": dict(os.environ), "files": files, "descriptors": len(descriptors)}
    return json.dumps(seen).encode()


def read(delivery: Delivery, keep: Keep) -> bytes:
    with delivery.documents[0].open() as stream:
        digest = hashlib.sha256(stream.read()).hexdigest()
        stream.seek(70_000)
        return digest.encode() + stream.read(5)


ACTS: dict[str, Callable[[Delivery, Keep], bytes | None]] = {
    "raise": fail,
    "exit": lambda delivery, keep: sys.exit(delivery.notice.text),
    "die": die,
    "hang": hang,
    "close": lambda delivery, keep: os.closerange(3, 100),
    "keep": lambda delivery, keep: keep("reference of the mailbox"),
    "keep too much": lambda delivery, keep: keep("x" * 5000),
    "print": shout,
    "start": start,
    "look": look,
    "read": read,
    "prepared": lambda delivery, keep: delivery.prepared,
}


@hookimpl
def postfach_mailbox() -> type:
    return OddMailbox
