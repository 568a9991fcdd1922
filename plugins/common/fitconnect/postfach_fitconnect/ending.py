"""How a call ends early, and what an answer means before anything was submitted.

Nothing counts before the last request of a submission, the one that submits: what failed until then
is surely not deposited, also where an answer was lost.
"""

from typing import Final

from postfach_fitconnect.assumed import API_PROBLEM, PROBLEM_STATUS, REFUSALS, Problem
from postfach_http import Answer, Failed, Lost
from postfach_http import outcomes as common
from postfach_http.outcomes import deferred, held, refused
from postfach_mailbox import Absent, Deposited, Outcome, Pending

_OURS: Final = (404, 405, 301, 302, 303, 307, 308)


class Ended(Exception):
    """The call ends with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        """Take how it ended."""
        super().__init__(outcome.kind)
        self.outcome = outcome


class NotNow(Exception):
    """It cannot be told now; the text says why, without names or secrets."""


def problem(answer: Answer) -> Problem | None:
    """Return the service's own problem; None: the answer names none, and may be anybody's.

    One whose status is another than it has to be is none either.
    """
    said = common.problem(answer)
    if said is None or not said.type.startswith(API_PROBLEM):
        return None
    try:
        found = Problem(said.type.removeprefix(API_PROBLEM))
    except ValueError:
        return None
    return found if PROBLEM_STATUS[found] == answer.status else None


def unsubmitted(answer: Answer) -> Outcome:
    """Return what an answer that is no success means while nothing was submitted."""
    code = f"HTTP_{answer.status}"
    known = problem(answer)
    if known is not None and known in REFUSALS:
        text = "the service does not accept the submission"
        return refused(REFUSALS[known], text, known.value)
    if answer.status >= 500:
        text = "the service failed before anything was submitted"
        return deferred(code, text, common.retry_after(answer))
    outcome = common.of_answer(answer)
    if outcome is not None:
        return outcome
    if known is None and answer.status in _OURS:
        return held(code, "no answer of the Submission API: is the URL in hub.toml right?")
    return deferred(code, "the service did not go on; nothing was submitted")


def failed_before(failure: Failed) -> Outcome:
    """Return what it means that there was no answer while nothing was submitted."""
    if isinstance(failure, Lost):
        return deferred("ANSWER_LOST", "an answer was lost before anything was submitted")
    return common.of_failure(failure)


def asked(answer: Answer) -> Outcome:
    """Return what an answer that is no success means to a question: nothing about the notice."""
    outcome = common.of_answer(answer)
    if outcome is not None:
        return outcome
    return common.unknown(f"HTTP_{answer.status}", "the service did not say what became of it")


def said(outcome: Outcome | Absent) -> str:
    """Return the text of an outcome's reason."""
    if isinstance(outcome, Absent | Deposited | Pending):
        return outcome.kind
    return outcome.reason.text
