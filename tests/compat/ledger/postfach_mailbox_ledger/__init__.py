"""A mailbox in one file of lines, built for version 1.0 of the contract, with all its operations.

It stands for what others have built and will not build anew: it is not changed when the contract
grows. A new version of the contract that breaks it is a new major version.
"""

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from postfach_mailbox import (
    Absent,
    Account,
    Acknowledged,
    Capabilities,
    Collected,
    Deferred,
    Delivery,
    Deposited,
    Evidence,
    Health,
    HubPath,
    Item,
    Keep,
    NoticeData,
    Outcome,
    Pending,
    Reason,
    Reconciled,
    RefusalCode,
    Refused,
    Repeat,
    Settings,
    StatusUpdate,
    hookimpl,
)


class LedgerMailbox:
    """Answers Pending where the subject says `slow`, and is asked later."""

    class Config(Settings):
        file: HubPath

    def __init__(self, config: Config) -> None:
        self._file = config.file

    def capabilities(self) -> Capabilities:
        return Capabilities(
            contract="1.0",
            scheme="ledger",
            address_pattern="[a-z]{1,20}",
            address_normal_form="lower",
            legal_bases=frozenset({"OZG9", "NONE"}),
            assurance_level="high",
            max_file=10**7,
            max_total=10**8,
            max_count=10,
            media_types=("application/pdf", "text/plain"),
            subject_max=1024,
            repeat=Repeat.QUERYABLE,
            confirms="later",
            prepares=True,
            return_channel=True,
            status=True,
            retrieval_events=True,
            in_flight=4,
        )

    def account(self, address: str) -> Account:
        return Account(status="deleted" if address.startswith("gone") else "active")

    def prepare(self, notice: NoticeData) -> bytes | Refused:
        if not notice.documents:
            text = "a ledger takes no notice without documents"
            return Refused(reason=Reason(code=RefusalCode.CONTENT_INVALID, text=text))
        return os.urandom(8) + notice.message_id.encode()

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        if delivery.prepared is None:
            raise ValueError("nothing was prepared")
        if self.account(delivery.notice.mailbox.id).status == "deleted":
            text = "the account was closed"
            return Refused(reason=Reason(code=RefusalCode.RECIPIENT_DELETED, text=text))
        if delivery.seconds_left() < 1.0:
            return Deferred(reason=Reason(code="LATE", text="no time is left"))
        digests = []
        for document in (*delivery.documents, delivery.sealed_notice):
            with document.open() as stream:
                digests.append(hashlib.sha256(stream.read()).hexdigest())
        keep(f"L-{delivery.key[:12]}")
        line = {
            "key": delivery.key,
            "prepared": base64.b64encode(delivery.prepared).decode(),
            "digests": digests,
            "at": datetime.now(UTC).isoformat(),
        }
        append(self._file, line)
        if "slow" in delivery.notice.subject:
            reference = f"L-{delivery.key[:12]}"
            return Pending(reference=reference, check_after=timedelta(seconds=0))
        return deposited(line)

    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        for line in self._lines():
            if line.get("key") == key:
                return deposited(line)
        return Absent()

    def set_status(self, update: StatusUpdate) -> Outcome:
        line = {"status": update.status, "key": update.key, "at": datetime.now(UTC).isoformat()}
        append(self._file, line)
        return deposited(line)

    def collect(self, cursor: str | None) -> Collected:
        lines = [line for line in self._lines() if "digests" in line][int(cursor or 0) :]
        items = tuple(
            Item(
                id=f"I-{line['key'][:12]}",
                kind="retrieval",
                at=datetime.fromisoformat(line["at"]),
                about=line["key"],
                evidence=(evidence(line),),
            )
            for line in lines
        )
        return Collected(items=items, cursor=str(int(cursor or 0) + len(items)))

    def acknowledge(self, item: str) -> Acknowledged:
        append(self._file, {"acknowledged": item})
        return Acknowledged()

    def withdraw(self, reference: str) -> Outcome:
        return Refused(reason=Reason(code=RefusalCode.OTHER, text="a ledger forgets nothing"))

    def health(self) -> Health:
        there = self._file.parent.is_dir()
        return Health(status="up" if there else "down", text="" if there else "no folder")

    def _lines(self) -> list[dict[str, Any]]:
        with locked(self._file, os.O_RDONLY | os.O_CREAT) as fd, os.fdopen(os.dup(fd)) as file:
            return [json.loads(line) for line in file]


def append(file: Path, line: dict[str, Any]) -> None:
    with locked(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as fd:
        os.write(fd, json.dumps(line).encode() + b"\n")
        os.fsync(fd)


@contextmanager
def locked(file: Path, flags: int) -> Iterator[int]:
    fd = os.open(file, flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def deposited(line: dict[str, Any]) -> Deposited:
    return Deposited(
        reference=f"L-{line['key'][:12]}",
        provided_at=datetime.fromisoformat(line["at"]),
        source="mailbox",
        evidence=(evidence(line),),
    )


def evidence(line: dict[str, Any]) -> Evidence:
    data = json.dumps(line).encode()
    return Evidence(name="line.json", media_type="application/json", data=data)


@hookimpl
def postfach_mailbox() -> type:
    """Return the mailbox class."""
    return LedgerMailbox
