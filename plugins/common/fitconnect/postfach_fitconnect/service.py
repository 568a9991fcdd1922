"""FIT-Connect as a mailbox sees it: give it a parcel, ask what became of it, fetch replies."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO

from postfach_fitconnect.api import Api
from postfach_fitconnect.asking import Left
from postfach_fitconnect.assumed import JWKS
from postfach_fitconnect.destinations import Destination, Destinations, Fault, Unusable
from postfach_fitconnect.ending import Ended, NotNow, said
from postfach_fitconnect.judging import judge
from postfach_fitconnect.log import Gone, Logs
from postfach_fitconnect.parcel import Parcel, Reference
from postfach_fitconnect.replies import Replies, ReplyRefused
from postfach_fitconnect.replykey import ReplyKey
from postfach_fitconnect.returning import Returning
from postfach_fitconnect.settings import FitConnect
from postfach_fitconnect.settling import Settling
from postfach_fitconnect.submitting import Submitting
from postfach_http import Failed
from postfach_http.call import lasting
from postfach_http.outcomes import of_failure, unknown
from postfach_mailbox import (
    Absent,
    Account,
    Acknowledged,
    Collected,
    Deposited,
    Fetched,
    Health,
    Keep,
    Outcome,
    Pending,
    Reconciled,
)
from postfach_mailbox.outcomes import Refused


class Service:
    """The Submission API for one API client. Safe for threads; opens nothing until it is asked.

    Calls that have no end of their own take `seconds` at most.
    """

    def __init__(self, settings: FitConnect, api: Api | None = None) -> None:
        """Take the settings; no network, and no file is read. `api`: another one, for tests."""
        self._api = api or Api(settings)
        self._destinations = Destinations(self._api)
        self._logs = Logs(self._api, self._destinations, settings.issuer or settings.submission_url)
        key = ReplyKey(settings.reply_key_file) if settings.reply_key_file is not None else None
        self._submitting = Submitting(self._api, self._destinations, key, settings.max_file)
        self._settling = Settling(self._api, self._logs)
        self._replies: Replies | None = None
        self._returning: Returning | None = None
        if key is not None:
            self._replies = Replies(
                self._api, key, max_file=settings.max_file, at_once=settings.large_at_once
            )
            self._returning = Returning(self._replies)

    def deposit(self, parcel: Parcel, keep: Keep, left: Left) -> Outcome:
        """Create a submission, upload, submit, and look at its events once.

        keep: called with `Reference.text` after creating, before the first upload
        left: seconds that the call may still take, such as `delivery.seconds_left`

        Pending: submitted, not accepted yet. Deposited: accepted already. Deferred: surely never
        submitted; a new submission may be made. Refused, Held: not submitted either. Unknown: it
        may have been submitted.
        """
        try:
            done = self._submitting.submit(parcel, keep, left)
        except Ended as ended:
            return ended.outcome
        taken = Pending(reference=done.reference.text)
        try:
            log = self._logs.read(done.reference, left, done.tags)
        except (Ended, Failed, Gone):
            return taken  # it was submitted, whatever the log says now
        found = judge(log, done.reference)
        return found if isinstance(found, Deposited | Pending | Refused) else taken

    def reconcile(self, reference: str | None, seconds: float = 20.0) -> Reconciled:
        """Say what became of a submission, from its event log.

        reference: what `keep` was given; None: nothing was ever uploaded, hence Absent

        Deposited: its destination accepted it; time and evidence are its signed word. Refused:
        rejected. Pending: submitted. Absent: never submitted, and it cannot be any more: it was
        withdrawn, or does not exist. To be asked only when the deposit's end is over.
        """
        if reference is None:
            return Absent()
        try:
            wanted = Reference.read(reference)
        except ValueError:
            return unknown("REFERENCE_UNREADABLE", "the reference is none of this mailbox")
        try:
            found = self._settling.settle(wanted, lasting(seconds))
        except Ended as ended:
            return ended.outcome
        except Failed as failure:
            return of_failure(failure)
        if isinstance(found, Refused):
            self._destinations.forget(wanted.destination)  # its key may have been changed
        return found

    def account(self, destination: str, seconds: float = 20.0) -> Account:
        """Say whether there is such a destination, and whether it takes submissions.

        Raises NotNow: it cannot be told now.
        """
        try:
            with _now_or_not():
                self._usable(destination, lasting(seconds))
        except Unusable as error:
            match error.fault:
                case Fault.UNKNOWN:
                    return Account(status="unknown")
                case Fault.GONE:
                    return Account(status="deleted")
            raise NotNow(str(error)) from error
        return Account(status="active")

    def health(self, destination: str | None = None, seconds: float = 10.0) -> Health:
        """Say whether a token is given and the API answers; and whether `destination` is usable."""
        left = lasting(seconds)
        try:
            with _now_or_not():
                self._api.tokens.current(left)
                answer = self._api.open(JWKS, left=left, most=1024 * 1024)
                if answer.status != 200:
                    text = f"the Submission API answered {answer.status}; see `submission_url`"
                    return Health(status="down", text=text)
                if destination is not None:
                    self._usable(destination, left)
        except (NotNow, Unusable) as error:
            return Health(status="down", text=str(error)[:500])
        if self._returning is not None and self._returning.stuck:
            text = f"{self._returning.stuck} replies cannot be opened; see reply_key_file"
            return Health(status="degraded", text=text)
        return Health(status="up")

    def collect(self, cursor: str | None, seconds: float = 20.0) -> Collected:
        """Fetch replies that were not acknowledged. Raises NotNow."""
        del cursor  # the service offers what was not acknowledged
        if self._returning is None:
            return Collected()
        with _now_or_not():
            return self._returning.collect(lasting(seconds))

    def fetch(self, item: str, document: int, into: BinaryIO, seconds: float = 20.0) -> Fetched:
        """Write a document of a reply. Raises NotNow: not now, or never; nothing was written."""
        if self._returning is None:
            raise NotNow("no replies are asked for; see reply_key_file")
        with _now_or_not():
            return self._returning.fetch(item, document, into, lasting(seconds))

    def acknowledge(self, item: str, seconds: float = 20.0) -> Acknowledged:
        """Tell the service that a reply is stored. Raises NotNow."""
        if self._replies is None:
            raise NotNow("no replies are asked for; see reply_key_file")
        with _now_or_not():
            self._replies.acknowledge(item, lasting(seconds))
        return Acknowledged()

    def _usable(self, destination: str, left: Left) -> Destination:
        """Return a destination, as it is now. Raises Unusable, Ended, Failed."""
        self._destinations.forget(destination)
        found = self._destinations.find(destination, left)
        found.check_status()
        self._destinations.recipient(found, left)
        return found


@contextmanager
def _now_or_not() -> Generator[None]:
    """Let all that hinders an answer be NotNow."""
    try:
        yield
    except Ended as ended:
        raise NotNow(said(ended.outcome)) from ended
    except (Failed, ReplyRefused) as failure:
        raise NotNow(str(failure)) from failure
