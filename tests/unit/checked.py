"""A worker with a check that a test speaks for, without processes, on a clock that it turns."""

from pathlib import Path
from typing import Any, cast

from hub.app.parts import Parts
from tests.flow.papers import Drop
from tests.unit.puppet import Puppet

CHECK = """
[checks.malware]
plugin = "clamd"
tenants = ["rostock"]
[checks.malware.config]
socket = "/none"
"""


def start_check(parts: Parts) -> Puppet:
    """Put a puppet in the place of the check's process, and start it."""
    puppet = Puppet()
    parts.checks.attendants["malware"].host = cast("Any", puppet)
    puppet.start()
    parts.hear()
    return puppet


def put(parts: Parts, *drops: Drop, tenant: str = "rostock", documents: bool = True) -> None:
    """Hand in drops."""
    folder = incoming(parts, tenant)
    for made in drops:
        for name, data in made.files.items() if documents else ():
            (folder / name).write_bytes(data)
        (folder / f"{made.stem}.xml").write_bytes(made.envelope)


def incoming(parts: Parts, tenant: str = "rostock") -> Path:
    """Return the folder where drops are handed in."""
    return parts.config.folder_of(tenant, "bauamt") / "in"


def work(parts: Parts) -> None:
    """Work off what is at hand."""
    parts.hear()
    while parts.intake.busy:
        parts.intake.step()


def look(parts: Parts, seconds: float = 5) -> None:
    """Look at the spools some time later, and work off what is there."""
    cast("Any", parts.clock).turn(seconds=seconds)
    parts.intake.scan()
    work(parts)


def kinds(parts: Parts) -> list[tuple[str, str]]:
    """Return stem and fate of each drop that the journal has."""
    with parts.journal.read() as connection:
        rows = connection.exec_driver_sql('SELECT stem, kind FROM "drop" ORDER BY stem, kind')
        return [(row.stem, row.kind) for row in rows]


def claims(parts: Parts) -> list[tuple[str, int]]:
    """Return stem and tries of each claimed envelope."""
    found = parts.config.folder_of("rostock", "bauamt").glob(".claimed/*/*.xml")
    return sorted((name.split(".")[2], int(name.split(".")[1])) for name in (p.name for p in found))
