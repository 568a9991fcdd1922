"""Writes docs/reference/configuration.md from the models of hub.toml; `make docs` calls it.

With --check it writes nothing and ends with 1 where the page is not what the models say.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hub.config import units, values
from hub.config.tables import Table, Tables, below, is_table

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "configuration.md"
HEAD = """\
# hub.toml

Made from the code by `make docs`; do not edit.

- Relative paths count from the folder of hub.toml. It is found by `--config`, else `HUB_CONFIG`,
  else in the working folder. It is read at start; a change needs a restart.
- Durations and sizes carry a unit: {durations}; {sizes}. Rates: `20/s`, `600/m`, `1000/h`.
- A variable `HUB__TABLE__KEY` of the environment sets a key: `HUB__SEAL__KEY=file:keys/new.p12`
  sets `seal.key`. Two underscores stand between the parts; `-` in a name is written `_`.
- Secrets never stand in hub.toml, only the names of files that hold them.
- Unknown keys are errors. `hub config check` names all errors at once, each with its line:
  `hub.toml:9: spool.rescam: unknown key. Did you mean "rescan"?`
- `NAME` stands for a name that you choose: {name}.
"""
KINDS = {
    units.duration: "duration",
    units.size: "size",
    units.rate: "rate",
    units.waits: "seconds, as `60,300,900`",
    values.absolute: "path",
    values.vault: "path",
    values.database: "`sqlite:///` and a path",
    values.key: "`file:` and a path",
}
TYPES = {str: "text", int: "whole number", bool: "`true` or `false`", timedelta: "duration"}


def page() -> str:
    """Return the page's text."""
    durations = ", ".join(f"`{unit}`" for unit in units.DURATION_UNITS)
    sizes = ", ".join(f"`{unit}`" for unit in units.SIZE_UNITS)
    name = values.PATTERNS["name"][1]
    parts = [HEAD.format(durations=durations, sizes=sizes, name=name)]
    parts += _tables(Tables, ())
    return "\n".join(parts)


def _tables(kind: object, place: tuple[str, ...]) -> Iterator[str]:
    if get_origin(kind) is Mapping:
        yield from _tables(get_args(kind)[1], (*place, "NAME"))
    elif isinstance(kind, type) and issubclass(kind, Table):
        if place:
            yield _table(kind, place)
        for key in kind.model_fields:
            yield from _tables(below(kind, key), (*place, key))


def _table(model: type[Table], place: tuple[str, ...]) -> str:
    rows = [f"## `[{'.'.join(place)}]`", "", (model.__doc__ or "").strip(), ""]
    rows += ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for key, field in model.model_fields.items():
        inner = below(model, key)
        if is_table(inner) and get_args(inner)[1:] != (Any,):
            continue
        meaning = " ".join((field.description or "").split()).replace("|", r"\|")
        rows.append(f"| `{key}` | {_type(field)} | {_default(field)} | {meaning} |")
    return "\n".join((*rows, ""))


def _type(field: FieldInfo) -> str:
    return _described(field.annotation, tuple(field.metadata))


def _described(annotation: object, metadata: tuple[object, ...]) -> str:
    checks = [one.func for one in metadata if isinstance(one, AfterValidator | BeforeValidator)]
    kind = next((KINDS[check] for check in checks if check in KINDS), None)
    if kind is None:
        kind = _plain(annotation)
    words = [check.words for check in checks if isinstance(check, values.Within | values.WrittenAs)]
    return f"{kind} ({words[-1]})" if words else kind


def _plain(annotation: object) -> str:
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in arguments)
    if get_origin(annotation) is tuple:
        return f"list of {_plain(arguments[0])}"
    if get_origin(annotation) is Mapping:
        return "table"
    if hasattr(annotation, "__metadata__"):
        return _described(arguments[0], annotation.__metadata__)
    if arguments:  # a type or None
        return _plain(arguments[0])
    return TYPES[annotation] if isinstance(annotation, type) else str(annotation)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be set"
    if field.default is None:
        return "unset"
    return f"`{json.dumps(field.default)}`"


def main() -> int:
    """Write the page, or compare it; returns the exit code."""
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.read_text("utf-8") == page() else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
