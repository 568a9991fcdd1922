"""Hand a notice in as a procedure should: documents first, then the envelope, by rename.

Nothing is overwritten: a name that is taken in `in/` by other bytes stops it before the hand-over.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from hub import envelope
from hub.config import Config
from hub.durable import Disk, open_folder, rename_new, write_new
from hub.envelope import Limits
from hub.errors import CannotCreate, DataInvalid, StorageFailed, UsageError
from hub.model import Notice


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
            _put(folder, name, _read(source), disk)
        _hand_over(folder, stem, data, disk)
    finally:
        os.close(folder)
    return f"{stem}.xml"


def _sources(notice: Notice, file: Path, documents: tuple[Path, ...]) -> dict[str, Path]:
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


def _put(folder: int, name: str, data: bytes, disk: Disk) -> None:
    """Write a document under its name; the same bytes under that name already are fine."""
    part = f"{name}.part"
    with suppress(FileNotFoundError):
        os.unlink(part, dir_fd=folder)  # the rest of a hand-over that was cut
    fd = write_new(folder, part, data, mode=0o640)
    try:
        disk.sync([fd])
    finally:
        os.close(fd)
    try:
        rename_new(folder, part, name)
    except FileExistsError:
        os.unlink(part, dir_fd=folder)
        if _digest(folder, name) != hashlib.sha256(data).digest():
            raise CannotCreate(
                "another file has this name already",
                where=f"in/{name}",
                fix="Wait until the hub took it, or give the document another Reference",
            ) from None
    disk.sync_folder(folder)


def _hand_over(folder: int, stem: str, data: bytes, disk: Disk) -> None:
    try:
        _put(folder, f"{stem}.xml", data, disk)
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
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise DataInvalid("there is no such file", where=str(file), fix="Name it") from error
    except OSError as error:
        raise StorageFailed(
            f"cannot be read ({error.strerror})", where=str(file), fix="See to its rights"
        ) from error
