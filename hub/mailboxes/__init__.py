"""Which plugins there are, whose mailbox an address is, and whether a notice fits it.

    finding   the installed plugin that a table of hub.toml names
    asking    what is installed in a Python of a plugin's own
    fitting   recognises addresses and checks notices, from what a mailbox told of itself

No plugin is ever imported here.
"""

from hub.mailboxes.asking import Account, Unanswered
from hub.mailboxes.finding import SINGULAR, Installed, Table, find, installed
from hub.mailboxes.fitting import NotYetKnown, check, recognise

__all__ = [
    "SINGULAR",
    "Account",
    "Installed",
    "NotYetKnown",
    "Table",
    "Unanswered",
    "check",
    "find",
    "installed",
    "recognise",
]
