"""Hand a notice in as a procedure should: documents first, then the envelope, by rename.

Nothing is overwritten: a name that is taken in `in/` by other bytes, or by the document of another
notice that waits there, stops it before the hand-over. The same bytes under the same name are taken
for the rest of a hand-over that was cut: handing in again completes it.
Crash safety: each file is written aside (`<name>.<8 hex>.part`), synced, then renamed; the
envelope's rename is the last.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from hub import envelope
from hub.config import Config
from hub.durable import Disk, open_folder, rename_new, write_all, write_new
from hub.envelope import Limits
from hub.errors import CannotCreate, DataInvalid, NoticeRefused, StorageFailed, UsageError
from hub.model import Submission
from hub.spool.folders import names, owners
from hub.spool.reading import PIECE, pieces


def placed(config: Config, place: str) -> tuple[str, str]:
    """Return tenant and procedure of `TENANT/PROCEDURE`. Raises UsageError for an unknown one."""
    tenant, _, procedure = place.partition("/")
    if tenant not in config.tenants or procedure not in config.tenants[tenant].procedures:
        known = ", ".join(
            f"{name}/{one}" for name, table in config.tenants.items() for one in table.procedures
        )
        raise UsageError(
            "no such tenant and procedure", where=place, fix=f"{config.file} has: {known}"
        )
    return tenant, procedure


def submit(config: Config, file: Path, place: str, documents: tuple[Path, ...]) -> str:
    """Hand the envelope `file` and its documents in; return the envelope's name in `in/`.

    documents: files named as the envelope's References; what is not among them is looked for
        beside the envelope
    Raises NoticeRefused for an envelope that the hub would refuse at once, DataInvalid for a
    missing document, CannotCreate where a name is taken, UsageError, StorageFailed.
    """
    tenant, procedure = placed(config, place)
    table = config.limits
    data = _read(file)
    limits = Limits(envelope=table.envelope, document=table.document, drop=table.drop)
    notice = envelope.read(data, limits)
    sources = _sources(notice, file, documents)
    stem = notice.message_id.rpartition(":")[2].lower()
    disk = Disk()
    folder = open_folder(config.folder_of(tenant, procedure) / "in")
    try:
        for name, source in sources.items():
            if not _put(folder, name, _pieces(source), disk):
                _see_that_it_is_ours(folder, name, stem, limits.envelope)
        _hand_over(folder, stem, data, disk)
    finally:
        os.close(folder)
    return f"{stem}.xml"


def _sources(notice: Submission, file: Path, documents: tuple[Path, ...]) -> dict[str, Path]:
    given = {document.name: document for document in documents}
    wanted = [one.reference for one in notice.documents if one.reference is not None]
    if strangers := sorted(set(given) - set(wanted)):
        raise DataInvalid(
            f"the envelope references no {', '.join(strangers)}",
            where=str(file),
            fix=f"It references: {', '.join(wanted) or 'none'}",
        )
    sources = {name: given.get(name, file.parent / name) for name in wanted}
    if missing := [name for name, source in sources.items() if not source.is_file()]:
        raise DataInvalid(
            f"documents are missing: {', '.join(missing)}",
            where=str(file),
            fix="Put them beside the envelope, or name each with --document",
        )
    return sources


def _put(folder: int, name: str, data: Iterable[bytes], disk: Disk) -> bool:
    """Write a file under its name; False: it was there already with the same bytes."""
    part = f"{name}.{secrets.token_hex(4)}.part"
    digest = hashlib.sha256()
    fd = write_new(folder, part, b"", mode=0o640)
    try:
        try:
            for piece in data:
                digest.update(piece)
                write_all(fd, piece)
            disk.sync([fd])
        finally:
            os.close(fd)
        rename_new(folder, part, name)
    except FileExistsError:
        os.unlink(part, dir_fd=folder)
        if _digest(folder, name) == digest.digest():
            return False
        raise CannotCreate(
            "another file has this name already",
            where=f"in/{name}",
            fix="Wait until the hub took it, or give the document another Reference",
        ) from None
    except BaseException:  # an interrupt too may leave no half file behind
        with suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
    disk.sync_folder(folder)
    return True


def _see_that_it_is_ours(folder: int, name: str, stem: str, limit: int) -> None:
    """Raise CannotCreate when another notice in `in/` waits with this document: it takes it along.

    limit: of an envelope, in bytes
    """
    allowed = owners(folder, None)
    for other in names(folder):
        if not other.endswith(".xml") or other == f"{stem}.xml":
            continue
        try:
            with pieces(folder, other, limit, allowed) as found:
                references = name.encode() in b"".join(found)
        except (NoticeRefused, FileNotFoundError):  # no notice, or taken meanwhile
            continue
        if references:
            raise CannotCreate(
                "another notice that waits references a document of this name",
                where=f"in/{other}",
                fix="Wait until the hub took it, or give the document another Reference",
            )


def _hand_over(folder: int, stem: str, data: bytes, disk: Disk) -> None:
    try:
        _put(folder, f"{stem}.xml", [data], disk)
    except CannotCreate as error:
        raise CannotCreate(
            "another notice with this MessageID waits to be taken",
            where=error.where,
            fix="Run the hub, then look at its receipts",
        ) from error


def _digest(folder: int, name: str) -> bytes | None:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise DataInvalid("there is no such file", where=str(file), fix="Name it")
    return b"".join(_pieces(file))


def _pieces(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as stream:
            while piece := stream.read(PIECE):
                yield piece
    except OSError as error:
        raise StorageFailed(
            f"cannot be read ({error.strerror})", where=str(file), fix="See to its rights"
        ) from error
