"""A mailbox, a check and an observer that die of a notice: killed, as for want of memory.

A line in the file `dies` of their folder says of which: operation and message id. `told` gets a
line for each event that is confirmed, `done` for each notice that is stored, or shown; `asked` for
each call, before anything else. The mailbox loses its answer to one that is `lost` in `dies`, and
has nothing of it.
"""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

from postfach_mailbox import (
    Absent,
    Capabilities,
    CheckCapabilities,
    Delivery,
    Deposited,
    Evidence,
    Health,
    HubPath,
    NoticeData,
    NoticeEvent,
    Observed,
    ObserverCapabilities,
    Outcome,
    Passed,
    Reason,
    Reconciled,
    Repeat,
    Settings,
    StatusUpdate,
    Submission,
    Unknown,
    Verdict,
)


class Deadly:
    class Config(Settings):
        path: HubPath

    def __init__(self, config: Config) -> None:
        self._path = config.path

    def health(self) -> Health:
        return Health(status="up")

    def _meet(self, operation: str, message_id: str) -> None:
        """Write down what is asked, and die where `dies` says so."""
        note(self._path / "asked", f"{operation} {message_id}")
        if self._listed(operation, message_id):
            os.kill(os.getpid(), signal.SIGKILL)

    def _listed(self, operation: str, message_id: str) -> bool:
        dies = self._path / "dies"
        return dies.exists() and f"{operation} {message_id}" in dies.read_text().splitlines()


def note(file: Path, line: str) -> None:
    with file.open("a") as stream:
        stream.write(f"{line}\n")


class DeadlyObserver(Deadly):
    def capabilities(self) -> ObserverCapabilities:
        return ObserverCapabilities(contract="1.0")

    def observe(self, events: tuple[NoticeEvent, ...]) -> Observed:
        for event in events:
            self._meet(event.event, event.message_id or "")
        for event in events:
            note(self._path / "told", f"{event.id} {event.event} {event.message_id}")
        return Observed()


class DeadlyCheck(Deadly):
    def capabilities(self) -> CheckCapabilities:
        return CheckCapabilities(contract="1.0")

    def check(self, submission: Submission) -> Verdict:
        self._meet("check", submission.notice.message_id)
        return Passed()


class DeadlyMailbox(Deadly):
    def capabilities(self) -> Capabilities:
        return Capabilities(
            scheme="deadly",
            address_pattern="[a-z]+",
            legal_bases=frozenset({"OZG9"}),
            assurance_level="high",
            max_file=10**6,
            max_total=10**6,
            max_count=3,
            repeat=Repeat.QUERYABLE,
            prepares=True,
            status=True,
        )

    def prepare(self, notice: NoticeData) -> bytes:
        self._meet("prepare", notice.message_id)
        return notice.message_id.encode()

    def deposit(self, delivery: Delivery) -> Outcome:
        message_id = delivery.notice.message_id
        note(self._path / "keys", f"{delivery.key} {message_id}")
        self._meet("deposit", message_id)
        if self._listed("lost", message_id):
            return Unknown(reason=Reason(code="LOST", text="no answer"))
        return self._done(message_id)

    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        known = dict(line.split() for line in (self._path / "keys").read_text().splitlines())
        if key in known:  # else its process died before it came to this one
            self._meet("reconcile", known[key])
        return Absent()

    def set_status(self, update: StatusUpdate) -> Outcome:
        note(self._path / "keys", f"{update.key} {update.message_id}")
        self._meet("set_status", update.message_id)
        return self._done(update.message_id)

    def _done(self, message_id: str) -> Deposited:
        note(self._path / "done", message_id)
        return Deposited(
            reference="1",
            provided_at=datetime.now(UTC),
            source="mailbox",
            evidence=(Evidence(name="answer", media_type="text/plain", data=b"yes"),),
        )


def postfach_mailbox() -> type:
    return DeadlyMailbox


def postfach_check() -> type:
    return DeadlyCheck


def postfach_observer() -> type:
    return DeadlyObserver
