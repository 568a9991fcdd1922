"""What a backup holds, and whether it still is what was written: `manifest.json`.

    <backup>/manifest.json        this
             hub.db               the database, of one moment, marked as a copy
             hub.toml             as it was
             vault/<x>/<id>.seg   the segments that the database names

Limits: digests guard against damage, not against someone who writes all of it anew; against that
stands a head of the evidence log that was kept elsewhere.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hub.errors import DataInvalid
from hub.segment import SEGMENT_ID

NAME, DATABASE, CONFIG, VAULT = "manifest.json", "hub.db", "hub.toml", "vault"
FORMAT = 1
PIECE = 1024 * 1024  # bytes read at once
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
HEAD = re.compile(r"|[1-9][0-9]{0,18}:[0-9a-f]{64}")
_SEGMENT = re.compile(rf"{VAULT}/([0-9a-f])/(\1[0-9a-f]{{31}})\.seg")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the backup: its path in it, its bytes, their SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds.

    made_at: when it was begun; all that was committed before is in it
    hub, log_id: whose it is; head: the last commit of its evidence log, `NUMBER:LINK`, or empty
    erased: segments that were erased while it was made; missing: those that were gone, and named
    """

    format: int
    made_at: datetime
    hub: str
    log_id: str
    head: str
    schema: str
    files: tuple[File, ...]
    erased: int
    missing: tuple[str, ...]

    @property
    def segments(self) -> Iterator[tuple[str, File]]:
        """The segments of the vault, by id."""
        return ((found[2], one) for one in self.files if (found := _SEGMENT.fullmatch(one.path)))


_manifest = TypeAdapter(Manifest)


def segment_path(segment_id: str) -> str:
    """Return where a segment lies, in a vault as in a backup's."""
    if not SEGMENT_ID.fullmatch(segment_id):
        raise ValueError("no id of a segment")
    return f"{segment_id[:1]}/{segment_id}.seg"


def write(made: Manifest) -> bytes:
    """Return a manifest's bytes."""
    return _manifest.dump_json(made, indent=1) + b"\n"


def read(folder: Path) -> Manifest:
    """Return the manifest of a backup. Raises DataInvalid."""
    where, fix = str(folder / NAME), "Name the folder that `hub backup` made, as it made it"
    try:
        made = _manifest.validate_json((folder / NAME).read_bytes())
    except OSError as error:
        what = f"no backup: {NAME} cannot be read ({error.strerror})"
        raise DataInvalid(what, where=where, fix=fix) from error
    except ValidationError as error:
        raise DataInvalid("no manifest of a backup", where=where, fix=fix) from error
    known = {DATABASE, CONFIG}
    strange = [
        one.path for one in made.files if one.path not in known and not _SEGMENT.fullmatch(one.path)
    ]
    sound = made.made_at.tzinfo is not None and HEAD.fullmatch(made.head)
    if (
        made.format != FORMAT
        or not sound
        or strange
        or DATABASE not in {one.path for one in made.files}
    ):
        raise DataInvalid("not a backup that this hub can read", where=where, fix=fix)
    return made


def measured(fd: int, path: str, each: Callable[[bytes], None]) -> File:
    """Read a file to its end and return what a manifest says of it. Raises OSError.

    path: its name in the backup; each: is given its bytes, piece by piece
    """
    digest, size = hashlib.sha256(), 0
    while piece := os.read(fd, PIECE):
        each(piece)
        digest.update(piece)
        size += len(piece)
    return File(path=path, size=size, sha256=digest.hexdigest())


def check(folder: Path, made: Manifest, told: Callable[[int, int], None]) -> None:
    """Hold each file against the manifest. Raises DataInvalid for the first that is another.

    told: is called with the bytes that were read, and how many there are
    """
    whole, done = sum(one.size for one in made.files), 0

    def seen(piece: bytes) -> None:
        nonlocal done
        done += len(piece)
        told(done, whole)

    for one in made.files:
        try:
            fd = os.open(folder / one.path, READ)
        except OSError as error:
            raise _damaged(folder, one, error.strerror) from error
        try:
            found = measured(fd, one.path, seen)
        except OSError as error:
            raise _damaged(folder, one, error.strerror) from error
        finally:
            os.close(fd)
        if found != one:
            raise _damaged(folder, one, "other bytes")


def _damaged(folder: Path, one: File, why: str | None) -> DataInvalid:
    return DataInvalid(
        f"the backup is damaged: not as its manifest says ({why})",
        where=str(folder / one.path),
        fix="Take another copy of this backup, or an older backup",
    )
