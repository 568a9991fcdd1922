"""Parcels for the played service, and ways in which a call of it ends."""

import io
from collections.abc import Callable
from typing import Any, Final

from postfach_fitconnect.parcel import Attachment, Data, Parcel
from postfach_fitconnect.service import Service
from postfach_fitconnect.testkit.tokens import DESTINATION, SCHEMA, SERVICE
from postfach_http import Answer
from postfach_mailbox import Outcome

PDF: Final = b"%PDF Canary " * 5000
OTHER: Final = b"second"


def attachment(data: bytes = PDF, **more: Any) -> Attachment:
    """Return a document; `more` changes its facts."""
    facts = {"filename": "a.pdf", "media_type": "application/pdf", "size": len(data)}
    return Attachment(**{"open": lambda: io.BytesIO(data), **facts, **more})


def parcel(*attachments: Attachment, **more: Any) -> Parcel:
    """Return a parcel; `more` changes its facts."""
    data = Data(content=b'{ "exact":  "bytes" }', schema=SCHEMA)
    facts = {"destination": DESTINATION, "service": SERVICE, "data": data}
    return Parcel(**{**facts, "attachments": attachments, **more})


def left() -> float:
    """Return that there is time."""
    return 30.0


def deposit(service: Service, sent: Parcel | None = None) -> tuple[Outcome, list[str]]:
    """Deposit, and return the outcome and what was kept."""
    kept: list[str] = []
    wanted = sent or parcel(attachment(), attachment(OTHER))
    return service.deposit(wanted, kept.append, left), kept


def raising(error: Exception) -> Callable[[], Answer]:
    """Play a call that fails."""

    def play() -> Answer:
        raise error

    return play


def giving(found: Answer) -> Callable[[], Answer]:
    """Play a call that is answered so."""
    return lambda: found
