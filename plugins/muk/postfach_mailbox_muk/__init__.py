"""The mailbox muk: companies' mailboxes (Mein Unternehmenskonto) through ELSTER-Transfer.

settings   the mailbox's table in hub.toml
mailbox    the mailbox class: capabilities and operations
order      a notice as an order, and what the hub keeps of it
gateway    requests to the gateway, which runs beside the hub
answers    what the gateway's answers mean to a notice
replies    what companies write back
assumed    what is assumed of the gateway; README.md says what is known
sandbox    a gateway to try it with: `python -m postfach_mailbox_muk.sandbox`
kit        the far side for the contract's tests, which is the sandbox
"""

from postfach_mailbox import hookimpl
from postfach_mailbox_muk.mailbox import Mailbox

__all__ = ["Mailbox", "postfach_mailbox"]


@hookimpl
def postfach_mailbox() -> type:
    """Return the mailbox class."""
    return Mailbox
