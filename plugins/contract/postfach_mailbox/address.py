"""Patterns of mailbox ids that can be matched in linear time, whatever the id.

A pattern is a regular expression that reads a mailbox id from left to right without ever having
two ways to go on: at each place, the characters that may come next lead to one place of the
pattern only. Such an expression is called deterministic or one-unambiguous; a backtracking engine
never has anything to try again on it. The hub matches ids of strangers against it at intake.

Allowed: characters, sets, groups, alternatives, `?`, `*`, `+`, `{m,n}`. Not allowed: look-around,
back-references, lazy and possessive repeats, flags, and anchors other than one `^` at the start and
one `$` at the end, which change nothing: the whole id is always matched.

Source: A. Brueggemann-Klein, D. Wood, "One-Unambiguous Regular Languages", 1998 (Glushkov).
"""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

PLACES_MAX = 2048  # places of a pattern with its counts written out; an id has at most 255
_OTHER = -1  # stands for every character beyond printable ASCII
_ALPHABET = tuple(chr(code) for code in range(0x21, 0x7F))

_parser: Any = importlib.import_module("re._parser")  # no public way to a parsed expression
_constants: Any = importlib.import_module("re._constants")


class PatternRefused(ValueError):
    """An address pattern is not one that can be matched in linear time."""


@dataclass(slots=True)  # grows while the pattern is read
class _Part:
    """A piece of the pattern: where it may begin and end, and whether it may be empty."""

    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    empty: bool = True


@dataclass(slots=True)  # grows while the pattern is read
class _Places:
    """All places of a pattern: the characters of each, and what may follow it."""

    characters: list[frozenset[int]] = field(default_factory=list)
    follow: list[list[int]] = field(default_factory=list)

    def add(self, characters: frozenset[int]) -> _Part:
        """Make a new place."""
        if len(self.characters) >= PLACES_MAX:
            raise PatternRefused(f"has more than {PLACES_MAX} places")
        self.characters.append(characters)
        self.follow.append([])
        place = len(self.characters) - 1
        return _Part([place], [place], False)

    def join(self, left: _Part, right: _Part) -> _Part:
        """Let `right` follow `left`."""
        for place in left.last:
            self.follow[place].extend(right.first)
        return _Part(
            left.first + right.first if left.empty else left.first,
            left.last + right.last if right.empty else right.last,
            left.empty and right.empty,
        )

    def check(self, choices: Sequence[int]) -> None:
        """Raise PatternRefused when two of the places take a character in common."""
        seen: dict[int, int] = {}
        for place in choices:
            for character in self.characters[place]:
                if seen.setdefault(character, place) != place:
                    raise PatternRefused(
                        "is ambiguous: two of its parts can take the same character at one place"
                    )


def check_pattern(pattern: str) -> str:
    """Return the pattern when it can be matched in linear time; raise PatternRefused otherwise."""
    try:
        parsed = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternRefused(f"is no regular expression: {type(error).__name__}") from error
    if parsed.state.flags & ~re.UNICODE:
        raise PatternRefused("sets flags")
    items = list(parsed)
    if items and items[0] == (_constants.AT, _constants.AT_BEGINNING):
        items = items[1:]
    if items and items[-1] == (_constants.AT, _constants.AT_END):
        items = items[:-1]
    places = _Places()
    whole = _sequence(items, places)
    if whole.empty:
        raise PatternRefused("matches the empty id")
    places.check(whole.first)
    for choices in places.follow:
        places.check(choices)
    return pattern


def _sequence(items: Sequence[Any], places: _Places) -> _Part:
    part = _Part()
    for operation, argument in items:
        part = places.join(part, _item(operation, argument, places))
    return part


def _item(operation: Any, argument: Any, places: _Places) -> _Part:
    if operation is _constants.MAX_REPEAT:
        least, most, repeated = argument
        return _repeat(least, most, repeated, places)
    if operation is _constants.BRANCH:
        return _branch(argument[1], places)
    if operation is _constants.SUBPATTERN:
        _, add, remove, items = argument
        if add or remove:
            raise PatternRefused("sets flags")
        return _sequence(items, places)
    return places.add(_characters(operation, argument))


def _repeat(least: int, most: int, items: Sequence[Any], places: _Places) -> _Part:
    # Counts are written out: {2,4} is two, then two that may be missing; an open end is a loop.
    endless = most is _constants.MAXREPEAT
    part = _Part()
    for _ in range(least):
        part = places.join(part, _sequence(items, places))
    tail = _Part()
    for _ in range(1 if endless else most - least):
        one = _sequence(items, places)
        if endless:
            for place in one.last:
                places.follow[place].extend(one.first)
        # From the last optional piece inwards: each may be followed by the next one only.
        tail = places.join(one, tail)
        tail.empty = True
    return places.join(part, tail)


def _branch(alternatives: Sequence[Any], places: _Places) -> _Part:
    parts = [_sequence(items, places) for items in alternatives]
    return _Part(
        [place for part in parts for place in part.first],
        [place for part in parts for place in part.last],
        any(part.empty for part in parts),
    )


def _characters(operation: Any, argument: Any) -> frozenset[int]:
    simple = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY)
    if operation not in simple:
        raise PatternRefused(f"uses {str(operation).lower()}, which is not allowed here")
    if operation is _constants.ANY:
        return frozenset({_OTHER, *map(ord, _ALPHABET)})
    if operation is _constants.LITERAL:
        return frozenset({argument if chr(argument) in _ALPHABET else _OTHER})
    if operation is _constants.NOT_LITERAL:
        return frozenset({_OTHER, *map(ord, _ALPHABET)} - {argument})
    return _set(argument)


def _set(items: Sequence[Any]) -> frozenset[int]:
    negate = items[0][0] is _constants.NEGATE
    found: set[int] = set()
    for operation, argument in items:
        if operation is _constants.LITERAL:
            found |= _characters(operation, argument)
        elif operation is _constants.RANGE:
            low, high = argument
            found |= {ord(each) for each in _ALPHABET if low <= ord(each) <= high}
            if high >= 0x7F or low < 0x21:
                found.add(_OTHER)
        elif operation is _constants.CATEGORY:
            raise PatternRefused(r"uses \d, \w or \s, which are more than ASCII: write the set out")
    if negate:
        return frozenset({_OTHER, *map(ord, _ALPHABET)} - (found - {_OTHER}))
    return frozenset(found)
