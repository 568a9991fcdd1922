"""The sandbox: a gateway (ELSTER-Transfer) and the companies' mailboxes behind it, as assumed.

In this process: `with serving(Service(folder, senders=...), files) as served`. As a program: see
`--help` of `python -m postfach_mailbox_muk.sandbox`. Needs the extra `sandbox`.
"""

from postfach_mailbox_muk.sandbox.app import make_app, serving
from postfach_mailbox_muk.sandbox.mailboxes import (
    ACCOUNTS,
    DELETED,
    FOREIGN,
    LOW,
    SUBSTANTIAL,
    UNKNOWN,
    Account,
)
from postfach_mailbox_muk.sandbox.refusing import Refusal
from postfach_mailbox_muk.sandbox.service import Handed, Service

__all__ = [
    "ACCOUNTS",
    "DELETED",
    "FOREIGN",
    "LOW",
    "SUBSTANTIAL",
    "UNKNOWN",
    "Account",
    "Handed",
    "Refusal",
    "Service",
    "make_app",
    "serving",
]
