"""One letter: written aside as a folder, and read back as its first answer."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from postfach_mailbox import Delivery, DeliveryDocument, Deposited, Evidence, Outcome
from postfach_mailbox.cipher import CHUNK, Damaged
from postfach_mailbox.outcomes import EVIDENCE_MAX, Reason, Unknown

INCOMING, ANSWER = ".incoming", ".answer.json"
SEAL_NAME = "bescheid-siegel"
STALE = 24 * 3600  # seconds; longer than any call may last
FOLDER_MODE, FILE_MODE = 0o750, 0o640
NAME_BYTES = 255


class ContentInvalid(Exception):
    """A document's name cannot be a file's here; the text does not repeat it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Letter:
    """A letter on its way.

    root, account, incoming: open folders; name: its folder in `incoming`; key: its name to be
    begun: after `root` was opened and before anything was written; orders letters
    """

    root: int
    account: int
    incoming: int
    name: str
    key: str
    begun: float
    deposited: Deposited


def earlier(account: int, key: str) -> Outcome | None:
    """Return the first answer for `key`, None where there is no letter. Raises OSError."""
    try:
        os.stat(key, dir_fd=account, follow_symlinks=False)
    except FileNotFoundError:
        return None
    try:
        fd = os.open(f"{key}/{ANSWER}", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=account)
        with os.fdopen(fd, "rb") as file:
            return _deposited(file.read(EVIDENCE_MAX))
    except (OSError, LookupError, TypeError, ValueError):
        text = f"the letter is there, but its {ANSWER} cannot be read"
        return Unknown(reason=Reason(code="ANSWER_MISSING", text=text))


def _deposited(answer: bytes) -> Deposited:
    facts: dict[str, Any] = json.loads(answer)
    return Deposited(
        reference=f"{facts['account']}/{facts['key']}",
        provided_at=datetime.fromisoformat(facts["provided_at"]),
        source="hub-clock",
        evidence=(
            Evidence(
                name="answer.json", media_type="application/json", data=answer, in_receipt=True
            ),
        ),
    )


def sweep(incoming: int) -> None:
    """Remove what a child that died left there long ago."""
    for name in os.listdir(incoming):
        with suppress(OSError):  # another child may sweep as well
            if time.time() - os.stat(name, dir_fd=incoming).st_mtime > STALE:
                discard(incoming, name)


def discard(incoming: int, name: str) -> None:
    """Remove a letter on its way; what cannot be removed is swept later."""
    shutil.rmtree(name, ignore_errors=True, dir_fd=incoming)


def sync(written: Letter) -> None:
    """Sync each file of a letter, and its folder, where no barrier covers all."""
    folder = os.open(written.name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=written.incoming)
    try:
        for name in os.listdir(folder):  # noqa: PTH208  # an open folder has no path
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        os.fsync(folder)
    finally:
        os.close(folder)


def reason(error: OSError) -> Reason:
    """Return an error of the file system as a reason: no path, as it names an account."""
    code = errno.errorcode.get(error.errno or 0, "STORAGE")
    return Reason(code=code, text=f"folder: {error.strerror or 'not usable'}")


def write(root: int, account: int, incoming: int, delivery: Delivery) -> Letter:
    """Write a letter into `incoming`; the caller syncs and renames it.

    Raises OSError, Damaged or ContentInvalid, and leaves nothing then.
    """
    begun = time.monotonic()
    name = f"{delivery.key}-{secrets.token_hex(8)}"
    os.mkdir(name, FOLDER_MODE, dir_fd=incoming)
    try:
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=incoming)
        try:
            answer = _fill(folder, delivery)
        finally:
            os.close(folder)
    except BaseException:
        discard(incoming, name)
        raise
    return Letter(
        root=root,
        account=account,
        incoming=incoming,
        name=name,
        key=delivery.key,
        begun=begun,
        deposited=_deposited(answer),
    )


def _fill(folder: int, delivery: Delivery) -> bytes:
    taken = {document.facts.filename.casefold() for document in delivery.documents}
    facts = []
    for document in delivery.documents:
        digest = _copy(folder, _plain(document.facts.filename), document)
        facts.append({"id": document.facts.id, "sha256": digest, "size": document.facts.size})
    seal = delivery.sealed_notice
    digest = _copy(folder, _seal_name(taken), seal)
    answer = {
        "account": delivery.notice.mailbox.id,
        "documents": facts,
        "key": delivery.key,
        "provided_at": datetime.now(UTC).isoformat(),
        "seal": {"sha256": digest, "size": seal.facts.size},
    }
    data = json.dumps(answer, separators=(",", ":"), sort_keys=True).encode()
    with _new(folder, ANSWER) as file:
        file.write(data)
    return data


def _plain(name: str) -> str:
    """Return a name that is a visible plain file's. Raises ContentInvalid."""
    size = len(name.encode(errors="replace"))
    if name.startswith(".") or not 0 < size <= NAME_BYTES or re.search(r"[/\x00-\x1f\x7f]", name):
        raise ContentInvalid("a document's name cannot be a file's in this mailbox")
    return name


def _seal_name(taken: set[str]) -> str:
    name, number = f"{SEAL_NAME}.xml", 1
    while name in taken:
        number += 1
        name = f"{SEAL_NAME}-{number}.xml"
    return name


def _copy(folder: int, name: str, document: DeliveryDocument) -> str:
    """Write a document and return its SHA-256; raises Damaged where it is not the announced one."""
    digest, size = hashlib.sha256(), 0
    with document.open() as stream, _new(folder, name) as file:
        while piece := stream.read(CHUNK):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    if (digest.hexdigest(), size) != (document.facts.sha256, document.facts.size):
        raise Damaged("a document is not the announced one")
    return digest.hexdigest()


def _new(folder: int, name: str) -> BinaryIO:
    def opener(path: str, flags: int) -> int:
        try:
            return os.open(path, flags | os.O_NOFOLLOW, FILE_MODE, dir_fd=folder)
        except FileExistsError as error:
            raise ContentInvalid("two documents have one name") from error

    return open(name, "xb", opener=opener)
