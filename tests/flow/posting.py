"""A hub whose tenant has a relay to the post, and the print service behind it."""

from lxml import etree

from hub import schemas
from postfach_mailbox_postal.kit import PrintService
from tests.flow.world import World

LINES = "Frau|Erika Nachtigall|Amselweg 1|18055 Rostock"
TABLES = """\
[mailboxes.print]
plugin = "postal"
collect = "1s"
[mailboxes.print.config]
path = "print"
sender = "Bauamt, Postfach 1, 18055 Rostock"
"""


def with_post(world: World) -> PrintService:
    """Give a world a relay to the post, and its tenant too; return the print service."""
    mark = "[mailboxes.archive]\n"
    world.configure(mark, TABLES + mark)
    return with_relay(world)


def with_relay(world: World) -> PrintService:
    """Give the tenant the relay that hub.toml has; return the print service."""
    world.configure("[tenants.rostock]\n", '[tenants.rostock]\npostal = "print"\n')
    return PrintService(world.folder / "print", world.folder / "printed").set_up()


def receipt(world: World, stem: str, outcome: str) -> etree._Element:
    """Return the receipt of this outcome, which is valid and the only one."""
    (found,) = (one for one in world.receipts(stem).values() if one.outcome == outcome)
    root = schemas.parse(found.data)
    assert schemas.schema("receipt").validate(root), schemas.schema("receipt").error_log
    return root
