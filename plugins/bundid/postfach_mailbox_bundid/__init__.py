"""The mailbox bundid: the citizen's mailbox (ZBP v6), direct or through FIT-Connect.

In hub.toml:

    [mailboxes.bundid]
    plugin = "bundid"
    [mailboxes.bundid.config]
    transport = "direct"
    url = "https://zbp.example"
    certificate_file = "keys/bundid.p12"
    password_file = "keys/bundid.password"

README.md says what is needed for it, what is assumed of the service, and what to do when it does
not work.
"""

from postfach_mailbox import hookimpl
from postfach_mailbox_bundid.mailbox import Mailbox

__all__ = ["Mailbox", "postfach_mailbox"]


@hookimpl
def postfach_mailbox() -> type:
    """Return the mailbox class."""
    return Mailbox
