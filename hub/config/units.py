"""Durations and sizes as hub.toml writes them: a whole number and a unit.

Durations: `500ms`, `60s`, `5m`, `4h`, `7d`. Sizes: `100B`, `64KiB`, `16MiB`, `1GiB` (powers of
1024). Rates: `20/s`, `600/m`, `1000/h`. A bare number is refused, so that nobody has to guess its
unit.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

DURATION_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_RATE = re.compile(r"([0-9]{1,7})/([smh])")
_NUMBER_AND_UNIT = re.compile(r"([0-9]{1,9})([A-Za-z]{1,3})")


def duration(text: object) -> timedelta:
    """Read a duration.

    Raises ValueError, saying how one is written, for anything else.
    """
    number, unit = _split(text)
    if unit not in DURATION_UNITS:
        raise ValueError('not a duration. Write a text of number and unit, as "60s", "5m" or "7d"')
    try:
        return number * DURATION_UNITS[unit]
    except OverflowError:
        raise ValueError("longer than any calendar. Write a shorter duration") from None


def size(text: object) -> int:
    """Read a size; returns bytes.

    Raises ValueError, saying how one is written, for anything else.
    """
    number, unit = _split(text)
    if unit not in SIZE_UNITS:
        raise ValueError('not a size. Write a text of number and unit, as "16MiB" or "1GiB"')
    return number * SIZE_UNITS[unit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most so many of something in a time; `count` may come at once, the rest as time goes."""

    count: int
    per: timedelta


def rate(text: object) -> Rate:
    """Read a rate.

    Raises ValueError, saying how one is written, for anything else.
    """
    match = _RATE.fullmatch(text) if isinstance(text, str) else None
    if match is None or not int(match[1]):
        raise ValueError('not a rate. Write a text as "20/s", "600/m" or "1000/h"')
    return Rate(count=int(match[1]), per=DURATION_UNITS[match[2]])


def _split(text: object) -> tuple[int, str]:
    match = _NUMBER_AND_UNIT.fullmatch(text) if isinstance(text, str) else None
    return (int(match[1]), match[2]) if match else (0, "")


def waits(text: object) -> tuple[timedelta, ...]:
    """Read a list of waits, `60,300,900`: whole seconds, each 1 or more, at most 100 of them.

    Raises ValueError, saying how one is written, for anything else.
    """
    parts = [part.strip() for part in text.split(",")] if isinstance(text, str) else []
    if not 1 <= len(parts) <= 100 or not all(re.fullmatch("[0-9]{1,8}", part) for part in parts):
        raise ValueError('not a list of waits. Write whole seconds, as "60,300,900"')
    seconds = tuple(timedelta(seconds=int(part)) for part in parts)
    if not all(seconds):
        raise ValueError("a wait of 0 seconds. Write 1 or more, so that no mailbox is run over")
    return seconds
