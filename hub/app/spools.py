"""The spools of all procedures: one that is out of order is set aside alone, and reported."""

import errno
from collections.abc import Mapping
from contextlib import ExitStack

from hub.clock import Clock
from hub.config import Config
from hub.durable import Disk
from hub.errors import CannotCreate, ConfigError, HubError, NoPermission, NotAvailable
from hub.spool import Spool, open_spool
from hub.telemetry import logger

# These are of the machine, and end by themselves: the start is tried again.
OF_THE_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
OF_THE_FOLDER = (CannotCreate, ConfigError, NoPermission, NotAvailable)


def open_all(
    config: Config, clock: Clock, worker: str, disk: Disk, stack: ExitStack
) -> dict[tuple[str, str], Spool]:
    """Open the spool of each procedure, by tenant and procedure; `stack` closes them.

    One whose folders are missing, or may not be used, is left out until the hub is started again.
    Raises the error of the first where none can be used, StorageFailed.
    """
    spools: dict[tuple[str, str], Spool] = {}
    first: HubError | None = None
    for tenant, table in config.tenants.items():
        for procedure, settings in table.procedures.items():
            try:
                spool = open_spool(
                    tenant,
                    procedure,
                    config.folder_of(tenant, procedure),
                    worker=worker,
                    owner=settings.owner,
                    disk=disk,
                    clock=clock,
                )
            except OF_THE_FOLDER as error:
                if _of_the_machine(error):
                    raise
                first = first or error
                said = "spool set aside - hub doctor says why"
                logger().error(said, tenant=tenant, procedure=procedure, exc_info=error)
                continue
            stack.callback(spool.folders.close)
            spools[tenant, procedure] = spool
    if first is not None and not spools:
        raise first
    return spools


def all_open(config: Config, spools: Mapping[tuple[str, str], Spool]) -> bool:
    """Whether none was set aside; a single run says so by its exit code."""
    return len(spools) == sum(len(one.procedures) for one in config.tenants.values())


def _of_the_machine(error: HubError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in OF_THE_MACHINE
