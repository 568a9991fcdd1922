"""The settings of FIT-Connect, as tables of hub.toml."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from postfach_fitconnect.assumed import FILE_BYTES_MAX
from postfach_mailbox import HubPath, Settings

_URL: Final = re.compile(r"https://[^/?#@\s]+(/[^?#@\s]*)?")
_PROXY: Final = re.compile(r"http://[^/?#@\s]+")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _url(value: str) -> str:
    if not _URL.fullmatch(value):
        raise ValueError("https://HOST, with :PORT and /PATH where needed")
    return value.rstrip("/")


def _proxy(value: str) -> str:
    if not _PROXY.fullmatch(value):
        raise ValueError("http://HOST:PORT")
    return value


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value.lower()):
        raise ValueError("a UUID")
    return value.lower()


Url = Annotated[str, Field(max_length=1000), AfterValidator(_url)]
Uuid = Annotated[str, AfterValidator(_uuid)]


class FitConnect(Settings):
    """How FIT-Connect is reached, and as whom."""

    submission_url: Url
    """Where the Submission API is, without `/v2`."""
    token_url: Url
    """Where tokens are given out, the whole URL."""
    client_id: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
    """The id of the API client that was registered."""
    secret_file: HubPath
    """A file whose first line is the API client's secret. Read at each new token."""
    issuer: Url | None = None
    """What the delivery service's event tokens name as issuer. Unset: `submission_url`."""
    scope: Annotated[str, Field(pattern=r"^[!-~]([ -~]{0,998}[!-~])?$")] | None = None
    """What a token is asked for. Unset: all that the API client may."""
    ca_file: HubPath | None = None
    """Certificates that the service's are held against. Unset: those of the system."""
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    """A proxy for all connections, `http://HOST:PORT`. None is taken from the environment."""
    reply_key_file: HubPath | None = None
    """Our private RSA key (PEM or JWK), for replies. Unset: no replies are asked for."""
    max_file: Annotated[int, Field(ge=1, le=FILE_BYTES_MAX)] = 100 * 1024 * 1024
    """Bytes of the largest document that is sent or fetched."""
    large_at_once: Annotated[int, Field(ge=1, le=64)] = 2
    """How many documents of replies are decrypted at once: each costs four times its size.

    Documents that are sent are encrypted piece by piece, and cost next to nothing.
    """


class Bridge(FitConnect):
    """FIT-Connect as the way to one destination, such as the bridge to the citizens' mailboxes."""

    destination: Uuid
    """The id of the destination."""
