"""What plugins a Python has: `python -I -m postfach_mailbox.installed` prints them as JSON.

Reads the metadata of installed distributions alone; imports no plugin. The hub runs it with the
Python that hub.toml names, and asks its own by `offered()`.
"""

import json
import sys
from importlib import metadata
from typing import get_args

from pydantic import ConfigDict

from postfach_mailbox import record
from postfach_mailbox.frames import Group
from postfach_mailbox.outcomes import Frozen
from postfach_mailbox.version import CONTRACT_VERSION

GROUPS: tuple[Group, ...] = get_args(Group)


class Offered(Frozen):
    """An entry point of a plugin, as it is installed.

    group: what kind of plugin; entry_point: its name there, as `plugin` in hub.toml
    record: `sha256:<hex>` of the distribution's RECORD; None where it has none, or none is read
    editable: installed from a folder where it is written: RECORD names none of its code
    summary: the distribution's own line about itself
    """

    model_config = ConfigDict(extra="ignore")

    group: Group
    entry_point: str
    distribution: str
    version: str
    record: str | None = None
    editable: bool = False
    summary: str = ""


class Listing(Frozen):
    """All that a Python has; fields of a newer contract are passed over."""

    model_config = ConfigDict(extra="ignore")

    contract: str
    offered: tuple[Offered, ...]


def offered() -> tuple[Offered, ...]:
    """Return the plugins of this Python, in the order of group, entry point and distribution."""
    found = {
        (entry.group, entry.name, entry.dist.name, entry.dist.version): Offered(
            group=group,
            entry_point=entry.name,
            distribution=entry.dist.name,
            version=entry.dist.version,
            record=_record(entry.dist),
            editable=_editable(entry.dist),
            summary=(entry.dist.metadata["Summary"] or "")[:200],
        )
        for group in GROUPS
        for entry in metadata.entry_points(group=group)
        if entry.dist is not None
    }
    return tuple(found[key] for key in sorted(found))


def _record(distribution: metadata.Distribution) -> str | None:
    try:
        return record.digest(distribution)
    except OSError:  # named, and not there or not readable: its pin will not fit
        return None


def _editable(distribution: metadata.Distribution) -> bool:
    """Whether pip noted so (direct_url.json, PEP 610)."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        return origin.get("dir_info", {}).get("editable") is True
    except (OSError, ValueError, AttributeError):  # not as PEP 610 has it
        return False


def main() -> None:
    """Print the listing."""
    listing = Listing(contract=CONTRACT_VERSION, offered=offered())
    sys.stdout.write(listing.model_dump_json())


if __name__ == "__main__":
    main()
