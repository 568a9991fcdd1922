"""The mailbox class: what the hub may ask of Mein Unternehmenskonto."""

from typing import BinaryIO, Final

from postfach_mailbox import (
    Acknowledged,
    Capabilities,
    Collected,
    Delivery,
    Fetched,
    Health,
    Keep,
    Outcome,
    Reconciled,
    Repeat,
)
from postfach_mailbox.notice import LegalBasis
from postfach_mailbox_muk import settings
from postfach_mailbox_muk.assumed import (
    FILE_BYTES_MAX,
    FILES_BYTES_MAX,
    FILES_MAX,
    MEDIA_TYPES,
    PSEUDONYM,
    SENDER_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
)
from postfach_mailbox_muk.gateway import Gateway
from postfach_mailbox_muk.replies import Replies

# Those whose term begins with the deposit or the sending: of a retrieval the gateway tells nothing.
LEGAL_BASES: Final[frozenset[LegalBasis]] = frozenset({"OZG9", "AO122A", "VWVFG41_2", "NONE"})


class Mailbox:
    """The companies' mailboxes."""

    Config = settings.Config

    def __init__(self, config: settings.Config) -> None:
        """Take the settings; no network."""
        self._config, self._gateway = config, Gateway(config)
        self._replies = Replies(self._gateway.client)

    def capabilities(self) -> Capabilities:
        """Return what the hub checks notices against before they come here."""
        return Capabilities(
            contract="1.1",
            scheme="muk",
            address_pattern=PSEUDONYM,
            legal_bases=LEGAL_BASES,
            assurance_level="substantial",
            max_file=FILE_BYTES_MAX,
            max_total=FILES_BYTES_MAX,
            max_count=FILES_MAX - 1,  # the last one is the hub's seal
            media_types=MEDIA_TYPES,
            subject_max=SUBJECT_MAX,
            sender_max=SENDER_MAX,
            text_max=TEXT_MAX,
            repeat=Repeat.QUERYABLE,
            confirms="later",
            return_channel=self._config.replies,
        )

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Have the notice deposited; what the gateway has taken is not deposited yet."""
        return self._gateway.deposit(delivery, keep)

    def reconcile(self, key: str, reference: str | None) -> Reconciled:  # noqa: ARG002
        """Say what became of an order."""
        return self._gateway.reconcile(reference)

    def health(self) -> Health:
        """Say whether the gateway answers, and lets us in."""
        return self._gateway.health()

    def collect(self, cursor: str | None) -> Collected:  # noqa: ARG002  # it offers what was not taken
        """Fetch replies; raises where that is not possible now."""
        return self._replies.collect()

    def fetch(self, item: str, document: int, into: BinaryIO) -> Fetched:
        """Write a document of a reply; raises where that is not possible now."""
        return self._replies.fetch(item, document, into)

    def acknowledge(self, item: str) -> Acknowledged:
        """Say that a reply is stored; raises where that is not possible now."""
        return self._replies.acknowledge(item)
