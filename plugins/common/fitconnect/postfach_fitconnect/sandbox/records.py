"""Submissions and replies as the service keeps them: a folder each, also after a restart.

submissions/<id>/record.json     what is known of it
submissions/<id>/<name>.jwe      what was uploaded, as it came
replies/<id>/reply.json, ...     likewise
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from postfach_fitconnect.sandbox.refusing import Finding
from postfach_fitconnect.sandbox.switching import Spoil

METADATA: Final = "metadata"
DATA: Final = "data"


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    case: str
    destination: str
    client: str
    created: float  # seconds since 1970, as all times here; by the clock of the sandbox


class State(StrEnum):
    """How far a submission is."""

    CREATED = "created"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DELETED = "deleted"


class Plan(BaseModel):
    """What a destination is going to say of a submission, and when.

    due: None: when someone says so
    problem: of the reject that it will be, whatever was sent; None: none
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    due: float | None
    problem: str | None = None
    spoil: Spoil | None = None


class Record(_Kept):
    """A submission.

    tags: authentication tags, as events tell them
    request: the X-Request-ID that it was created with
    arrival: number of what was decrypted, None: that was not done yet
    findings: what is wrong with it
    """

    service: str
    request: str | None = None
    announced: tuple[str, ...]
    state: State = State.CREATED
    submitted: float | None = None
    tags: dict[str, Any] = {}
    events: tuple[str, ...] = ()
    plan: Plan = Plan(due=0)
    arrival: str | None = None
    findings: tuple[Finding, ...] = ()
    reply_key: dict[str, Any] | None = None


class Reply(_Kept):
    """A reply, encrypted; `attachments`: their ids."""

    metadata: str
    data: str
    attachments: tuple[str, ...]
    acknowledged: bool = False


_KEPT = TypeVar("_KEPT", Record, Reply)


class Records(Generic[_KEPT]):
    """All of a kind, oldest first. Safe for threads; who changes one holds its lock."""

    def __init__(self, folder: Path, kind: type[_KEPT]) -> None:
        """Go on with what lies in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        found = [
            kind.model_validate_json(each.read_bytes()) for each in folder.glob("*/record.json")
        ]
        found.sort(key=lambda each: each.created)
        self._all: dict[str, _KEPT] = {each.id: each for each in found}

    def all(self) -> list[_KEPT]:
        """Return all."""
        with self._lock:
            return list(self._all.values())

    def get(self, id_: str) -> _KEPT | None:
        """Return one."""
        with self._lock:
            return self._all.get(id_)

    def put(self, record: _KEPT) -> _KEPT:
        """Keep one, new or changed; return it."""
        path = self.file(record.id, "record.json")
        path.parent.mkdir(exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(record.model_dump_json(indent=1), "utf-8")
        new.replace(path)
        with self._lock:
            self._all[record.id] = record
        return record

    def file(self, id_: str, name: str) -> Path:
        """Return where a file of one lies, or is to lie."""
        return self._folder / id_ / name

    @contextmanager
    def locked(self, id_: str) -> Iterator[None]:
        """Let no one else change this one meanwhile."""
        with self._lock:
            lock = self._locks[id_]
        with lock:
            yield
