"""Messages on an IMAP server (RFC 3501, RFC 6851), over TLS from the first byte (RFC 8314).

What was taken is moved to the mailbox that is named for it, or stays with the flag
`$PostfachTaken`; what cannot be taken stays with `$PostfachRefused`. Nothing is deleted, and no
message is marked as seen.
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from postfach_mail.settings import MailConfig
from postfach_mail.source import Away, Box, Waiting

SECONDS: Final = 15.0  # for each answer of the server
TAKEN: Final = b"$PostfachTaken"
REFUSED: Final = b"$PostfachRefused"
_ASKED: Final = 100  # messages in one command
_CAUSE: Final = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imap:
    """A mailbox on a server."""

    config: MailConfig

    @contextmanager
    def open(self) -> Iterator[Box]:
        """Log in and select the mailbox. Raises Away."""
        with _away():
            client = self._client()
            try:
                self._log_in(client)
                chosen = client.select_folder(self.config.mailbox)
                taken = self.config.taken
                flags = chosen.get(b"PERMANENTFLAGS", ())
                if b"\\*" not in flags and not {TAKEN, REFUSED} <= set(flags):
                    raise Away("the server keeps no flags of ours in this mailbox")
                yield _Messages(client=client, taken=taken)
            finally:
                with suppress(Exception):  # it may be gone
                    client.logout()

    def _client(self) -> IMAPClient:
        host, port = self.config.address
        try:
            context = ssl.create_default_context(
                cafile=None if self.config.ca_file is None else str(self.config.ca_file)
            )
        except OSError as error:
            raise Away("ca_file: holds no certificates that can be read") from error
        return IMAPClient(host, port, ssl=True, ssl_context=context, timeout=SECONDS)

    def _log_in(self, client: IMAPClient) -> None:
        if self.config.user is None or self.config.password_file is None:
            raise Away("user, password_file: not set")  # MailConfig has seen to it
        try:
            password = self.config.password_file.read_text("utf-8").splitlines()[0]
        except (OSError, IndexError, ValueError) as error:
            raise Away("password_file: cannot be read, or is empty") from error
        try:
            client.login(self.config.user, password)
        except LoginError as error:  # its text may repeat what was sent
            raise Away("the server does not accept user and password") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Messages:
    client: IMAPClient
    taken: str | None

    def waiting(self) -> Iterator[Waiting]:
        found = self.client.search([b"UNKEYWORD", TAKEN, b"UNKEYWORD", REFUSED, b"UNDELETED"])
        uids = sorted(int(each) for each in found)
        for start in range(0, len(uids), _ASKED):
            asked = uids[start : start + _ASKED]
            facts = self.client.fetch(asked, [b"RFC822.SIZE", b"INTERNALDATE"])
            for uid in asked:
                if (one := facts.get(uid)) is not None:
                    yield _waiting(uid, one)

    def read(self, message: Waiting) -> bytes:
        uid = int(message.name)
        found = self.client.fetch([uid], [b"BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
        if found is None:
            raise LookupError(message.name)
        return bytes(found)

    def take(self, message: Waiting) -> None:
        uid = int(message.name)
        self.client.add_flags([uid], [TAKEN])  # first: a server that dies meanwhile offers it not
        if self.taken is not None:
            self.client.move([uid], self.taken)

    def set_aside(self, message: Waiting, why: str) -> None:
        del why  # the log says it: a flag cannot
        self.client.add_flags([int(message.name)], [REFUSED])

    def refused(self) -> int:
        return len(self.client.search([b"KEYWORD", REFUSED, b"UNDELETED"]))


def _waiting(uid: int, facts: dict[bytes, Any]) -> Waiting:
    at = facts.get(b"INTERNALDATE")
    if not isinstance(at, datetime):
        at = datetime.now(UTC)
    return Waiting(name=str(uid), size=int(facts.get(b"RFC822.SIZE", 0)), at=at.astimezone(UTC))


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Away(
            "the mail server shows a certificate that is not trusted; see ca_file"
        ) from error
    except OSError as error:
        cause = _CAUSE.sub(" ", error.strerror or type(error).__name__)[:100]
        raise Away(f"the mail server cannot be reached: {cause}") from error
    except (IMAPClientError, ValueError) as error:
        cause = _CAUSE.sub(" ", str(error))[:200]
        raise Away(f"the mail server does not do as it is asked: {cause}") from error
