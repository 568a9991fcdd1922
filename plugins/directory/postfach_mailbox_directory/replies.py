"""Replies as folders: the return channel, to be tried without a network.

    <path>/<account>/replies/<id>/reply.json      what came back; the documents lie beside it
    <path>/<account>/replies/.taken/<id>/         acknowledged: moved aside, never offered again

`reply.json` is an object: `about` (key of the letter, or `<account>/<key>`), `subject`, and as
wanted `kind` (`reply`, `retrieval`, `late-failure`, `status`; `reply` if unset), `text`, `sender`,
`in_reply_to`, and `documents`, a list of objects with `filename` and `content_type`. Whoever writes
one makes the folder under a name that begins with a dot, and renames it when all is there.

Limits: one that cannot be read as a reply is passed over; it stays where it is, for a person.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from postfach_mailbox import Evidence, Fetched, Item, ReplyData, ReplyDocument
from postfach_mailbox.cipher import CHUNK

REPLIES, TAKEN, ABOUT = "replies", ".taken", "reply.json"
MOST_ITEMS = 16  # of one answer: with the longest texts they stay below a frame
MOST_BYTES = 1024 * 1024  # of reply.json
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def offered(root: Path) -> tuple[Item, ...]:
    """Return the first replies that are not acknowledged yet. Raises OSError without the root."""
    found: list[Item] = []
    for account, name in _names(root):
        if len(found) == MOST_ITEMS:
            break
        # RecursionError: of JSON nested too deep; one bad reply must not hide the others
        with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
            found.append(_item(root, account, name))
    return tuple(found)


def write(root: Path, item: str, document: int, into: BinaryIO) -> Fetched:
    """Write a reply's document into `into`. Raises OSError, LookupError, ValueError."""
    digest, size = hashlib.sha256(), 0
    with ExitStack() as opened:
        folder = _open(opened, root, item)
        facts = json.loads(_read(folder, ABOUT))["documents"][document]
        with _file(folder, facts["filename"]) as file:
            while piece := file.read(CHUNK):
                into.write(piece)
                digest.update(piece)
                size += len(piece)
    return Fetched(size=size, sha256=digest.hexdigest())


def take(root: Path, item: str) -> None:
    """Move a reply aside; one that is there already is no error. Raises OSError, ValueError."""
    account, name = _split(item)
    replies = root / account / REPLIES
    taken = replies / TAKEN
    taken.mkdir(exist_ok=True)
    try:
        (replies / name).rename(taken / name)
    except FileNotFoundError:
        if not (taken / name).is_dir():
            raise
    for folder in (taken, replies):
        fd = os.open(folder, FOLDER)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _names(root: Path) -> Iterator[tuple[str, str]]:
    for account in sorted(each.name for each in root.iterdir()):
        if not re.fullmatch(NAME, account):
            continue
        replies = root / account / REPLIES
        if replies.is_dir() and not replies.is_symlink():
            for name in sorted(each.name for each in replies.iterdir()):
                if re.fullmatch(NAME, name):
                    yield account, name


def _item(root: Path, account: str, name: str) -> Item:
    item = f"{account}/{name}"
    with ExitStack() as opened:
        folder = _open(opened, root, item)
        data = _read(folder, ABOUT)
        at = datetime.fromtimestamp(os.stat(ABOUT, dir_fd=folder).st_mtime, UTC)
        told = json.loads(data)
        if not isinstance(told, dict):
            raise TypeError("no object")
        kind = told.get("kind", "reply")
        reply = _reply(folder, told) if kind == "reply" else None
    proof = {"item": item, "sha256": hashlib.sha256(data).hexdigest()}
    evidence = Evidence(
        name="reply-digest.json",
        media_type="application/json",
        data=json.dumps(proof, separators=(",", ":"), sort_keys=True).encode(),
        in_receipt=True,
    )
    return Item(
        id=item, kind=kind, at=at, about=told.get("about"), evidence=(evidence,), reply=reply
    )


def _reply(folder: int, told: dict[str, Any]) -> ReplyData:
    documents = []
    for facts in told.get("documents", ()):
        with _file(folder, facts["filename"]) as file:
            size = os.fstat(file.fileno()).st_size
        documents.append(
            ReplyDocument(filename=facts["filename"], content_type=facts["content_type"], size=size)
        )
    return ReplyData(
        subject=told["subject"],
        text=told.get("text"),
        sender=told.get("sender"),
        in_reply_to=told.get("in_reply_to"),
        documents=tuple(documents),
    )


def _split(item: str) -> tuple[str, str]:
    account, _, name = item.partition("/")
    if not re.fullmatch(NAME, account) or not re.fullmatch(NAME, name):
        raise ValueError("no id of a reply")
    return account, name


def _open(opened: ExitStack, root: Path, item: str) -> int:
    """Open a reply's folder, step by step, so that no link leads elsewhere."""
    account, name = _split(item)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    opened.callback(os.close, folder)
    for step in (account, REPLIES, name):
        folder = os.open(step, FOLDER, dir_fd=folder)
        opened.callback(os.close, folder)
    return folder


def _file(folder: int, name: str) -> BinaryIO:
    if "/" in name or name.startswith("."):
        raise ValueError("no name of a document")
    return open(name, "rb", opener=lambda path, _: os.open(path, FILE, dir_fd=folder))


def _read(folder: int, name: str) -> bytes:
    with _file(folder, name) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError("too long")
    return data
