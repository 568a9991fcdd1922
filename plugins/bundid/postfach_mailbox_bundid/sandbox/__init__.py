"""The sandbox: a server that behaves as the citizen's mailbox (ZBP v6) does, as far as is known.

In this process: `with serving(Service(folder), files) as served`. As a program: see `--help` of
`python -m postfach_mailbox_bundid.sandbox`. Behind FIT-Connect's bridge: `bridging`.
"""

from postfach_mailbox_bundid.sandbox.app import make_app, serving
from postfach_mailbox_bundid.sandbox.refusing import Refusal
from postfach_mailbox_bundid.sandbox.service import (
    ACCOUNTS,
    DELETED,
    HIGH,
    LOW,
    SUBSTANTIAL,
    UNKNOWN,
    Account,
    Service,
)
from postfach_mailbox_bundid.sandbox.upload import File, Handed

__all__ = [
    "ACCOUNTS",
    "DELETED",
    "HIGH",
    "LOW",
    "SUBSTANTIAL",
    "UNKNOWN",
    "Account",
    "File",
    "Handed",
    "Refusal",
    "Service",
    "make_app",
    "serving",
]
