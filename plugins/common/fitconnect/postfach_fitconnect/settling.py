"""What became of a submission whose sender does not know it, or that was not accepted yet.

Absent is said only where the submission can surely not be submitted any more: a request that was
given up may still be under way at the service. So a submission that was created and not submitted
is first withdrawn: the service either deletes it, and then it is gone, or says that it has been
submitted. Where it cannot be withdrawn, time is let pass: `QUIET`.
"""

import time

from postfach_fitconnect.api import Api, path
from postfach_fitconnect.asking import Left
from postfach_fitconnect.assumed import QUIET, SUBMISSION, WITHDRAWN, EventType, Problem
from postfach_fitconnect.ending import Ended, asked, problem
from postfach_fitconnect.judging import judge
from postfach_fitconnect.log import Gone, Log, Logs
from postfach_fitconnect.parcel import Reference
from postfach_http import Answer
from postfach_http.outcomes import http_date, unknown
from postfach_mailbox import Absent, Reconciled

_NOT_TO_BE_HAD = (403, 404, 405, 501)


class Settling:
    """Finds out. Safe for threads."""

    def __init__(self, api: Api, logs: Logs) -> None:
        """Take what is shared with other calls."""
        self._api, self._logs = api, logs

    def settle(self, reference: Reference, left: Left) -> Reconciled:
        """Return what became of a submission. Raises Ended, Failed: it cannot be told now."""
        try:
            log = self._logs.read(reference, left)
            found = judge(log, reference)
            if found is not None:
                return found
            return self._withdraw(reference, log, left)
        except Gone:
            return Absent()

    def _withdraw(self, reference: Reference, log: Log, left: Left) -> Reconciled:
        where = path(SUBMISSION, submission=reference.submission)
        answer = self._api.ask("DELETE", where, left=left)
        if answer.status in WITHDRAWN:
            return Absent()
        match problem(answer):
            case Problem.SUBMISSION_UNKNOWN:
                raise Gone
            case Problem.SUBMISSION_SUBMITTED:
                # It was, between our two questions.
                text = "it was submitted; its event log does not say so yet"
                found = judge(self._logs.read(reference, left), reference)
                return found or unknown("EVENTS_BEHIND", text)
        if answer.status in _NOT_TO_BE_HAD:
            return _quiet(log, answer)
        raise Ended(asked(answer))


def _quiet(log: Log, answer: Answer) -> Reconciled:
    """Return Absent where the submission was created so long ago that nothing can be under way.

    Both times are by the service's clock, where it says its own.
    """
    date = http_date(answer)
    now = date.timestamp() if date is not None else time.time()
    created = log.of(EventType.CREATE)
    if created and min(each.at.timestamp() for each in created) + QUIET <= now:
        return Absent()
    return unknown("NOT_SETTLED", "not submitted so far; a request may still be under way")
