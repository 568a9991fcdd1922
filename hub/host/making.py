"""From a plugin's table of hub.toml to its Host."""

from pathlib import Path

from hub import mailboxes
from hub.clock import Clock
from hub.config import PluginConfig
from hub.errors import ConfigError
from hub.host.child import Host
from hub.host.events import StartFailed, StartFault
from hub.host.limits import Limits
from hub.mailboxes import Table
from hub.telemetry import logger


def make_host(
    kind: Table,
    name: str,
    table: PluginConfig,
    *,
    base: Path,
    clock: Clock,
    in_flight: int | None = None,
) -> Host:
    """Return the Host of the plugin that `kind.name` of hub.toml configures; starts nothing.

    base: hub.toml's folder; in_flight: calls at once, if not the configured number
    Raises nothing where the plugin cannot be found: each start of the Host gives StartFailed then,
    so that it alone is out of order.
    """
    try:
        found: mailboxes.Installed | StartFailed = mailboxes.find(kind, name, table)
    except ConfigError as error:
        key = error.where.rpartition(" ")[2]  # as mailboxes.archive.pin
        named = {mailboxes.SINGULAR[kind]: name} if kind == "mailboxes" else {"plugin": name}
        logger().error("plugin not to be had - hub doctor says why", code=key, **named)
        what = f"{error.where}: {error.what}"
        found = StartFailed(reason=what, fix=error.fix, fault=StartFault.NOT_FOUND)
    return Host(
        name,
        found,
        table.config,
        in_flight=in_flight or table.in_flight,
        clock=clock,
        limits=Limits(memory=table.memory, file_size=table.file_size, processes=table.processes),
        base=base,
    )
