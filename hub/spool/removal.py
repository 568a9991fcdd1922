"""Take off what lay in `rejected/` long enough: files, and whatever else a stranger handed in."""

import errno
import os
import re
import secrets
from collections.abc import Collection
from contextlib import suppress

from hub.errors import StorageFailed
from hub.spool import folders
from hub.spool.claims import ID
from hub.spool.taking import Spool
from hub.telemetry import logger

OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REJECTED = re.compile(rf".+\.({ID})\.(?:xml|[0-9]{{1,6}})", re.DOTALL)


def remove_rejected(spool: Spool, claims: Collection[str]) -> set[str]:
    """Remove all that lies in `rejected/` of these claims (ids); return those that are gone.

    What cannot be removed is logged and stays. May be cut anywhere and done again.
    Raises StorageFailed when the folder cannot be listed.
    """
    rejected, done = spool.folders.rejected, set(claims)
    try:
        found_names = folders.names(rejected)
    except OSError as error:
        raise StorageFailed(
            f"rejected/ cannot be listed ({error.strerror})",
            where=str(spool.folders.path),
            fix="See to the disk and the folder's rights",
        ) from error
    for name in found_names:
        found = _REJECTED.fullmatch(name)
        if not found or found[1] not in claims:
            continue
        try:
            _remove(rejected, name)
        except OSError as error:
            done.discard(found[1])
            logger().warning(
                "refused drop not removed",
                tenant=spool.tenant,
                procedure=spool.procedure,
                errno=errno.errorcode.get(error.errno or 0, "unknown"),
            )
    return done


def _remove(parent: int, name: str) -> None:
    """Remove a file or a whole tree, never following a link out of it.

    A tree is taken apart from above: what is a folder in it is renamed up to `parent` and waits its
    turn, so that no depth exhausts descriptors or the stack. Raises OSError.
    """
    waiting = [name]
    while waiting:
        one = waiting.pop()
        try:
            os.unlink(one, dir_fd=parent)
        except FileNotFoundError:
            continue
        except IsADirectoryError:
            waiting += _take_apart(parent, one, prefix=name)


def _take_apart(parent: int, name: str, *, prefix: str) -> list[str]:
    """Empty a folder and remove it; return the new names, in `parent`, of its folders."""
    moved = []
    fd = os.open(name, OPEN, dir_fd=parent)
    try:
        for inner in folders.names(fd):
            try:
                os.unlink(inner, dir_fd=fd)
            except IsADirectoryError:
                with suppress(FileNotFoundError):
                    moved.append(_lift(fd, inner, parent, prefix))
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=parent)
    return moved


def _lift(folder: int, name: str, parent: int, prefix: str) -> str:
    """Move a folder up, under a name that still belongs to its claim, should the work be cut."""
    claim = _REJECTED.fullmatch(prefix)
    new = f".{secrets.token_hex(8)}.{claim[1] if claim else prefix}.0"
    os.rename(name, new, src_dir_fd=folder, dst_dir_fd=parent)
    return new
