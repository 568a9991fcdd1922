"""Which claimed drops wait, by their stems: what a running hub has taken out of `in/`, no more.

The hub alone knows what each waits for; its log says so. Where a check is out of order, the drops
of its tenants wait for it.
"""

from collections.abc import Collection, Iterator

from hub.config import Config
from hub.spool import Claim
from hub.spool.folders import CLAIMED

NAMED = 5  # stems of one procedure; the rest is counted


def claims(config: Config, tenants: Collection[str] | None) -> Iterator[tuple[str, str, list[str]]]:
    """Give tenant, procedure and stems of each procedure that has claimed drops, oldest first.

    tenants: whose; None: those of all
    """
    for tenant, table in config.tenants.items():
        if tenants is not None and tenant not in tenants:
            continue
        for procedure in table.procedures:
            folder = config.folder_of(tenant, procedure) / CLAIMED
            names = (path.name for path in folder.glob("*/*.xml"))
            found = sorted(
                (claim for name in names if (claim := Claim.parse(name))),
                key=lambda one: (one.at, one.stem),
            )
            if not found:
                continue
            stems = [one.stem for one in found[:NAMED]]
            if len(found) > NAMED:
                stems.append(f"and {len(found) - NAMED} more")
            yield tenant, procedure, stems
