"""Plugins' processes, as the hub sees them.

making     from a table of hub.toml to a Host
child      the hub's end of a plugin's process: calls go out, events come in
process    the processes behind it: made, spoken with, ended
guardian   runs between: confines the plugin's process, ends all that it started
cgroup     where the kernel can hold all of it together
"""

from hub.host.child import Host
from hub.host.events import (
    Answer,
    Died,
    Event,
    Fault,
    Kept,
    Started,
    StartFailed,
    StartFault,
    plain,
    restart_after,
)
from hub.host.limits import Limits
from hub.host.making import make_host

__all__ = [
    "Answer",
    "Died",
    "Event",
    "Fault",
    "Host",
    "Kept",
    "Limits",
    "StartFailed",
    "StartFault",
    "Started",
    "make_host",
    "plain",
    "restart_after",
]
