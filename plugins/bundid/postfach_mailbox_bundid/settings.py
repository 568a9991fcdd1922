"""The mailbox's table in hub.toml."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from postfach_fitconnect import Bridge
from postfach_mail import MailConfig, Pattern
from postfach_mail.address import PLACE
from postfach_mailbox import HubPath, Settings
from postfach_mailbox_bundid.content import SENDER_MAX, Wording

_HOST: Final = re.compile(r"https://[^/?#@\s]+")
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_LINK: Final = re.compile(r"https://\S+")
_TEXT: Final = "Für Sie liegt ein neues Schreiben bereit. Sie finden es im Anhang dieser Nachricht."


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("https://HOST or https://HOST:PORT, without a path")
    return value


def _mail(value: str) -> str:
    if not _MAIL.fullmatch(value):
        raise ValueError("an e-mail address")
    return value


def _link(value: str) -> str:
    if not _LINK.fullmatch(value):
        raise ValueError("a link that begins with https://")
    return value


def pattern(address: str | None) -> Pattern | None:
    """Return an address of the settings as what it names notices by."""
    return None if address is None else Pattern(address)


Mail = Annotated[str, Field(max_length=320), AfterValidator(_mail)]


class Config(Settings):
    """The settings. `transport` says which way notices take; each way has keys of its own."""

    transport: Literal["direct", "fitconnect"]
    """`direct`: to the service itself, in the federal networks. `fitconnect`: by its bridge."""
    certificate_file: HubPath
    """PKCS#12 with the certificate that the service registered, and its key; it also signs."""
    password_file: HubPath
    """A file with the PKCS#12's password."""
    url: Annotated[str, AfterValidator(_host)] | None = None
    """Where the service is. For `direct`."""
    ca_file: HubPath | None = None
    """Certificates that the service's is held against. Unset: those of the system."""
    fitconnect: Bridge | None = None
    """How FIT-Connect is reached, and its bridge. For `fitconnect`; a table of its own."""
    sender: Annotated[str, Field(min_length=1, max_length=SENDER_MAX)] | None = None
    """Who is shown as sender. Unset: the name of the notice's author."""
    sender_url: Annotated[str, Field(max_length=255), AfterValidator(_link)] | None = None
    """A link to the sender."""
    text: Annotated[str, Field(min_length=1, max_length=4000)] = _TEXT
    """What is shown for a notice that has no text. Plain text."""
    retrieval_address: Mail | None = None
    """Where the service writes when a message was read; `{key}` in it names the notice."""
    reply_address: Mail | None = None
    """Where the service sends replies; `{key}` in it names the notice."""
    mail: MailConfig | None = None
    """Where those e-mails come in, to be read by the hub; a table of its own."""

    @model_validator(mode="after")
    def _of_the_transport(self) -> "Config":
        if self.transport == "direct" and self.url is None:
            raise ValueError("url: must be set where transport is direct")
        if self.transport == "fitconnect" and self.fitconnect is None:
            raise ValueError("fitconnect: must be there where transport is fitconnect")
        if self.fitconnect is not None and self.fitconnect.reply_key_file is not None:
            text = "fitconnect.reply_key_file: the bridge brings no replies; see reply_address"
            raise ValueError(text)
        return self

    @model_validator(mode="after")
    def _told_by_mail(self) -> "Config":
        given = {
            "retrieval_address": self.retrieval_address,
            "reply_address": self.reply_address,
        }
        for key, text in given.items():
            if text is None or (self.mail is None and PLACE not in text):
                continue
            try:
                Pattern(text)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error
        if self.mail is not None and not any(given.values()):
            raise ValueError("mail: retrieval_address or reply_address must be set with it")
        return self

    @property
    def wording(self) -> Wording:
        """What is added to each message."""
        return Wording(
            sender=self.sender,
            text=self.text,
            sender_url=self.sender_url,
            retrieval_address=self.retrieval_address,
            reply_address=self.reply_address,
        )
