"""The mailbox fitconnect of postfach-hub: notices as submissions through FIT-Connect.

    settings   the mailbox's table in hub.toml
    mailbox    the mailbox class: capabilities and operations
    letter     a notice as the data and attachments of a submission
    sandbox    a FIT-Connect to try it with: `python -m postfach_mailbox_fitconnect.sandbox`
    kit        the far side for the contract's tests, which is the sandbox

What is said to FIT-Connect, and what its answers mean, is in `postfach_fitconnect`.
"""

from postfach_mailbox import hookimpl
from postfach_mailbox_fitconnect.mailbox import Mailbox


@hookimpl
def postfach_mailbox() -> type:
    """Return the mailbox class."""
    return Mailbox
