"""The table `mail` of a mailbox's settings in hub.toml."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from postfach_mail.trust import Trust
from postfach_mailbox import HubPath, Settings

_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
IMAPS: Final = 993


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("HOST or HOST:PORT")
    return value


class MailConfig(Settings):
    """Where messages come in: `folder`, or `server` with `user` and `password_file`."""

    folder: HubPath | None = None
    """A folder with a message in each file `*.eml`; made by the operator, marked by `.mail`."""
    server: Annotated[str, AfterValidator(_host)] | None = None
    """An IMAP server that speaks TLS from the first byte; port 993 unless it is named."""
    user: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Whose mailbox it is there."""
    password_file: HubPath | None = None
    """A file with the password in its first line."""
    ca_file: HubPath | None = None
    """Certificates that the server's is held against. Unset: those of the system."""
    mailbox: Annotated[str, Field(min_length=1, max_length=255)] = "INBOX"
    """The IMAP mailbox in which messages wait."""
    taken: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """An IMAP mailbox that what was taken is moved to. Unset: it stays, with a flag."""
    max_size: Annotated[int, Field(ge=1024, le=50 * 1024 * 1024)] = 10 * 1024 * 1024
    """Bytes of the largest message that is read."""
    signed_by: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """The domain whose DKIM signature a message must have; others are set aside."""
    checked_by: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """The authserv-id of the mail server whose word on that counts (RFC 8601)."""

    @model_validator(mode="after")
    def _one_place(self) -> "MailConfig":
        if (self.folder is None) == (self.server is None):
            raise ValueError("folder or server: one of them must be set")
        if self.server is not None and (self.user is None or self.password_file is None):
            raise ValueError("user, password_file: must be set where server is")
        if (self.signed_by is None) != (self.checked_by is None):
            raise ValueError("signed_by, checked_by: both, or none of them")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server."""
        host, _, port = (self.server or "").partition(":")
        return host, int(port) if port else IMAPS

    @property
    def trust(self) -> Trust | None:
        """Who must have signed; None: messages are taken from anybody."""
        if self.signed_by is None or self.checked_by is None:
            return None
        return Trust(signed_by=self.signed_by, checked_by=self.checked_by)
