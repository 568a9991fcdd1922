"""The mailbox class: what the hub may ask of FIT-Connect."""

from typing import BinaryIO, Final

from postfach_fitconnect import Service
from postfach_fitconnect.assumed import ATTACHMENTS_MAX, DATA_BYTES_MAX
from postfach_mailbox import (
    Account,
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
from postfach_mailbox_fitconnect import letter, settings

DESTINATION: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# A destination is no account of a user: what law ties to such a mailbox is not served here.
LEGAL_BASES: Final[frozenset[LegalBasis]] = frozenset({"VWVFG41_2", "NONE"})


class Mailbox:
    """Destinations of FIT-Connect, each a mailbox."""

    Config = settings.Config

    def __init__(self, config: settings.Config) -> None:
        """Take the settings; no network."""
        self._config = config
        self._service = Service(config)

    def capabilities(self) -> Capabilities:
        """Return what the hub checks notices against before they come here."""
        return Capabilities(
            contract="1.1",
            scheme="fitconnect",
            address_pattern=DESTINATION,
            address_normal_form="lower",
            legal_bases=LEGAL_BASES,
            assurance_level=self._config.assurance_level,
            max_file=self._config.max_file,
            max_total=self._config.max_total,
            max_count=ATTACHMENTS_MAX - 1,  # the last one is the hub's seal
            text_max=DATA_BYTES_MAX,  # a character is a byte at least; the client measures
            repeat=Repeat.QUERYABLE,
            confirms="later",
            return_channel=self._config.reply_key_file is not None,
        )

    def deposit(self, delivery: Delivery, keep: Keep) -> Outcome:
        """Submit the notice; only its destination's own word makes it a deposit."""
        made = letter.parcel(delivery, self._config.schema_uri)
        return self._service.deposit(made, keep, delivery.seconds_left)

    def reconcile(self, key: str, reference: str | None) -> Reconciled:  # noqa: ARG002
        """Say what became of a submission."""
        return self._service.reconcile(reference)

    def health(self) -> Health:
        """Say whether we are given a token, and the Submission API answers."""
        return self._service.health()

    def account(self, address: str) -> Account:
        """Say whether there is such a destination; raises where it cannot be told now."""
        return self._service.account(address)

    def collect(self, cursor: str | None) -> Collected:
        """Fetch replies to submissions; raises where that is not possible now."""
        return self._service.collect(cursor)

    def fetch(self, item: str, document: int, into: BinaryIO) -> Fetched:
        """Write a document of a reply; raises where that is not possible now."""
        return self._service.fetch(item, document, into)

    def acknowledge(self, item: str) -> Acknowledged:
        """Say that a reply is stored; raises where that is not possible now."""
        return self._service.acknowledge(item)
