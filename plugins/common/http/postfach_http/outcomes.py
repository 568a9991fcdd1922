"""What an answer, or its want, means to a notice: the part that is the same for every service.

Where the plugin's own table says nothing else:

    408, 429           Deferred, never earlier than Retry-After
    401, 403           Held: credentials must be mended
    5xx                Deferred where the answer came before the body was taken, else Unknown
    NotConnected       Deferred
    NotTrusted         Held
    Lost               Unknown
    all else           the plugin's to say; what it does not understand is Unknown
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from postfach_http.connection import Answer
from postfach_http.failures import Failed, NotConnected, NotTrusted
from postfach_mailbox import Deferred, Held, Outcome, Reason, RefusalCode, Refused, Unknown

PATIENCE: Final = timedelta(days=7)  # the longest Retry-After that is believed
_TEXT_MAX: Final = 120  # characters of a text of the other side in a reason
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9ÄÖÜäöüß .,:;/#()_-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The fields of problem+json (RFC 9457) that name the kind of problem, made safe to show.

    `detail` and `instance` speak of the one request and may hold payload: they are not read.
    """

    type: str
    title: str


def of_answer(answer: Answer) -> Outcome | None:
    """Return what the status means everywhere; None: it is the plugin's to say.

    A 5xx proves that nothing was stored only where the other side never had the whole request:
    `Answer.sent` is False when the answer came, or the other side closed, with some of the body
    still unsent, and then nothing more of it was sent.
    """
    code = f"HTTP_{answer.status}"
    match answer.status:
        case 408 | 429:
            return deferred(code, _said("the service is busy", answer), retry_after(answer))
        case 401 | 403:
            return held(code, _said("the service does not accept our credentials", answer))
        case status if status >= 500 and not answer.sent:
            text = _said("the service failed before it had the whole request", answer)
            return deferred(code, text, retry_after(answer))
        case status if status >= 500:
            return unknown(code, _said("the service failed with the whole request", answer))
    return None


def of_failure(failure: Failed) -> Outcome:
    """Return what it means that there is no answer."""
    match failure:
        case NotConnected():
            return deferred("UNREACHABLE", str(failure))
        case NotTrusted():
            return held("TLS", str(failure))
    return unknown("ANSWER_LOST", str(failure))


def retry_after(answer: Answer, now: datetime | None = None) -> timedelta | None:
    """Return the wish to be left alone, from now on, at most a week (RFC 9110, 10.2.3).

    A date is taken against the answer's own Date, where there is one: both are of one clock.
    """
    wish = answer.headers.get("retry-after", "").strip()
    if wish.isascii() and wish.isdigit():
        return timedelta(seconds=min(int(wish[:12]), PATIENCE.total_seconds()))
    until = _date(wish)
    if until is None:
        return None
    begin = http_date(answer) or now or datetime.now(UTC)
    return min(max(timedelta(0), until - begin), PATIENCE)


def http_date(answer: Answer) -> datetime | None:
    """Return when the service says that it answered: its Date header, in UTC."""
    return _date(answer.headers.get("date", ""))


def problem(answer: Answer) -> Problem | None:
    """Return the kind of problem that the answer names, if it is problem+json."""
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/problem+json" or not answer.whole:
        return None
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return Problem(type=_field(found, "type") or "about:blank", title=_field(found, "title"))


def refused(code: RefusalCode, text: str, mailbox_code: str | None = None) -> Refused:
    """Permanent: the post follows."""
    return Refused(reason=Reason(code=code.value, text=text, mailbox_code=mailbox_code or None))


def deferred(code: str, text: str, not_before: timedelta | None = None) -> Deferred:
    """Surely not stored: the hub tries again."""
    return Deferred(reason=Reason(code=code, text=text), not_before=not_before)


def held(code: str, text: str) -> Held:
    """Our own fault: the hub holds all notices of the mailbox until health() is up."""
    return Held(reason=Reason(code=code, text=text))


def unknown(code: str, text: str) -> Unknown:
    """May be stored: the hub never sends again blindly."""
    return Unknown(reason=Reason(code=code, text=text))


def safe(text: str) -> str:
    """Return a text of the other side as it may stand in a reason: short, and nothing odd."""
    return _UNSAFE.sub("?", text[:_TEXT_MAX])


def _said(text: str, answer: Answer) -> str:
    said = problem(answer)
    return f"{text}; it says: {said.title} ({said.type})" if said and said.title else text


def _field(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return safe(value) if isinstance(value, str) else ""


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):  # OverflowError: a far zone
        return None
