"""The mailbox's table in hub.toml."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from postfach_mailbox import HubPath, Settings
from postfach_mailbox_muk.assumed import QUIET, SENDER_MAX, TEXT_MAX

_HOST: Final = re.compile(r"https://[^/?#@\s]+")
_TEXT: Final = "Für Ihr Unternehmen liegt ein neues Schreiben bereit. Sie finden es im Anhang."


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("https://HOST or https://HOST:PORT, without a path")
    return value


class Config(Settings):
    """How the gateway is reached, and what is added to each message."""

    url: Annotated[str, AfterValidator(_host)]
    """Where the gateway is."""
    certificate_file: HubPath
    """Our certificate and key (PKCS#12 or PEM), which the gateway knows."""
    password_file: HubPath | None = None
    """A file with the certificate's password."""
    ca_file: HubPath | None = None
    """Certificates that the gateway's is held against. Unset: those of the system."""
    sender: Annotated[str, Field(min_length=1, max_length=SENDER_MAX)] | None = None
    """Who is shown as sender. Unset: the name of the notice's author."""
    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX)] = _TEXT
    """What is shown for a notice that has no text."""
    quiet: Annotated[int, Field(ge=1, le=86_400)] = QUIET
    """Seconds after which an order that the gateway does not know cannot be under way any more."""
    replies: bool = True
    """Whether companies may reply; their replies are fetched then."""
