"""A Host with a mailbox in it, and the means to wait for what happens."""

import hashlib
import select
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.clock import Clock as HubClock
from hub.clock import system_clock
from hub.host import Answer, Event, Host, Limits
from hub.mailboxes import Account, Installed
from postfach_mailbox import cipher, frames
from postfach_mailbox.frames import Inline, Operation, Stored
from postfach_mailbox.notice import AddressData, AuthorData, CodeData, DocumentData, NoticeData

ODD = Installed(name="odd", distribution="postfach-mailbox-odd", version="2.0", entry_point="odd")
LIMITS = Limits()
DEK = bytes(range(32))
TEXT = b"what the citizen reads" * 5_000


@dataclass
class Clock:
    """The machine's clock, which a test can put forward."""

    boot_id: str = "test"
    speed: int = 1
    mark: str = ""
    forward: float = 0.0
    real: HubClock = field(default_factory=system_clock)

    def now(self) -> datetime:
        return self.real.now()

    def elapsed(self) -> float:
        return self.real.elapsed() + self.forward


class Box:
    """A Host with the means to wait for its events."""

    def __init__(
        self,
        interpreter: Path | None,
        installed: Installed = ODD,
        base: Path | None = None,
        config: Mapping[str, Any] = {},
        *,
        limits: Limits = LIMITS,
        in_flight: int = 3,
        account: Account | None = None,
    ) -> None:
        self.clock = Clock()
        self.python = interpreter or Path(sys.executable)
        self.host = Host(
            installed.name,
            replace(installed, python=interpreter, account=account),
            config,
            in_flight=in_flight,
            clock=self.clock,
            limits=limits,
            base=base,
        )

    def start(self) -> Event:
        self.host.start()
        return self.next()

    def next(self) -> Event:
        """Wait for events; there must be one."""
        (event,) = self.wait()
        return event

    def wait(self) -> list[Event]:
        return wait(self.host, self.clock)

    def deposit(self, subject: str, call: int = 1, **more: Any) -> bool:
        deadline = self.clock.real.elapsed() + more.pop("seconds", 30.0)
        with tempfile.TemporaryFile() as file:
            file.write(cipher.seal(DEK, b"n/d1", TEXT))
            file.flush()
            given = payload(subject, **more)
            # The file is closed after this: the child has a descriptor of its own.
            return self.host.call(
                call, Operation.DEPOSIT, given, fds=[file.fileno()], deadline=deadline
            )

    def outcome(self, subject: str, **more: Any) -> Any:
        assert self.deposit(subject, **more)
        event = self.next()
        assert isinstance(event, Answer)
        return event.outcome


def wait(host: Host, clock: HubClock) -> list[Event]:
    """Wait for events as the hub's loop does."""
    while not (found := host.events()):
        fd = host.fileno()
        assert fd is not None
        end = host.next_deadline()
        left = None if end is None else max(0.0, end - clock.elapsed())
        select.select([fd], [], [], left)
    return found


def payload(subject: str, text: str = "canary-7f3a", **more: Any) -> frames.DepositPayload:
    facts = DocumentData(
        id="d1",
        filename="bescheid.pdf",
        content_type="application/pdf",
        size=len(TEXT),
        role="notice",
        sha256=hashlib.sha256(TEXT).hexdigest(),
    )
    digest = hashlib.sha256(b"<seal/>").hexdigest()
    seal = facts.model_copy(update={"size": 7, "role": "seal", "sha256": digest})
    notice = NoticeData(
        message_id="urn:de:xta:messageid:a:1",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        author=AuthorData(identifier="1"),
        mailbox=AddressData(id="anna"),
        service="urn:x",
        message_type=CodeData(value="x"),
        subject=subject,
        text=text,
        legal_basis="OZG9",
        assurance_level="low",
        documents=(facts,),
    )
    length = cipher.blob_length(len(TEXT))
    return frames.DepositPayload(
        key="0" * 64,
        notice=notice,
        sources=(Stored(fd=0, offset=0, length=length, size=len(TEXT), context=b"n/d1"),),
        sealed_notice=seal,
        sealed_notice_source=Inline(data=b"<seal/>"),
        prepared=more.get("prepared"),
        dek=DEK,
        attempt=1,
    )


Make = Callable[..., Box]
"""Makes a Box that is stopped at the end of its test."""
