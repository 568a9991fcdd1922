"""The structured log: JSON lines on stderr, or readable lines on a terminal, without personal data.

    logger().info("notice accepted", message_id=..., tenant=...)

Security: two gates keep a payload, a name or a secret out of the log whatever a caller passes.
The keys of KEYS are written and no other; a value must look as its key demands, and none of the
forms allows a space or a letter outside ASCII, as names and subjects have. An event is lower-case
words, so that nothing can be formatted into it. Of an exception its class and its places are kept,
never its text. What other libraries log is reduced in the same way.
A log that cannot be written stops no work.
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast

import structlog

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9:]{5})")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_EVENT = re.compile(r"[a-z0-9][a-z0-9 -]{0,79}")
_PLACE = re.compile(r"[A-Za-z0-9_./<>-]{1,100}:[0-9]{1,6}")

# Each key that may be written, and how its value must look.
KEYS: Mapping[str, re.Pattern[str]] = {
    "event": _EVENT,
    "level": _NAME,
    "at": _TIME,
    "message_id": re.compile(r"urn:de:xta:messageid:[A-Za-z0-9._-]{1,41}:[0-9A-Fa-f-]{36}"),
    "key": re.compile(r"[0-9a-f]{32,64}"),
    "claim": _WORD,
    "stem": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"),
    "worker": _WORD,
    "tenant": _NAME,
    "procedure": _NAME,
    "mailbox": _NAME,
    "plugin": _WORD,
    "version": _WORD,
    "stage": _NAME,
    "operation": _NAME,
    "state": re.compile(r"[A-Z_]{1,20}"),
    "outcome": re.compile(r"[A-Z_]{1,20}"),
    "refusal": re.compile(r"[A-Za-z]{1,40}"),
    "code": _WORD,
    "attempt": _NUMBER,
    "count": _NUMBER,
    "bytes": _NUMBER,
    "seconds": _NUMBER,
    "barriers": _NUMBER,
    "line": _NUMBER,
    "row": _NUMBER,
    "due": _TIME,
    "error": re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,79}"),
    "errno": _WORD,
    "library": re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,79}"),
}
HIDDEN = "(not shown)"


def set_up(stream: TextIO, *, readable: bool | None = None) -> None:
    """Send the log of this process to `stream`; call it once, first of all.

    readable: lines for people instead of JSON; None: where the stream is a terminal
    """
    for_people = stream.isatty() if readable is None else readable
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _keep_allowed,
            _line if for_people else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Unbreakable(stream))),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Foreign)]:
        root.removeHandler(handler)
    root.addHandler(_Foreign(logging.WARNING))


def logger() -> structlog.typing.FilteringBoundLogger:
    """Return the log; only the keys of KEYS are written, also where nobody called `set_up`."""
    if not structlog.is_configured():  # its default prints tracebacks with values of variables
        set_up(sys.stderr)
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger())


def _keep_allowed(
    _logger: object, _method: str, given: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    raised = given.pop("exc_info", None)
    kept: dict[str, object] = {
        key: _shown(form, given[key]) for key, form in KEYS.items() if given.get(key) is not None
    }
    if dropped := len(given.keys() - KEYS.keys()):
        kept["dropped"] = dropped
    error = _exception(raised)
    if error is not None:
        kept["error"] = _shown(KEYS["error"], type(error).__name__)
        kept["places"] = _places(error.__traceback__)
    return kept


def _exception(raised: object) -> BaseException | None:
    if raised is True:
        raised = sys.exc_info()
    if isinstance(raised, tuple):
        raised = raised[1]
    return raised if isinstance(raised, BaseException) else None


def _shown(form: re.Pattern[str], value: object) -> object:
    text = str(value)
    if not form.fullmatch(text):
        return HIDDEN
    return value if isinstance(value, int | float) else text


def _places(trace: TracebackType | None) -> list[str]:
    """Return the innermost eight places of a traceback: file and line, no text of the code."""
    frames = traceback.extract_tb(trace)[-8:]
    places = (f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return [place for place in places if _PLACE.fullmatch(place)]


def _line(_logger: object, _method: str, kept: MutableMapping[str, object]) -> str:
    head = f"{str(kept.pop('at', ''))[11:19]} {kept.pop('level', ''):<7} {kept.pop('event', '')}"
    return " ".join((head, *(f"{key}={value}" for key, value in kept.items())))


class _Unbreakable:
    """A stream whose failures are swallowed: the work goes on when the log's reader is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except (OSError, ValueError):  # ValueError: the stream is closed
            return

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


class _Foreign(logging.Handler):
    """Reduces what libraries log to who spoke and which exception it was about."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        logger().warning("a library reported", library=record.name, exc_info=error)
