"""What is wrong in hub.toml, as one line each: where, which key, what, and what to do.

A finding never holds a value: it may be a secret in the wrong place.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hub.config.layout import Place
from hub.config.tables import Table, Tables, below, is_table

_REFERENCE = "docs/reference/configuration.md lists all keys"
_TYPES = {
    "string_type": ("not a text", "Write it in quotes"),
    "int_type": ("not a whole number", "Write digits without quotes"),
    "bool_type": ("neither true nor false", "Write true or false without quotes"),
    "tuple_type": ("not a list", 'Write texts in brackets, as ["a", "b"]'),
    "mapping_type": ("not a table", "Give it a header in brackets"),
    "dict_type": ("not a table", "Give it a header in brackets"),
    "model_type": ("not a table", "Give it a header in brackets"),
    "too_short": ("empty", "Name at least one"),
    "greater_than": ("too small", "Write a greater value"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One error: the key it concerns, what is wrong, and what to do."""

    place: Place
    what: str
    fix: str


def dotted(place: Place) -> str:
    """Write a key's place as TOML does, cut short where someone's key is very long."""
    parts = (part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part) for part in place)
    return ".".join(part if len(part) <= 60 else f"{part[:57]}..." for part in parts)


def meant(key: str, known: Iterable[str]) -> str | None:
    """Return the question `Did you mean ...?`, if a known key is close."""
    close = difflib.get_close_matches(key[:60], list(known), n=1)
    return f'Did you mean "{close[0]}"?' if close else None


def of_models(error: ValidationError) -> Iterator[Finding]:
    """Say every error that the models found, in hub.toml's words."""
    for detail in error.errors(include_url=False, include_input=False):
        yield _of_model(detail)


def _of_model(detail: ErrorDetails) -> Finding:
    place = tuple(part for part in detail["loc"] if isinstance(part, str) and part != "[key]")
    entry = next((part for part in detail["loc"] if isinstance(part, int)), None)
    what, fix = _said(detail, place)
    if entry is not None:
        what = f"entry {entry + 1} is {what}"
    return Finding(place=place, what=what, fix=fix)


def _said(detail: ErrorDetails, place: Place) -> tuple[str, str]:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(place)
        case "missing":
            return "missing", f"Set it: {_description(place)}"
        case "value_error":
            what, _, fix = str(context["error"]).partition(". ")
            return what, fix
        case "literal_error":
            return "not one of the allowed values", f"Allowed: {context['expected']}"
        case "greater_than_equal":
            return "too small", f"At least {context['ge']}"
        case "less_than_equal":
            return "too great", f"At most {context['le']}"
        case kind:
            return _TYPES.get(kind, (detail["msg"], _REFERENCE))


def _unknown(place: Place) -> tuple[str, str]:
    known = list(_model(place[:-1]).model_fields)
    here = meant(place[-1], known) or _meant_elsewhere(place[-1])
    return "unknown key", here or f"Known here: {', '.join(known)}"


def _meant_elsewhere(key: str) -> str | None:
    for table, known in key_names(Tables, ()):
        if close := meant(key, known):
            return f"{close} It stands in [{'.'.join(table)}]"
    return None


def key_names(kind: object, place: Place) -> Iterator[tuple[Place, list[str]]]:
    """Yield each table, with NAME where a name is chosen by the operator, and its keys."""
    if get_origin(kind) is Mapping:
        yield from key_names(get_args(kind)[1], (*place, "NAME"))
    elif isinstance(kind, type) and issubclass(kind, Table):
        yield place, [key for key in kind.model_fields if not is_table(below(kind, key))]
        for key in kind.model_fields:
            yield from key_names(below(kind, key), (*place, key))


def _description(place: Place) -> str:
    field = _model(place[:-1]).model_fields[place[-1]]
    text = field.description or f"a table [{dotted(place)}]"
    return text.partition(". ")[0].rstrip(".")


def _model(place: Place) -> type[Table]:
    kind: object = Tables
    for part in place:
        kind = below(kind, part)
    if not (isinstance(kind, type) and issubclass(kind, Table)):
        raise TypeError(f"{dotted(place)} has no model")
    return kind


def nearest(place: Place, places: Mapping[Place, str]) -> str | None:
    """Return where a key was set, or else the closest table around it."""
    around = (place[:length] for length in range(len(place), 0, -1))
    return next((places[one] for one in around if one in places), None)


def line(finding: Finding, places: Mapping[Place, str], file: str) -> str:
    """Write a finding as one line.

    places: where each key was set: a file and line, or an environment variable
    file: named where the key, and every table around it, was set nowhere
    """
    where = nearest(finding.place, places) or file
    end = "" if finding.fix.endswith(("?", ".")) else "."
    key = f"{dotted(finding.place)}: " if finding.place else ""
    return f"{where}: {key}{finding.what}. {finding.fix}{end}"
