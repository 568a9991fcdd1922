"""What a print service tells of letters, as items for the hub.

A file of results is taken when each of its results is acknowledged: a mark for each, then the file
moves aside. One that is no results is set aside with its reason, and stops none of the others.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from postfach_mailbox import Evidence, Item
from postfach_mailbox_postal.ticket import RESULTS_MOST, Result, Unreadable, read

RESULTS, TAKEN, REFUSED = "results", ".taken", ".refused"
MOST_ITEMS = 32  # of one answer
ITEM = re.compile(r"([0-9a-f]{64})-([0-9]{1,5})")
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def offered(root: Path) -> tuple[Item, ...]:
    """Return the first results that are not acknowledged yet. Raises OSError."""
    found: list[Item] = []
    for name in _names(root):
        try:
            data = _read(root / RESULTS / name)
            results = read(data)
        except Unreadable as error:
            _set_aside(root, name, str(error))
            continue
        except FileNotFoundError:  # another hub took it
            continue
        digest = hashlib.sha256(data).hexdigest()
        for number, one in enumerate(results):
            if not _mark(root, digest, number).exists():
                found.append(_item(f"{digest}-{number}", one))
            if len(found) == MOST_ITEMS:
                return tuple(found)
    return tuple(found)


def take(root: Path, item: str) -> None:
    """Mark a result as stored; with the last of its file, move that aside.

    Raises OSError, ValueError.
    """
    named = ITEM.fullmatch(item)
    if named is None:
        raise ValueError("no id of a result")
    digest, number = named[1], int(named[2])
    mark = _mark(root, digest, number)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    _sync(mark.parent, mark.parent.parent, mark.parent.parent.parent)
    for name in _names(root):
        path = root / RESULTS / name
        with suppress(FileNotFoundError, Unreadable):
            data = _read(path)
            if hashlib.sha256(data).hexdigest() != digest:
                continue
            if all(_mark(root, digest, each).exists() for each in range(len(read(data)))):
                path.rename(mark.parent / name)
                _sync(mark.parent, root / RESULTS)


def refused(root: Path) -> int:
    """Return how many files were set aside since they are no results."""
    with suppress(FileNotFoundError):
        return sum(not each.name.endswith(REASON) for each in (root / RESULTS / REFUSED).iterdir())
    return 0


REASON = ".reason.txt"


def _names(root: Path) -> Iterator[str]:
    try:
        names = sorted(each.name for each in (root / RESULTS).iterdir())
    except FileNotFoundError:  # the print service has told nothing yet
        return
    for name in names:
        if not name.startswith(".") and name.endswith(".xml"):
            yield name


def _read(path: Path) -> bytes:
    """Return what a file holds. Raises Unreadable, OSError."""
    try:
        fd = os.open(path, FILE)
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise Unreadable("it is no plain file") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Unreadable("it is no plain file")
    with os.fdopen(fd, "rb") as file:
        data = file.read(RESULTS_MOST + 1)
    if len(data) > RESULTS_MOST:
        raise Unreadable(f"it is longer than {RESULTS_MOST} bytes")
    return data


def _mark(root: Path, digest: str, number: int) -> Path:
    return root / RESULTS / TAKEN / digest / f"{number}"


def _item(name: str, result: Result) -> Item:
    told = {"key": result.key, "outcome": result.outcome, "at": result.at.isoformat()}
    if result.code is not None:
        told["code"] = result.code
    data = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
    evidence = Evidence(
        name="print-result.json", media_type="application/json", data=data, in_receipt=True
    )
    return Item(
        id=name,
        kind="post-result",
        at=result.at,
        about=result.key,
        evidence=(evidence,),
        posted=result.outcome == "posted",
        code=result.code,
    )


def _set_aside(root: Path, name: str, why: str) -> None:
    folder = root / RESULTS / REFUSED
    folder.mkdir(exist_ok=True)
    (folder / f"{name}{REASON}").write_text(f"{why}\n", encoding="utf-8")
    with suppress(FileNotFoundError):
        (root / RESULTS / name).rename(folder / name)
    _sync(folder, root / RESULTS)


def _sync(*folders: Path) -> None:
    for folder in folders:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
