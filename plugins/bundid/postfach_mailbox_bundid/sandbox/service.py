"""What the sandbox does with a request, whatever way it came: checks, accounts, storing.

Directly, over HTTP, `app` feeds it piece by piece. Through FIT-Connect's bridge whole submissions
come by `receive` and `receive_state`, from any thread; a Refusal is to become a reject event, and
one that comes again is answered as the first time. The switches act there too: whoever is away, or
whose answer is lost, is asked again by the bridge.
"""

import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from postfach_mailbox_bundid.assumed import APPLICATION_ID, CREATED, MESSAGE_ID, Code
from postfach_mailbox_bundid.sandbox.content import Message, State
from postfach_mailbox_bundid.sandbox.envelope import Envelope
from postfach_mailbox_bundid.sandbox.refusing import Refusal
from postfach_mailbox_bundid.sandbox.sender import Sender
from postfach_mailbox_bundid.sandbox.upload import File, Upload
from postfach_sandbox.arrivals import Arrival, Arrivals, Incoming
from postfach_sandbox.faults import Fault, Switch, Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A mailbox: its assurance level (STORK QAA, 1 to 4), and whether it was deleted."""

    level: int
    deleted: bool = False


LOW: Final = "10000000-0000-4000-8000-000000000001"
SUBSTANTIAL: Final = "30000000-0000-4000-8000-000000000003"
HIGH: Final = "40000000-0000-4000-8000-000000000004"
DELETED: Final = "90000000-0000-4000-8000-000000000009"
UNKNOWN: Final = "00000000-0000-4000-8000-000000000000"  # well-formed, and no one's

ACCOUNTS: Final[Mapping[str, Account]] = {
    LOW: Account(level=1),
    SUBSTANTIAL: Account(level=3),
    HIGH: Account(level=4),
    DELETED: Account(level=4, deleted=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How something came: the request's X-Request-ID, or FIT-Connect's submission."""

    request: str | None = None
    submission: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was stored, and the answer's body."""

    arrival: Arrival
    body: dict[str, str]


class Away(OSError):
    """A switch says that the service does not answer the bridge now."""


_DEAF: Final = frozenset({Fault.BUSY, Fault.ERROR, Fault.AWAY, Fault.DROP_BEFORE})
_MUTE: Final = frozenset({Fault.DROP_AFTER, Fault.WRONG_TYPE})


class Service:
    """The mailboxes. All that is public here may be changed while it serves.

    accounts: by mailbox handle, lower case
    senders: common names that are let in; None: every one that the authority certified
    authority: who certifies senders; needed for `receive`, the handshake knows it already
    """

    def __init__(
        self,
        folder: Path,
        *,
        accounts: Mapping[str, Account] = ACCOUNTS,
        senders: frozenset[str] | None = None,
        authority: x509.Certificate | None = None,
    ) -> None:
        """Keep what arrives in `folder`, and go on with what lies there."""
        self.arrivals, self.switches = Arrivals(folder), Switches()
        self.accounts, self.senders, self.authority = dict(accounts), senders, authority
        self._lock = threading.Lock()
        self._states: dict[str, str] = {}
        self._submissions: set[str] = set()
        for each in self.arrivals.all():
            self._submissions.add(each.facts.get("submission") or "")
            if each.facts["kind"] == "state":
                self._states[each.facts["application"]] = each.facts["status"]

    def receive(
        self,
        envelope: bytes,
        files: Iterable[File] = (),
        *,
        submission: str,
        at: datetime | None = None,
    ) -> None:
        """Take a message that came through the bridge, whole; again: once. Raises Refusal, Away.

        at: when it was submitted, by which its token is judged; None: now
        """
        read, sender, message = self.examine(envelope, at)
        with self._acting(message.mailboxUuid, submission) as switch, self.arrivals.begin() as new:
            if switch is None:
                return
            self.admit(message, switch)
            upload = Upload(message.attachments, new)
            try:
                for each in files:
                    upload.begin(each.filename, each.content_type)
                    upload.feed(each.data)
                    upload.end(each.content_type)
            finally:
                upload.close()
            upload.finish()
            origin = Origin(submission=submission)
            self.keep(message, read, sender, upload, new, origin=origin)

    def receive_state(
        self,
        envelope: bytes,
        files: Sequence[File] = (),
        *,
        submission: str,
        at: datetime | None = None,
    ) -> None:
        """Take a state that came through the bridge; again: once. Raises Refusal, Away."""
        read, sender = self._of_bridge(envelope, at)
        state = State.read(read.content)
        if files:
            raise Refusal(Code.ATTACHMENT_UNDECLARED, "a state has no files")
        with self._acting(state.applicationId, submission) as switch:
            if switch is not None:
                self.set_state(state, read, sender, Origin(submission=submission))

    def examine(self, envelope: bytes, at: datetime | None) -> tuple[Envelope, Sender, Message]:
        """Read a message that came through the bridge, without its files. Raises Refusal."""
        read, sender = self._of_bridge(envelope, at)
        return read, sender, Message.read(read.content)

    def admit(self, message: Message, switch: Switch) -> None:
        """Check that the mailbox takes the message. Raises Refusal."""
        account = self.accounts.get(message.mailboxUuid)
        if account is None:
            raise Refusal(Code.MAILBOX_UNKNOWN, "mailboxUuid: there is no such mailbox")
        if account.deleted or switch.do == Fault.CLOSED:
            raise Refusal(Code.MAILBOX_DELETED, "mailboxUuid: the mailbox was deleted")
        if account.level < message.stork_qaa_level:
            text = f"stork_qaa_level: the mailbox has level {account.level}"
            raise Refusal(Code.TRUST_LEVEL_TOO_LOW, text)

    def keep(
        self,
        message: Message,
        envelope: Envelope,
        sender: Sender,
        upload: Upload,
        incoming: Incoming,
        *,
        origin: Origin,
    ) -> Taken:
        """Store a message that was checked wholly, with its files."""
        facts = {
            "kind": "message",
            "id": str(uuid.uuid4()),
            "signer": sender.name,
            "mailbox": message.mailboxUuid,
            "level": message.stork_qaa_level,
            "sender": message.sender,
            "title": message.title,
            "service": message.service,
            "reference": message.reference,
            "retrieval_address": message.retrievalConfirmationAddress,
            "reply_address": message.replyAddress,
            "application": message.applicationId,
            "attachments": upload.facts,
        }
        return self._keep(facts, envelope, incoming, message.mailboxUuid, origin)

    def set_state(self, state: State, envelope: Envelope, sender: Sender, origin: Origin) -> Taken:
        """Store the state of an application. Raises Refusal: it would go back."""
        facts = {
            "kind": "state",
            "signer": sender.name,
            "application": state.applicationId,
            "status": state.status,
            "reference": state.reference,
        }
        with self._lock, self.arrivals.begin() as incoming:
            before = self._states.get(state.applicationId)
            if before is not None and not state.follows(before):
                raise Refusal(Code.STATE_BACKWARDS, f"status: the application is {before}")
            taken = self._keep(facts, envelope, incoming, state.applicationId, origin)
            self._states[state.applicationId] = state.status
            return taken

    def _keep(
        self,
        facts: Mapping[str, Any],
        envelope: Envelope,
        incoming: Incoming,
        account: str,
        origin: Origin,
    ) -> Taken:
        incoming.write("content.json", envelope.content)
        incoming.write("envelope.json", envelope.data)
        now = self.switches.now(account).astimezone(UTC)
        arrival = incoming.keep({**facts, **asdict(origin)}, now)
        self._submissions.add(origin.submission or "")
        created = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name, value = (MESSAGE_ID, facts.get("id")) if "id" in facts else (APPLICATION_ID, account)
        return Taken(arrival=arrival, body={name: str(value), CREATED: created})

    @contextmanager
    def _acting(self, account: str, submission: str) -> Iterator[Switch | None]:
        """Act as switched, before and after; None: the submission was stored already."""
        if submission in self._submissions:
            yield None
            return
        switch = self.switches.take(account)
        if switch.do in _DEAF:
            raise Away(f"switched to {switch.do}")
        yield switch
        if switch.do == Fault.SLOW:
            time.sleep(switch.value)  # this is the fault itself
        if switch.do in _MUTE:
            raise Away(f"switched to {switch.do}")

    def _of_bridge(self, data: bytes, at: datetime | None) -> tuple[Envelope, Sender]:
        if self.authority is None:
            raise ValueError("authority: needed to take what comes through the bridge")
        now = at or self.switches.now()
        envelope = Envelope.read(data, bridged=True)
        sender = Sender.of_pem(envelope.certificate, self.authority, self.senders, now)
        sender.check_token(envelope.token, now)
        envelope.check(sender)
        return envelope, sender
