"""The parts of the sandbox put together; whoever tests holds this."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from postfach_fitconnect.assumed import DestinationStatus
from postfach_fitconnect.sandbox.cases import Cases
from postfach_fitconnect.sandbox.deciding import Decider
from postfach_fitconnect.sandbox.granting import SECONDS, Client, Grants
from postfach_fitconnect.sandbox.keyring import Keyring
from postfach_fitconnect.sandbox.receiving import Destination, Receiver
from postfach_fitconnect.sandbox.records import Record, Records, Reply, State
from postfach_fitconnect.sandbox.replying import Replies
from postfach_fitconnect.sandbox.submissions import Submissions
from postfach_fitconnect.sandbox.switching import Levers
from postfach_fitconnect.sandbox.telling import Teller
from postfach_sandbox.arrivals import Arrivals

ISSUER: Final = "https://submission.sandbox.example"
"""What the service's tokens name as issuer: the same wherever the sandbox is served."""
ACTIVE: Final = "6e1f3a52-0000-4000-8000-00000000d001"
OTHER: Final = "6e1f3a52-0000-4000-8000-00000000d002"  # in use as well
INACTIVE: Final = "6e1f3a52-0000-4000-8000-00000000d008"
DECOMMISSIONED: Final = "6e1f3a52-0000-4000-8000-00000000d009"
UNKNOWN: Final = "6e1f3a52-0000-4000-8000-00000000d000"  # well-formed, and none
BRIDGE: Final = "6e1f3a52-0000-4000-8000-00000000d00b"  # only there where a bridge is given

DESTINATIONS: Final[Mapping[str, Destination]] = MappingProxyType(
    {
        ACTIVE: Destination(),
        OTHER: Destination(),
        INACTIVE: Destination(status=DestinationStatus.INACTIVE),
        DECOMMISSIONED: Destination(status=DestinationStatus.DECOMMISSIONED),
    }
)


class Platform:
    """FIT-Connect, all of it. What is public here may be used, and changed, while it serves.

    arrivals, switches, keyring: see there
    destinations: by id, lower case
    grants: clients and their tokens
    records, reply_records: what the service has
    submissions, replies, cases: what the API does
    decider: `accept` and `reject` by hand
    """

    def __init__(
        self,
        folder: Path,
        *,
        clients: Mapping[str, Client],
        destinations: Mapping[str, Destination] = DESTINATIONS,
        keyring: Keyring | None = None,
        issuer: str = ISSUER,
        accept_after: float | None = 0.0,
        token_seconds: float = SECONDS,
    ) -> None:
        """Keep all in `folder`, and go on with what lies there.

        keyring: None: one of its own, in the folder
        accept_after: seconds until destinations accept; None: by hand
        """
        self.issuer, self.destinations = issuer, dict(destinations)
        self.arrivals, self.switches = Arrivals(folder / "arrived"), Levers()
        self.keyring = keyring or Keyring(folder / "keys")
        self.grants = Grants(clients, self.switches, token_seconds)
        self.records = Records(folder / "submissions", Record)
        self.reply_records = Records(folder / "replies", Reply)
        teller = Teller(self.keyring, issuer, self.switches)
        receiver = Receiver(self.records, self.keyring, self.arrivals, self.switches)
        self.decider = Decider(self.records, self.destinations, receiver, teller, self.switches)
        self.submissions = Submissions(
            records=self.records,
            destinations=self.destinations,
            keyring=self.keyring,
            teller=teller,
            decider=self.decider,
            switches=self.switches,
            accept_after=accept_after,
        )
        self.cases = Cases(self.records)
        self.replies = Replies(self.reply_records, self.records, self.switches)

    def settle(self) -> None:
        """Do what is due of all submissions, as asking for their events would."""
        for each in self.records.all():
            self.decider.settle(each.id)

    def in_state(self, *states: State) -> list[Record]:
        """Return submissions, in the order in which they were created."""
        return [each for each in self.records.all() if each.state in states]
