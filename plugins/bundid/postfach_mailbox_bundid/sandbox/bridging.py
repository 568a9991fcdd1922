"""FIT-Connect's sandbox before this one: what is submitted to its bridge comes to the mailboxes."""

from pathlib import Path
from typing import Final

from postfach_fitconnect.sandbox import (
    BRIDGE,
    DESTINATIONS,
    ISSUER,
    Client,
    Destination,
    Keyring,
    Platform,
)
from postfach_fitconnect.sandbox.program import secret
from postfach_mailbox_bundid.assumed import BRIDGE_MESSAGE, BRIDGE_SCHEMA, BRIDGE_STATE
from postfach_mailbox_bundid.sandbox.service import Service

CLIENT: Final = "authority"


def bridge(service: Service) -> Destination:
    """Return the destination that hands messages and states on to a service."""
    schemas = frozenset({BRIDGE_SCHEMA})
    return Destination(
        services={BRIDGE_MESSAGE: schemas, BRIDGE_STATE: schemas},
        forwards={BRIDGE_MESSAGE: service.receive, BRIDGE_STATE: service.receive_state},
    )


def platform(folder: Path, service: Service, *, bits: int) -> Platform:
    """Return FIT-Connect with its bridge; `folder` keeps keys, secret and submissions.

    Raises OSError, ValueError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return Platform(
        folder,
        clients={CLIENT: Client(secret=secret(folder, CLIENT))},
        destinations={**DESTINATIONS, BRIDGE: bridge(service)},
        keyring=Keyring(folder / "keys", bits=bits),
        issuer=ISSUER,
    )
