"""The mailbox class: what the hub may ask, and which way it goes."""

from typing import BinaryIO, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from postfach_http import NotTrusted, Tls
from postfach_mail import Away, Channel
from postfach_mailbox import (
    Acknowledged,
    Capabilities,
    Collected,
    Delivery,
    Fetched,
    Health,
    Keep,
    NoticeData,
    Outcome,
    Reason,
    Reconciled,
    RefusalCode,
    Refused,
    Repeat,
    StatusUpdate,
)
from postfach_mailbox.notice import LegalBasis
from postfach_mailbox.outcomes import PREPARED_MAX
from postfach_mailbox_bundid import content, envelope, settings
from postfach_mailbox_bundid.assumed import (
    FILE_BYTES_MAX,
    FILES_BYTES_MAX,
    FILES_MAX,
    MEDIA_TYPES,
    TEXT_BYTES_MAX,
)
from postfach_mailbox_bundid.author import Author, Unfit
from postfach_mailbox_bundid.bridged import Bridged
from postfach_mailbox_bundid.direct import Direct

HANDLE: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# Those whose term begins with the deposit or the sending. Of the others the service tells no one
# when their own event was: the e-mail about the message, or its retrieval by program.
LEGAL_BASES: Final[frozenset[LegalBasis]] = frozenset({"OZG9", "AO122A", "VWVFG41_2", "NONE"})
SIGNATURE_ROOM: Final = 2048  # bytes that a signature may need which is made later, of RSA 8192


class Way(Protocol):
    """How messages get there."""

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Put a message into a mailbox."""
        ...

    def set_status(self, update: StatusUpdate, content: str, keep: Keep) -> Outcome:
        """Show a state."""
        ...

    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        """Say what became of a message or a state."""
        ...

    def health(self) -> Health:
        """Say whether it can be used."""
        ...


class Mailbox:
    """The citizens' mailboxes."""

    Config = settings.Config

    def __init__(self, config: settings.Config) -> None:
        """Take the settings; no network."""
        self._config = config
        self._tls = Tls(
            ca_file=config.ca_file,
            certificate=config.certificate_file,
            password_file=config.password_file,
        )
        self._way = _way_of(config, self._tls)
        self._mail = None
        if config.mail is not None:
            self._mail = Channel(
                config.mail,
                retrieval=settings.pattern(config.retrieval_address),
                reply=settings.pattern(config.reply_address),
            )

    def capabilities(self) -> Capabilities:
        """Return what the hub checks notices against before they come here."""
        direct = self._config.transport == "direct"
        return Capabilities(
            contract="1.2",
            scheme="bundid",
            address_pattern=HANDLE,
            address_normal_form="lower",
            legal_bases=LEGAL_BASES,
            assurance_level="high",
            max_file=FILE_BYTES_MAX,
            max_total=FILES_BYTES_MAX,
            max_count=FILES_MAX,
            media_types=MEDIA_TYPES,
            subject_max=content.TITLE_MAX,
            sender_max=content.SENDER_MAX,
            text_max=TEXT_BYTES_MAX,  # a character is a byte at least; `prepare` measures
            repeat=Repeat.NEITHER if direct else Repeat.QUERYABLE,
            confirms="at-once" if direct else "later",
            prepares=True,
            status=True,
            return_channel=self._mail is not None and self._config.reply_address is not None,
            retrieval_events=self._mail is not None and self._config.retrieval_address is not None,
        )

    def prepare(self, notice: NoticeData, key: str) -> bytes | Refused:
        """Make and sign the envelope; one that cannot be signed now is signed when it is sent."""
        try:
            made = content.message(notice, self._config.wording, key)
        except content.NotAccepted as error:
            return _refused(error)
        data = envelope.sealed(made, self._key())
        if len(data) > PREPARED_MAX - SIGNATURE_ROOM:
            what = "Text: with all the rest over 1 MiB as it is written"
            return _refused(content.NotAccepted(RefusalCode.TOO_LARGE, what))
        return data

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Put the notice into the mailbox."""
        return self._way.deposit(delivery, keep)

    def reconcile(self, key: str, reference: str | None) -> Reconciled:
        """Say what became of a key."""
        return self._way.reconcile(key, reference)

    def set_status(self, update: StatusUpdate, keep: Keep) -> Outcome:
        """Show the state of an application."""
        try:
            made = content.state(update, self._config.wording)
        except content.NotAccepted as error:
            return _refused(error)
        return self._way.set_status(update, made, keep)

    def health(self) -> Health:
        """Say whether messages would be taken, and whether what comes back can be read."""
        health = self._way.health()
        if self._mail is None or health.status != "up":
            return health
        try:
            return self._mail.health()
        except Away as error:
            return Health(status="degraded", text=f"e-mails: {error}")

    def collect(self) -> Collected:
        """Return what the service wrote by e-mail."""
        return self._channel.collect()

    def fetch(self, item: str, document: int, into: BinaryIO) -> Fetched:
        """Write a document of a reply."""
        return self._channel.fetch(item, document, into)

    def acknowledge(self, item: str) -> Acknowledged:
        """Mark an e-mail as taken."""
        return self._channel.acknowledge(item)

    @property
    def _channel(self) -> Channel:
        if self._mail is None:
            raise LookupError("no table `mail` in the settings")
        return self._mail

    def _key(self) -> RSAPrivateKey | None:
        try:
            return Author.of(self._tls.identity()).key
        except (NotTrusted, Unfit):  # `deposit` finds that too, and holds the notice
            return None


def _way_of(config: settings.Config, tls: Tls) -> Way:
    if config.transport == "direct" and config.url is not None:
        return Direct(config.url, tls)
    if config.transport == "fitconnect" and config.fitconnect is not None:
        return Bridged(config.fitconnect, tls)
    raise ValueError(f"transport: {config.transport} is not set up")  # Config has seen to it


def _refused(error: content.NotAccepted) -> Refused:
    return Refused(reason=Reason(code=error.code.value, text=error.text))
