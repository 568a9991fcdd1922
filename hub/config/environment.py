"""Variables `HUB__TABLE__KEY` laid over hub.toml.

Two underscores stand between the parts; letters are capitals; `-` in a name is written `_`. A value
is a text; where the key is a number, a truth value, a list, or a plugin's own setting, it is read
as hub.toml would read it. Names of other variables do not begin with `HUB__`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, get_origin

from pydantic import BeforeValidator

from hub.config.findings import Finding
from hub.config.layout import Place
from hub.config.tables import Table, Tables, below

PREFIX = "HUB__"


def overlay(
    tree: dict[str, Any], environ: Mapping[str, str], places: dict[Place, str]
) -> Iterator[Finding]:
    """Set in `tree` what the environment says; note in `places` which variable set it.

    Yields a finding for each variable that names no key.
    """
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        parts = variable.removeprefix(PREFIX).split("__")
        if not all(parts) or not all(part.isascii() and part.isprintable() for part in parts):
            yield _nothing(variable)
            continue
        kind: object = Tables
        table = tree
        place: Place = ()
        for part in parts[:-1]:
            key = _key(part, table, kind)
            kind, place = below(kind, key), (*place, key)
            child = table.setdefault(key, {})
            if not isinstance(child, dict):
                yield _nothing(variable)
                break
            table = child
        else:
            key = _key(parts[-1], table, kind)
            table[key] = _value(environ[variable], kind, key)
            _note(places, (*place, key), variable)


def _nothing(variable: str) -> Finding:
    name = "".join(letter if letter.isprintable() else "?" for letter in variable[:60])
    fix = "Write HUB__TABLE__KEY, or unset it"
    return Finding(place=(), what=f"{name} in the environment names no key", fix=fix)


def _note(places: dict[Place, str], place: Place, variable: str) -> None:
    for below_it in [other for other in places if other[: len(place)] == place]:
        del places[below_it]
    places[place] = variable
    for length in range(1, len(place)):
        places.setdefault(place[:length], variable)


def _key(part: str, table: Mapping[str, Any], kind: object) -> str:
    known = list(table)
    if isinstance(kind, type) and issubclass(kind, Table):
        known += kind.model_fields
    matching = (key for key in known if key.upper().replace("-", "_") == part.upper())
    return next(matching, part.lower())


def _value(text: str, kind: object, key: str) -> object:
    wanted = below(kind, key)
    if isinstance(kind, type) and issubclass(kind, Table) and key in kind.model_fields:
        field = kind.model_fields[key]
        if any(isinstance(item, BeforeValidator) for item in field.metadata):
            return text
    if wanted in (int, bool, Any) or get_origin(wanted) is tuple:
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except (ValueError, RecursionError):
            return text
    return text
