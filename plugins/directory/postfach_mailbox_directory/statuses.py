"""The states of applications: a file for each, in the account's folder `statuses`.

    <account>/statuses/<ApplicationID>/<key>.json     {"answer": ..., "shown": ...}

`answer` is what the hub is told, also when it sends the same key again. A file is written aside,
synced and linked, so it is there whole or not at all.
"""

import json
import os
import secrets
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

from postfach_mailbox import Deferred, Deposited, Evidence, Outcome, Reason, StatusUpdate, Unknown
from postfach_mailbox.outcomes import EVIDENCE_MAX
from postfach_mailbox_directory import letter

STATUSES = "statuses"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def earlier(account: int, update: StatusUpdate) -> Outcome | None:
    """Return the first answer for an update's key; None where there is none. Raises OSError."""
    try:
        folder = os.open(f"{STATUSES}/{update.application_id.lower()}", FOLDER, dir_fd=account)
    except FileNotFoundError:
        return None
    try:
        if found := _answer(folder, f"{update.key}.json"):
            os.fsync(folder)  # it may have been linked without anyone having waited for this
        return found
    finally:
        os.close(folder)


def show(account: int, incoming: int, update: StatusUpdate) -> Outcome:
    """Write a state into the account; raises nothing."""
    linked = False
    with ExitStack() as folders:
        try:
            statuses = _folder(folders, account, STATUSES)
            folder = _folder(folders, statuses, update.application_id.lower())
            name, aside = f"{update.key}.json", f"{update.key}-{secrets.token_hex(8)}"
            folders.callback(_remove, incoming, aside)
            _write(incoming, aside, _content(update))
            with suppress(FileExistsError):  # another call with this key was first
                os.link(aside, name, src_dir_fd=incoming, dst_dir_fd=folder, follow_symlinks=False)
            linked = True
            os.fsync(folder)
            return _answer(folder, name) or Unknown(reason=_gone())
        except OSError as error:
            reason = letter.reason(error)
            return Unknown(reason=reason) if linked else Deferred(reason=reason)


def _folder(folders: ExitStack, inside: int, name: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(name, letter.FOLDER_MODE, dir_fd=inside)
        os.fsync(inside)
    fd = os.open(name, FOLDER, dir_fd=inside)
    folders.callback(os.close, fd)
    return fd


def _content(update: StatusUpdate) -> bytes:
    answer = {
        "application": update.application_id,
        "key": update.key,
        "provided_at": datetime.now(UTC).isoformat(),
        "status": update.status,
    }
    shown = update.model_dump(mode="json", exclude={"key", "mailbox"}, exclude_none=True)
    return json.dumps({"answer": answer, "shown": shown}, sort_keys=True).encode()


def _write(folder: int, name: str, data: bytes) -> None:
    fd = os.open(name, FILE, letter.FILE_MODE, dir_fd=folder)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)


def _remove(folder: int, name: str) -> None:
    with suppress(OSError):  # what is left there is swept
        os.unlink(name, dir_fd=folder)


def _answer(folder: int, name: str) -> Outcome | None:
    """Return the answer of a state that is there; None where there is none. Raises OSError."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        with os.fdopen(fd, "rb") as file:
            answer: dict[str, Any] = json.loads(file.read(EVIDENCE_MAX))["answer"]
        data = json.dumps(answer, separators=(",", ":"), sort_keys=True).encode()
        evidence = Evidence(
            name="answer.json", media_type="application/json", data=data, in_receipt=True
        )
        return Deposited(
            reference=f"{answer['application']}/{answer['key']}",
            provided_at=datetime.fromisoformat(answer["provided_at"]),
            source="hub-clock",
            evidence=(evidence,),
        )
    except (LookupError, TypeError, ValueError):
        return Unknown(reason=_gone())


def _gone() -> Reason:
    return Reason(code="ANSWER_MISSING", text="the state is there, but its answer cannot be read")
