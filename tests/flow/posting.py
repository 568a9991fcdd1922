"""A hub whose tenant has a relay to the post, and the print service behind it."""

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
[mailboxes.archive]
"""


def with_post(world: World) -> PrintService:
    """Give a world's tenant a relay to the post; return the print service."""
    world.configure("[tenants.rostock]\n", '[tenants.rostock]\npostal = "print"\n')
    world.configure("[mailboxes.archive]\n", TABLES)
    return PrintService(world.folder / "print", world.folder / "printed").set_up()
