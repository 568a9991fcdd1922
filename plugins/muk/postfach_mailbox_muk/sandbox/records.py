"""Orders, uploads and replies as the gateway keeps them, also after a restart.

orders/<id>.json            what is known of an order
uploads/<id>.json, .bytes   an uploaded document
replies/<id>.json, <id>-N   a reply, and its documents
"""

import threading
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from postfach_mailbox_muk.assumed import State
from postfach_mailbox_muk.sandbox.fields import Order


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    client: str  # common name of the certificate that was shown


class Upload(_Kept):
    """An uploaded document."""

    filename: str
    content_type: str
    size: int
    sha256: str


class Record(_Kept):
    """An order. created, at: seconds since 1970 by the sandbox's clock; at: of the state.

    due: when the mailbox decides; None: when someone says so
    reason: of the refusal that it will be, or is
    """

    order: Order
    request: str | None
    created: float
    at: float
    due: float | None
    state: State = State.TAKEN
    reason: str | None = None


class Reply(_Kept):
    """A reply; `documents` as the gateway lists them."""

    order: str
    reference: str
    at: float
    subject: str
    text: str | None
    documents: tuple[dict[str, Any], ...] = ()
    taken: bool = False


_KEPT = TypeVar("_KEPT", Upload, Record, Reply)


class Records(Generic[_KEPT]):
    """All of a kind, in the order in which they were first kept. Safe for threads."""

    def __init__(self, folder: Path, kind: type[_KEPT]) -> None:
        """Go on with what lies in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._lock = folder, threading.Lock()
        files = sorted(folder.glob("*.json"), key=lambda each: each.stat().st_ctime_ns)
        found = [kind.model_validate_json(each.read_bytes()) for each in files]
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
        new = self.file(record.id, ".new")
        new.write_text(record.model_dump_json(indent=1), "utf-8")
        new.replace(self.file(record.id, ".json"))
        with self._lock:
            self._all[record.id] = record
        return record

    def forget(self, id_: str) -> None:
        """Lose one."""
        with self._lock:
            self._all.pop(id_, None)
        self.file(id_, ".json").unlink(missing_ok=True)

    def file(self, id_: str, ending: str) -> Path:
        """Return where a file of one lies, or is to lie."""
        return self._folder / f"{id_}{ending}"
