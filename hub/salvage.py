"""What a lost hub left in `out/`: receipts of ours that a journal put back does not know.

A receipt counts if its seal holds and is made with our own certificate: who can put a file into
`out/` cannot make one. Replies, and receipts under a former certificate, are not read.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator

from hub import seal
from hub.config import Config
from hub.durable import open_folder
from hub.errors import HubError
from hub.journal.remains import Found
from hub.receipt import reading
from hub.spool.folders import names

NAME = re.compile(r"(?P<stem>[A-Za-z0-9].*)\.(?P<nn>[0-9]{2,9})\.(?P<suffix>[a-z-]+)\.xml")
MOST = 16 * 1024 * 1024  # bytes of a receipt
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def receipts(config: Config, own: seal.Seal, known: Callable[[str], bool]) -> Iterator[Found]:
    """Give the receipts of ours that lie in the `out/` of all procedures.

    A folder that is not there holds none. own: with whose certificate they must be sealed
    known: whether the journal has a receipt, by its id; such a one is passed over, unread
    """
    for tenant, table in config.tenants.items():
        for procedure in table.procedures:
            try:
                folder = open_folder(config.folder_of(tenant, procedure) / "out")
            except HubError:
                continue
            try:
                for name in sorted(names(folder)):
                    found = _read(folder, tenant, procedure, name)
                    if found is None or known(found.receipt_id):
                        continue
                    if seal.is_own(found.data, own, found.issued_at):
                        yield found
            finally:
                os.close(folder)


def _read(folder: int, tenant: str, procedure: str, name: str) -> Found | None:
    """Return what a file says that looks like a receipt; its seal is not looked at yet."""
    parts = NAME.fullmatch(name)
    if parts is None or parts["suffix"] == "reply":
        return None
    try:
        data = _bytes(folder, name)
        told = reading.read(data)
    except (OSError, ValueError):  # no receipt, whatever it is
        return None
    return Found(
        tenant=tenant,
        procedure=procedure,
        file=name,
        stem=parts["stem"],
        nn=int(parts["nn"]),
        suffix=parts["suffix"],
        receipt_id=told.receipt_id,
        outcome=told.outcome,
        message_id=told.message_id,
        accepted_at=told.accepted_at,
        issued_at=told.issued_at,
        log_entry=told.log_digest,
        data=data,
    )


def _bytes(folder: int, name: str) -> bytes:
    """Return a plain file's bytes. Raises OSError, ValueError for any other or a large one."""
    fd = os.open(name, READ, dir_fd=folder)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST:
            raise ValueError("no receipt")
        with os.fdopen(fd, "rb", closefd=False) as file:
            return file.read(MOST)
    finally:
        os.close(fd)
