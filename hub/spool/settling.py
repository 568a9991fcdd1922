"""Put the files of settled drops away: the documents first, the envelope last."""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress

from hub.errors import StorageFailed
from hub.spool.claims import DOCUMENT, Claim
from hub.spool.folders import Folders, names
from hub.telemetry import logger


def settle(folders: Folders, claims: Sequence[Claim], *, reject: bool) -> list[Claim]:
    """Remove the files of these claims, or move them to `rejected/`; return those settled.

    One listing for all. One that cannot be settled now is logged and left, to be tried again.
    Raises StorageFailed when the worker's folder cannot be listed.
    """
    documents: dict[str, list[str]] = {}
    try:
        for name in names(folders.own):
            if found := DOCUMENT.fullmatch(name):
                documents.setdefault(found[1], []).append(name)
    except OSError as error:
        raise StorageFailed(
            f"claims cannot be listed ({error.strerror})",
            where=str(folders.path),
            fix="See to the disk and the folder's rights",
        ) from error
    settled = []
    for claim in claims:
        moves = [(name, f"{claim.stem}.{name}") for name in documents.get(claim.id, ())]
        moves.append((claim.file, f"{claim.stem}.{claim.id}.xml"))  # last: it says "not settled"
        try:
            for name, new in moves:
                with suppress(FileNotFoundError):  # done before
                    _put_away(folders, name, new if reject else None)
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, "unknown")
            logger().warning(
                "settled drop not put away", claim=claim.id, stem=claim.stem, errno=code
            )
        else:
            settled.append(claim)
    return settled


def _put_away(folders: Folders, name: str, new: str | None) -> None:
    """Remove a claimed file, or move it to `rejected/`, where the claim makes its name unique."""
    if new is None:
        os.unlink(name, dir_fd=folders.own)
    else:
        os.rename(name, new, src_dir_fd=folders.own, dst_dir_fd=folders.rejected)
